"""Users on trial mail verified addresses only: at the review, at the start, and at the staging."""

import re

import pytest

from blaster import campaigns, db, recipients, trial, users
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.campaign_db import Recipient, User
from blaster.queue import control, staging
from tests.queue_data import server_with_account, statuses

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def on_trial(alice):
    """Alice, whose trial has not ended."""
    with db.session(campaign_db):
        User.update(is_trial=True).where(User.id == alice.user_id).execute()
    return alice


def verified(person, *emails: str) -> None:
    for email in emails:
        trial.ask(person.user_id, email)
        trial.verify(person.user_id, email)


def draft_to(person, *emails: str):
    found = recipients.create_list(person.user_id, "Customers")
    recipients.import_csv(person.user_id, found.id, "email\n" + "\n".join(emails) + "\n")
    return campaigns.create_campaign(person.user_id, name="Spring", list_id=found.id, subject="Hi", html="Hi")


def test_a_campaign_to_strangers_does_not_start(on_trial, bob):
    server_with_account(on_trial.user_id)
    draft = draft_to(on_trial, "alice@example.com", "zoe@example.net", "ann@example.net", "bob@example.net")
    verified(on_trial, "Ann@Example.net")
    trial.ask(on_trial.user_id, "zoe@example.net")
    verified(bob, "bob@example.net")
    assert trial.strangers(on_trial.user_id, draft.list_id) == 2
    page = on_trial.get(f"/campaigns/{draft.campaign_id}/review").text
    assert "2 recipients of the list are addresses that you have not verified" in page
    assert 'href="/settings/addresses"' in page
    assert on_trial.post(f"/campaigns/{draft.campaign_id}/start").status_code == 422
    with pytest.raises(Conflict, match="on trial"):
        campaigns.start(on_trial.user_id, draft.campaign_id)
    verified(on_trial, "bob@example.net")
    trial.verify(on_trial.user_id, "zoe@example.net")
    assert on_trial.post(f"/campaigns/{draft.campaign_id}/start").status_code == 303


def test_who_is_trusted_mails_anybody(on_trial):
    draft = draft_to(on_trial, "zoe@example.net")
    trial.trust(on_trial.user_id)
    assert trial.strangers(on_trial.user_id, draft.list_id) == 0
    campaigns.start(on_trial.user_id, draft.campaign_id)


def test_an_address_changed_after_the_start_is_not_staged(on_trial):
    verified(on_trial, *(f"r{i}@example.net" for i in range(6)))
    draft = draft_to(on_trial, *(f"r{i}@example.net" for i in range(6)))
    started = campaigns.start(on_trial.user_id, draft.campaign_id)
    content = campaigns.content(started)
    control.open_campaign(on_trial.user_id, draft.campaign_id, draft.list_id, started.stage_until, content)
    with db.session(campaign_db):
        Recipient.update(email="x@example.org", email_key="x@example.org").where(
            Recipient.email_key == "r4@example.net"
        ).execute()
    row = control.state(on_trial.user_id, draft.campaign_id)
    assert [staging.stage_batch(row, 3), staging.stage_batch(row, 3)] == [False, False]
    assert (row.run_state, statuses(draft.campaign_id)) == ("paused", {"pending": 3})
    assert "have not verified" in control.state(on_trial.user_id, draft.campaign_id).note


@only_sqlite
def test_addresses_are_few_and_stay_a_day(on_trial, bob, clock):
    for i in range(trial.MOST):
        trial.ask(on_trial.user_id, f"a{i}@example.net")
    for email in ("one@too.many.example", "no address"):
        with pytest.raises(Invalid):
            trial.ask(on_trial.user_id, email)
    first = trial.list_addresses(on_trial.user_id)[0]
    with pytest.raises(Conflict, match="tomorrow"):
        trial.remove(on_trial.user_id, first.id)
    with pytest.raises(NotFound):
        trial.remove(bob.user_id, first.id)
    clock.advance(trial.DAY + 1)
    trial.remove(on_trial.user_id, first.id)
    with pytest.raises(NotFound):
        trial.verify(on_trial.user_id, first.email_key)


@only_sqlite
def test_an_address_is_verified_by_its_link(on_trial, visitor, sink):
    server_with_account(on_trial.user_id, host=sink.host, port=sink.port)
    answer = on_trial.post("/settings/addresses", {"email": "Zoe@example.net"})
    assert "A link was sent to Zoe@example.net" in on_trial.get(answer.location).text
    (message,) = sink.messages()
    assert (message["To"], message["Auto-Submitted"]) == ("Zoe@example.net", "auto-generated")
    link = re.search(r"https?://\S+(/verify/\S+)", message.get_content())[1]
    assert "Is this your address?" in visitor.get(link).text
    assert "zoe@example.net" not in trial.allowed(on_trial.user_id)
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get(link).text)[1]
    assert "is confirmed" in visitor.client.post(link, data={"csrf_token": token}).text
    assert trial.allowed(on_trial.user_id) == ["alice@example.com", "zoe@example.net"]
    assert "Verified" in on_trial.get("/settings/addresses").text
    for forged in (link + "x", "/verify/" + link[-30:]):
        assert visitor.get(forged).status_code == 404


@only_sqlite
@pytest.mark.parametrize("has_account", [False, True])
def test_a_link_that_cannot_be_sent_leaves_nothing_behind(on_trial, has_account):
    if has_account:
        server_with_account(on_trial.user_id, port=1)
    answer = on_trial.post("/settings/addresses", {"email": "zoe@example.net"})
    assert "notice error" in on_trial.get(answer.location).text
    assert trial.list_addresses(on_trial.user_id) == []


@only_sqlite
def test_an_admin_ends_a_trial(on_trial, admin):
    assert "alice@example.com" in admin.get("/admin/trials").text
    assert on_trial.post("/admin/trials", {"user": str(on_trial.user_id)}).status_code == 403
    assert admin.post("/admin/trials", {"user": str(on_trial.user_id)}).status_code == 303
    assert "Nobody is on trial" in admin.get("/admin/trials").text
    assert not users.get(on_trial.user_id).is_trial

import re
import threading

import pytest

from blaster import campaigns, db, progress, recipients
from blaster.db import crm_db
from blaster.mail.compile import message_id
from blaster.models.crm_db import Mail
from blaster.queue import claims, control, decisions, leases, orphans, staging
from blaster.queue.claims import Outcome
from blaster.web import decisions as web_decisions
from blaster.workers import walker
from blaster.workers.holds import Holds
from tests import queue_data
from tests.queue_data import assert_books_balance, statuses
from tests.test_web_campaigns import add_account, draft_of

BUTTONS = ("Send again", "Count as sent", "Send all again", "Count all as sent")


def sending(person, mails: int):
    """A campaign whose mails are all under way: (campaign id, lease, rows)."""
    account = add_account(person, hourly_limit=5_000, daily_limit=5_000)
    made = recipients.create_list(person.user_id, "Readers")
    rows = "".join(f"reader{n}@example.com\n" for n in range(mails))
    recipients.import_csv(person.user_id, made.id, "email\n" + rows)
    message = {"subject": "Hello", "html": "<p>Spring</p>"}
    campaign_id = draft_of(person, list_id=made.id, **message)
    person.post(f"/campaigns/{campaign_id}/start")
    while not staging.stage_batch(control.state(person.user_id, campaign_id), 1_000):
        pass
    hold = leases.take(f"server:{account.smtp_server_id}", "host:1", 30_000)
    rows, _ = queue_data.claim(person.user_id, account.smtp_server_id, account.id, campaign_id, hold, mails)
    assert claims.intend(rows) == set(rows)
    return campaign_id, hold, rows


def shown(campaign_id: int) -> int:
    progress.finish()
    progress.publish()
    return campaign_id


def in_doubt(person, mails=2) -> int:
    """A finished campaign; its worker was killed while it sent all of it."""
    campaign_id, hold, _ = sending(person, mails)
    leases.expire_all("host:1")
    orphans.recover(hold)
    return shown(campaign_id)


def refused(person, *classes: str) -> int:
    """A finished campaign, one mail failed with each of these classes."""
    campaign_id, hold, rows = sending(person, len(classes))
    said = {"hard": "5.1.1 No such user", "soft": "5.2.2 Mailbox <full>"}
    claims.settle(
        Outcome(row, "failed", reply_class, 550, said.get(reply_class, "No"))
        for row, reply_class in zip(rows, classes, strict=True)
    )
    leases.release(hold)
    return shown(campaign_id)


def status_of(person, campaign_id: int):
    return campaigns.get_campaign(person.user_id, campaign_id).status


def ids_of(campaign_id: int) -> list[int]:
    with db.session(crm_db):
        return [mail.id for mail in Mail.select().where(Mail.campaign_id == campaign_id).order_by(Mail.id)]


def test_the_counts_lead_to_the_lists(alice):
    campaign_id = in_doubt(alice)
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert page.count(f'href="/campaigns/{campaign_id}/unknown"') == 2
    assert f"/campaigns/{campaign_id}/failed" not in page
    campaign_id = refused(alice, "hard")
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert f'href="/campaigns/{campaign_id}/failed"' in page
    assert f"/campaigns/{campaign_id}/unknown" not in page


def test_unknown_is_explained_with_each_mail_and_its_choices(app, alice):
    campaign_id = in_doubt(alice)
    page = alice.get(f"/campaigns/{campaign_id}/unknown").text
    assert "What unknown means" in page
    for sentence in ("after the last byte of the mail", "unless you say so", "The worker died while sending."):
        assert sentence in page
    assert page.count("Sent through a@example.com") == 2
    for mail_id in ids_of(campaign_id):
        assert f'action="/campaigns/{campaign_id}/unknown/{mail_id}/send-again"' in page
        assert f'action="/campaigns/{campaign_id}/unknown/{mail_id}/count-as-sent"' in page
        key = app.config["BLASTER"].secret_key.encode()
        assert message_id(mail_id, campaign_id, "example.com", key) in page
    assert "hx-" not in re.sub("<meta[^>]*>", "", page)


@pytest.mark.parametrize("change", ["send-again", "count-as-sent"])
def test_deciding_for_all_asks_first_without_scripts(alice, change):
    campaign_id = in_doubt(alice)
    page = alice.get(f"/campaigns/{campaign_id}/unknown").text
    confirmed = (
        rf'<details class="confirm"><summary(?:(?!</details>).)*/unknown/{change}"(?:(?!</details>).)*</details>'
    )
    assert re.search(confirmed, page, re.DOTALL)
    assert page.count(f'"/campaigns/{campaign_id}/unknown/{change}"') == 1


def test_one_mail_is_sent_again(alice):
    campaign_id = in_doubt(alice)
    assert status_of(alice, campaign_id).status == "finished"
    first, _ = ids_of(campaign_id)
    answer = alice.post(f"/campaigns/{campaign_id}/unknown/{first}/send-again", {"after": "0-0"})
    assert (answer.status_code, answer.location) == (303, f"/campaigns/{campaign_id}/unknown?after=0-0")
    assert "1 mail will be sent again." in alice.get(answer.location).text
    assert statuses(campaign_id) == {"pending": 1, "unknown": 1}
    status = status_of(alice, campaign_id)
    assert (status.status, status.pending_emails, status.unknown_emails) == ("running", 1, 1)
    assert status.finished_at is None
    assert_books_balance()


@pytest.mark.parametrize("htmx", [False, True])
def test_all_are_sent_again(alice, htmx):
    campaign_id = in_doubt(alice, mails=1_200)
    answer = alice.post(f"/campaigns/{campaign_id}/unknown/send-again", htmx=htmx)
    assert answer.headers["HX-Redirect" if htmx else "Location"] == f"/campaigns/{campaign_id}"
    assert "1,200 mails will be sent again." in alice.get(f"/campaigns/{campaign_id}").text
    assert statuses(campaign_id) == {"pending": 1_200}


def test_one_mail_and_then_the_rest_count_as_sent(alice):
    campaign_id = in_doubt(alice, mails=3)
    first, *_ = ids_of(campaign_id)
    answer = alice.post(f"/campaigns/{campaign_id}/unknown/{first}/count-as-sent")
    assert answer.location == f"/campaigns/{campaign_id}/unknown"
    assert "1 mail counts as sent now." in alice.get(answer.location).text
    answer = alice.post(f"/campaigns/{campaign_id}/unknown/count-as-sent")
    assert "2 mails count as sent now." in alice.get(answer.location).text
    status = status_of(alice, campaign_id)
    assert (status.status, status.sent_emails, status.unknown_emails) == ("finished", 3, 0)


def test_what_was_decided_before_is_not_decided_again(alice):
    campaign_id = in_doubt(alice)
    first, _ = ids_of(campaign_id)
    alice.post(f"/campaigns/{campaign_id}/unknown/{first}/count-as-sent")
    alice.get("/")
    answer = alice.post(f"/campaigns/{campaign_id}/unknown/{first}/send-again")
    assert "Nothing was left to decide" in alice.get(answer.location).text
    assert statuses(campaign_id) == {"sent": 1, "unknown": 1}


def test_a_decision_whose_page_died_is_shown_all_the_same(alice):
    """Between the two databases: Server 2 has decided, Server 1 still shows a finished campaign."""
    campaign_id = in_doubt(alice)
    decisions.send_again(alice.user_id, campaign_id)
    assert status_of(alice, campaign_id).status == "finished"
    progress.publish()
    status = status_of(alice, campaign_id)
    assert (status.status, status.pending_emails, status.unknown_emails) == ("running", 2, 0)


def test_a_paused_campaign_says_that_it_waits(alice):
    campaign_id = refused(alice, "soft")
    alice.post(f"/campaigns/{campaign_id}/failed/try-again", {"reason": "soft"})
    alice.post(f"/campaigns/{campaign_id}/pause")
    with db.session(crm_db):
        Mail.update(status="failed").where(Mail.campaign_id == campaign_id).execute()
    answer = alice.post(f"/campaigns/{campaign_id}/failed/try-again", {"reason": "soft"})
    assert "it goes on when you resume it" in alice.get(answer.location).text


def test_failures_are_grouped_by_reason(alice):
    campaign_id = refused(alice, "soft", "soft", "hard", "odd")
    page = alice.get(f"/campaigns/{campaign_id}/failed").text
    assert page.index("Given up after several tries") < page.index("No such address")
    assert "No reason on record" in page  # a class that this version does not know
    assert "550 5.2.2 Mailbox &lt;full&gt;" in page
    assert f'href="/campaigns/{campaign_id}/failed?reason=soft#addresses">2</a>' in page
    assert page.count("reader") == 4
    only = alice.get(f"/campaigns/{campaign_id}/failed?reason=hard").text
    assert only.count("reader") == 1
    assert "Show all" in only


def test_one_reason_is_tried_again(alice):
    campaign_id = refused(alice, "soft", "soft", "hard")
    answer = alice.post(f"/campaigns/{campaign_id}/failed/try-again", {"reason": "soft"})
    assert (answer.status_code, answer.location) == (303, f"/campaigns/{campaign_id}")
    page = alice.get(answer.location).text
    assert "2 mails will be tried again." in page
    assert statuses(campaign_id) == {"pending": 2, "failed": 1}
    status = status_of(alice, campaign_id)
    assert (status.status, status.pending_emails, status.failed_emails) == ("running", 2, 1)
    for reason in ({}, {"reason": "sent"}, {"reason": "soft"}):
        answer = alice.post(f"/campaigns/{campaign_id}/failed/try-again", reason)
        assert "Nothing was left to decide" in alice.get(answer.location).text
    assert statuses(campaign_id) == {"pending": 2, "failed": 1}


def test_a_page_leaves_the_rest_of_many_mails_to_the_workers(alice, monkeypatch):
    monkeypatch.setattr(decisions, "SLICE", 4)
    monkeypatch.setattr(web_decisions, "SECONDS", 0)
    campaign_id = in_doubt(alice, mails=10)
    answer = alice.post(f"/campaigns/{campaign_id}/unknown/count-as-sent")
    page = alice.get(answer.location).text
    assert "4 mails count as sent now. There are more: they follow by themselves" in page
    assert "What you decided is being done: 4 mails so far." in page
    assert 'hx-trigger="every 2s"' in page
    walker.of_decisions(Holds("host:1", 30_000), threading.Event()).work()
    assert "What you decided is being done" not in alice.get(answer.location).text
    assert status_of(alice, campaign_id).sent_emails == 10


@pytest.mark.parametrize("kind", ["unknown", "failed"])
def test_without_any_the_page_says_so_and_leads_back(alice, kind):
    campaign_id = in_doubt(alice) if kind == "failed" else refused(alice, "hard")
    page = alice.get(f"/campaigns/{campaign_id}/{kind}").text
    assert {"unknown": "No mail is unknown", "failed": "No mail has failed"}[kind] in page
    assert page.count(f'href="/campaigns/{campaign_id}"') == 2
    assert "Try again" not in page
    assert not any(label in page for label in BUTTONS)


@pytest.mark.parametrize("kind", ["unknown", "failed"])
def test_pages_lead_through_all_of_them(alice, kind):
    campaign_id = in_doubt(alice, mails=120) if kind == "unknown" else refused(alice, *["soft"] * 120)
    url, seen = f"/campaigns/{campaign_id}/{kind}", []
    while url:
        page = alice.get(url).text
        seen.append(re.findall(r'class="address">(\S+)', page.replace("</th>", " ")))
        following = re.search(r'href="([^"]+)">(?:(?!</a>).)*Next page', page)
        url = following and following[1].replace("&amp;", "&")
        assert ("First page" in page) == (len(seen) > 1)
    assert [len(page) for page in seen] == [50, 50, 20]
    assert len({address for page in seen for address in page}) == 120


@pytest.mark.parametrize("after", ["nonsense", "1", "-1", "1-", "1-x", "²-1", "9" * 40 + "-1"])
def test_a_page_that_never_was_is_no_error(alice, after):
    campaign_id = in_doubt(alice)
    assert alice.get(f"/campaigns/{campaign_id}/unknown?after={after}").status_code == 200


def test_a_page_that_was_decided_away_leads_to_the_first(alice):
    campaign_id = in_doubt(alice)
    page = alice.get(f"/campaigns/{campaign_id}/unknown?after=9999999999999-1").text
    assert "First page" in page
    assert "No mail is unknown" not in page


def test_a_cancelled_campaign_only_shows_them(alice):
    campaign_id = in_doubt(alice)
    first, second = ids_of(campaign_id)
    alice.post(f"/campaigns/{campaign_id}/unknown/{first}/send-again")
    alice.post(f"/campaigns/{campaign_id}/cancel")
    alice.get("/")
    page = alice.get(f"/campaigns/{campaign_id}/unknown").text
    assert "This campaign was cancelled" in page
    assert not any(f">{label}</" in page for label in BUTTONS)
    for url in (f"unknown/{second}/send-again", "unknown/send-again", "unknown/count-as-sent", "failed/try-again"):
        answer = alice.post(f"/campaigns/{campaign_id}/{url}", {"reason": "hard"})
        assert answer.status_code == 303
        assert "its mails stay as they are" in alice.get(answer.location).text
    assert statuses(campaign_id) == {"pending": 1, "unknown": 1}


def test_before_anything_was_sent_it_leads_to_the_campaign(alice):
    campaign_id = draft_of(alice)
    for kind in ("unknown", "failed"):
        answer = alice.get(f"/campaigns/{campaign_id}/{kind}")
        assert (answer.status_code, answer.location) == (303, f"/campaigns/{campaign_id}")
    assert alice.post(f"/campaigns/{campaign_id}/unknown/send-again").status_code == 404


def test_nobody_decides_about_a_strangers_mails(alice, bob):
    hers, his = in_doubt(alice), in_doubt(bob)
    (mail_id, _), before = ids_of(hers), statuses(hers)
    for url in (f"{hers}/unknown", f"{hers}/failed", f"{hers}/failed?reason=hard"):
        assert bob.get(f"/campaigns/{url}").status_code == 404
    for campaign_id in (hers, his):
        for change in ("send-again", "count-as-sent"):
            assert bob.post(f"/campaigns/{campaign_id}/unknown/{mail_id}/{change}").status_code == 404
    for url in ("unknown/send-again", "unknown/count-as-sent", "failed/try-again"):
        assert bob.post(f"/campaigns/{hers}/{url}", {"reason": "hard"}).status_code == 404
    assert statuses(hers) == before


@pytest.mark.parametrize("url", ["unknown/send-again", "unknown/count-as-sent", "failed/try-again"])
def test_it_rejects_get_where_something_changes(alice, url):
    assert alice.get(f"/campaigns/{in_doubt(alice)}/{url}").status_code == 405

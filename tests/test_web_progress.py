import re

import pytest

from blaster import campaigns, db, progress, recipients, servers
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl, Mail, SmtpUsage
from blaster.queue import control, health, quota, staging, tally
from blaster.web import supply, waiting
from tests.test_web_campaigns import add_account, draft_of


def started(person) -> int:
    """A campaign of two recipients that the workers have staged."""
    campaign_id = draft_of(person)
    assert person.post(f"/campaigns/{campaign_id}/start").status_code == 303
    while not staging.stage_batch(control.state(person.user_id, campaign_id), 10):
        pass
    progress.publish()
    return campaign_id


def settle(campaign_id: int, status: str, *, text="550 5.1.1 No such user") -> None:
    """Move one pending mail to its end, the way a worker does."""
    with db.session(crm_db):
        mail = Mail.get((Mail.campaign_id == campaign_id) & (Mail.status == "pending"))
        values = {"status": status, "smtp_code": int(text[:3]), "smtp_text": text[4:], "due_at": db.now(crm_db)}
        Mail.update(**values).where(Mail.id == mail.id).execute()
        tally.add(campaign_id, 1, {"pending": -1, status: 1})
    progress.finish()
    progress.publish()


def use_up(account) -> None:
    with db.session(crm_db):
        bucket = quota.bucket_of(db.now(crm_db))
        SmtpUsage.create(smtp_account_id=account.id, bucket=bucket, taken=account.hourly_limit)


def test_a_start_without_accounts_leads_to_them(alice):
    campaign_id = draft_of(alice)
    for answer in (alice.get(f"/campaigns/{campaign_id}/review"), alice.post(f"/campaigns/{campaign_id}/start")):
        assert "No SMTP accounts yet. Add one." in answer.text
        assert 'href="/servers"' in answer.text
        assert "Start sending" not in answer.text
    assert answer.status_code == 422
    assert campaigns.get_campaign(alice.user_id, campaign_id).status.status == "draft"


def test_an_account_that_is_switched_off_does_not_count(alice):
    servers.set_account_active(alice.user_id, add_account(alice).id, False)
    assert "No SMTP accounts yet." in alice.get(f"/campaigns/{draft_of(alice)}/review").text


def test_an_unknown_merge_tag_is_named_with_the_one_that_was_meant(alice):
    add_account(alice)
    campaign_id = draft_of(alice, subject="Hi {{ frist_name }}")
    answer = alice.post(f"/campaigns/{campaign_id}/start")
    assert answer.status_code == 422
    assert "Unknown merge tag {{ frist_name }} in the subject. Did you mean {{ first_name }}?" in answer.text
    assert f'href="/campaigns/{campaign_id}/edit"' in answer.text


def test_an_empty_list_leads_to_its_import(alice):
    add_account(alice)
    empty = recipients.create_list(alice.user_id, "Nobody").id
    page = alice.get(f"/campaigns/{draft_of(alice, list_id=empty)}/review").text
    assert "The list “Nobody” is empty." in page
    assert f'href="/lists/{empty}/import"' in page


def test_the_review_shows_what_is_sent_and_how_long_it_takes(alice):
    add_account(alice, hourly_limit=1)
    page = alice.get(f"/campaigns/{draft_of(alice)}/review").text
    assert "Hello Ada" in page
    assert "Garden &amp; Co" in page
    assert "2 recipients" in page
    assert "Started now, it will finish about" in page and "the hourly limit of the account" in page
    assert re.search(r'<iframe [^>]* sandbox src="/campaigns/\d+/preview\b', page)
    assert "Start sending" in page


@pytest.mark.parametrize("htmx", [False, True])
def test_a_start_hands_the_campaign_to_the_workers(alice, htmx):
    add_account(alice)
    campaign_id = draft_of(alice)
    answer = alice.post(f"/campaigns/{campaign_id}/start", htmx=htmx)
    assert answer.headers["HX-Redirect" if htmx else "Location"] == f"/campaigns/{campaign_id}"
    assert control.state(alice.user_id, campaign_id).run_state == "staging"
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "The campaign has started." in page
    assert "copied to the queue" in page
    assert alice.get(f"/campaigns/{campaign_id}/review").location == f"/campaigns/{campaign_id}"
    answer = alice.post(f"/campaigns/{campaign_id}/start")
    assert answer.status_code == 303
    assert "was started already" in alice.get(answer.location).text


def test_a_started_campaign_cannot_be_edited_or_deleted(alice):
    add_account(alice)
    campaign_id = started(alice)
    for url in ("edit", "delete"):
        assert alice.post(f"/campaigns/{campaign_id}/{url}", {"name": "Other"}).status_code == 303
    assert campaigns.get_campaign(alice.user_id, campaign_id).name == "Spring"


def test_the_progress_refreshes_itself_as_fast_as_its_state_asks(alice):
    account = add_account(alice)
    campaign_id = started(alice)
    url = f"/campaigns/{campaign_id}/progress"
    fragment = alice.get(url, htmx=True).text
    assert fragment.lstrip().startswith('<div id="progress"')
    assert 'hx-trigger="every 2s"' in fragment
    use_up(account)
    assert 'hx-trigger="every 10s"' in alice.get(f"/campaigns/{campaign_id}").text
    settle(campaign_id, "sent")
    settle(campaign_id, "sent")
    fragment = alice.get(url, htmx=True).text
    assert "hx-" not in fragment
    assert "2 of 2 mails sent" in fragment


def test_the_page_holds_the_same_fragment(alice):
    add_account(alice)
    campaign_id = started(alice)
    fragment = alice.get(f"/campaigns/{campaign_id}/progress", htmx=True).text
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert fragment.strip() in page
    assert alice.get(f"/campaigns/{campaign_id}/progress").location == f"/campaigns/{campaign_id}"


def poll_url(person, campaign_id: int) -> str:
    page = person.get(f"/campaigns/{campaign_id}").text
    return re.search(r'hx-get="([^"]+/progress[^"]+)"', page)[1].replace("&amp;", "&")


def test_nothing_new_is_204(alice):
    add_account(alice)
    campaign_id = started(alice)
    answers = [alice.get(poll_url(alice, campaign_id), htmx=True).status_code for _ in range(2)]
    assert 204 in answers  # the other may have met the end of a half minute
    url = poll_url(alice, campaign_id)
    settle(campaign_id, "sent")
    assert alice.get(url, htmx=True).status_code == 200


def test_another_status_reloads_the_page_around_the_fragment(alice):
    add_account(alice)
    campaign_id = started(alice)
    url = poll_url(alice, campaign_id)
    control.pause(alice.user_id, campaign_id)
    progress.publish()
    answer = alice.get(url, htmx=True)
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")


def test_the_counts_add_up_to_the_total(alice):
    add_account(alice)
    campaign_id = started(alice)
    settle(campaign_id, "failed")
    counts = re.findall(
        r'<div class="is-(\w+)[^"]*"><dt>[^<]+</dt><dd>(?:<a[^>]*>)?(\d+)<', alice.get(f"/campaigns/{campaign_id}").text
    )
    counts = {name: int(count) for name, count in counts}
    assert counts.pop("total") == sum(counts.values()) == 2
    assert counts["failed"] == counts["pending"] == 1


def test_the_last_errors_carry_the_words_of_the_server_as_text(alice):
    add_account(alice)
    campaign_id = started(alice)
    settle(campaign_id, "failed", text="550 5.1.1 <b>No such user</b>")
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "550 5.1.1 &lt;b&gt;No such user&lt;/b&gt;" in page
    assert "ada@example.com" in page


def test_it_says_which_limit_waits_until_when(alice):
    account = add_account(alice)
    campaign_id = started(alice)
    use_up(account)
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert re.search(r"The hourly limit is used up \(1 account\), until <time datetime=", page)
    assert re.search(r"Goes on by itself at <time datetime=", page)


def test_an_account_goes_on_when_both_its_health_and_its_limits_let_it(alice):
    account = add_account(alice)
    use_up(account)
    health.record_failure(alice.user_id, account.smtp_server_id, account.id, "account-rate", "421 slow down")
    (line,) = supply.lines(alice.user_id)
    assert line.state == "cooling"
    (reason,) = waiting.reasons([line])
    assert reason.until == line.budget.next_at > line.until
    health.record_failure(alice.user_id, account.smtp_server_id, account.id, "account-auth", "535 no")
    (reason,) = waiting.reasons(supply.lines(alice.user_id))
    assert reason.until == 0


def test_it_says_so_when_no_account_is_switched_on(alice):
    account = add_account(alice)
    campaign_id = started(alice)
    servers.set_account_active(alice.user_id, account.id, False)
    assert "No SMTP account is switched on." in alice.get(f"/campaigns/{campaign_id}").text


def test_mails_that_wait_for_another_try_are_the_reason(alice):
    add_account(alice)
    campaign_id = started(alice)
    with db.session(crm_db):
        Mail.update(due_at=db.now(crm_db) + 600_000).where(Mail.campaign_id == campaign_id).execute()
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "tried again" in page
    assert "Goes on by itself at" in page


def test_unknown_mails_are_explained(alice):
    add_account(alice)
    campaign_id = started(alice)
    settle(campaign_id, "unknown")
    assert "1 mail is unknown" in alice.get(f"/campaigns/{campaign_id}").text


def test_pause_resume_and_cancel(alice):
    add_account(alice)
    campaign_id = started(alice)
    answer = alice.post(f"/campaigns/{campaign_id}/pause")
    assert (answer.status_code, answer.location) == (303, f"/campaigns/{campaign_id}")
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "Nothing is sent until you resume." in page
    assert "Resume" in page
    alice.post(f"/campaigns/{campaign_id}/resume")
    assert control.state(alice.user_id, campaign_id).run_state == "running"
    assert "Pause" in alice.get(f"/campaigns/{campaign_id}").text
    alice.post(f"/campaigns/{campaign_id}/cancel")
    assert control.state(alice.user_id, campaign_id).run_state == "cancelling"
    while not control.close_cancelled(campaign_id):
        pass
    progress.publish()
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "0 mails had been sent, 2 never will be." in page
    assert "Pause" not in page


def test_an_illegal_change_says_what_holds(alice):
    add_account(alice)
    campaign_id = started(alice)
    alice.post(f"/campaigns/{campaign_id}/cancel")
    answer = alice.post(f"/campaigns/{campaign_id}/pause")
    assert answer.status_code == 303
    assert "Only a running campaign can be paused." in alice.get(f"/campaigns/{campaign_id}").text


def test_the_reason_of_a_pause_is_shown(alice):
    add_account(alice)
    campaign_id = started(alice)
    control.pause(alice.user_id, campaign_id, "The server refuses the message: virus found.")
    progress.publish()
    assert "virus found" in alice.get(f"/campaigns/{campaign_id}").text


def test_a_page_does_not_need_the_workers(alice):
    """The web died between the two databases: the workers open the campaign later."""
    add_account(alice)
    campaign_id = draft_of(alice)
    campaigns.start(alice.user_id, campaign_id)
    with db.session(crm_db):
        assert not CampaignControl.select().exists()
    assert alice.get(f"/campaigns/{campaign_id}").status_code == 200


@pytest.mark.parametrize("url", ["", "/edit", "/review", "/preview", "/progress"])
@pytest.mark.parametrize("htmx", [False, True])
def test_a_strangers_campaign_is_not_found(alice, bob, url, htmx):
    campaign_id = draft_of(alice)
    assert bob.get(f"/campaigns/{campaign_id}{url}", htmx=htmx).status_code == 404


@pytest.mark.parametrize("change", ["edit", "copy", "delete", "start"])
def test_nobody_changes_a_strangers_draft(alice, bob, change):
    add_account(bob)
    campaign_id = draft_of(alice)
    assert bob.post(f"/campaigns/{campaign_id}/{change}", {"name": "Mine"}).status_code == 404
    assert campaigns.get_campaign(alice.user_id, campaign_id).name == "Spring"
    assert campaigns.list_campaigns(bob.user_id) == []


@pytest.mark.parametrize("change", ["pause", "resume", "cancel"])
def test_nobody_stops_a_strangers_campaign(alice, bob, change):
    add_account(alice)
    campaign_id = started(alice)
    assert bob.post(f"/campaigns/{campaign_id}/{change}").status_code == 404
    assert control.state(alice.user_id, campaign_id).run_state == "running"


def test_a_strangers_list_lends_no_sample_and_no_tags(alice, bob):
    campaign_id = draft_of(alice)
    list_id = campaigns.get_campaign(alice.user_id, campaign_id).list_id
    assert bob.post("/campaigns/preview", {"html": "{{ email }}", "list_id": list_id}).status_code == 404
    assert bob.get(f"/campaigns/merge-tags?list_id={list_id}", htmx=True).status_code == 404
    bob.post("/campaigns/new", {"name": "Spy", "list_id": list_id})
    assert [campaign.list_id for campaign in campaigns.list_campaigns(bob.user_id)] == [None]


@pytest.mark.parametrize("change", ["start", "pause", "resume", "cancel", "copy", "delete"])
def test_it_rejects_get_where_something_changes(alice, change):
    assert alice.get(f"/campaigns/{draft_of(alice)}/{change}").status_code == 405

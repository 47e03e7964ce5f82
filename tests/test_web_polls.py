"""Polls without news, the chart of mails a minute, what failed and why."""

import re

import pytest
from flask import g

from blaster import db, pace, progress, servers, users
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import SmtpUsage
from blaster.models.minutes import CampaignMinute
from blaster.queue import quota, tally, usage
from blaster.web import charts, polls
from blaster.web import progress as web_progress
from tests.test_web_campaigns import add_account
from tests.test_web_progress import settle, started

MINUTE = pace.MINUTE


def poll(person, campaign_id: int, version: str | None = None):
    with db.session(campaign_db):
        row = CampaignStatus.get_by_id(campaign_id)
    version = polls.version(row.__data__, waits=False) if version is None else version
    return person.get(f"/campaigns/{campaign_id}/progress?status={row.status}&v={version}", htmx=True)


def shown(answer) -> str:
    """The version that the fragment or page asks with next time."""
    return re.search(r'/progress\?status=\w+&amp;v=([\w.]+)"', answer.text)[1]


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(polls, "_TICK", 10**12)  # no minute ends in between


def test_a_poll_without_news_reads_once_and_leaves_server_2_alone(alice, still, monkeypatch):
    add_account(alice)
    campaign_id, asked = started(alice), []
    execute = campaign_db.execute_sql

    def noted(sql, *values, **more):
        asked.append(sql)
        return execute(sql, *values, **more)

    monkeypatch.setattr(campaign_db.obj, "execute_sql", noted)
    monkeypatch.setattr(crm_db.obj, "connect", None)
    answer = poll(alice, campaign_id)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (204, "no-store")
    assert len([sql for sql in asked if "campaign_master" in sql or "users" in sql]) == 1


def test_new_counters_cost_one_read_too_and_nothing_else_is_drawn(alice, still, monkeypatch):
    add_account(alice)
    campaign_id = started(alice)
    version = shown(alice.get(f"/campaigns/{campaign_id}"))
    settle(campaign_id, "sent", text="250 ok")
    monkeypatch.setattr(crm_db.obj, "connect", None)
    answer = poll(alice, campaign_id, version)
    assert answer.text.startswith('<div id="counters"')
    assert re.search('is-sent"><dt>Sent</dt><dd>1<', answer.text)
    assert "HX-Retarget" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert poll(alice, campaign_id, shown(answer)).status_code == 204


def test_every_counter_that_is_published_is_news(alice, still):
    """So what a page shows is older than the queue by the time between two copies and that between two polls."""
    add_account(alice)
    campaign_id = started(alice)
    seen = [shown(alice.get(f"/campaigns/{campaign_id}"))]
    for moved in ({"pending": -1, "active": 1}, {"active": -1, "sent": 1}):
        with db.session(crm_db):
            tally.add(campaign_id, 1, moved)
        progress.publish()
        answer = poll(alice, campaign_id, seen[-1])
        assert answer.status_code == 200
        seen.append(shown(answer))
    assert len(set(seen)) == 3


def test_both_intervals_together_leave_half_a_second_of_three(settings):
    fastest = {polls.REFRESH[state] for state in ("staging", "running", "cancelling")}
    assert fastest == {2}
    assert settings.status_update_seconds + 2 <= 2.5


def test_what_is_around_the_counters_comes_with_its_first_change(alice, still):
    add_account(alice)
    campaign_id = started(alice)
    version = shown(alice.get(f"/campaigns/{campaign_id}"))
    settle(campaign_id, "failed")
    answer = poll(alice, campaign_id, version)
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#progress", "outerHTML")
    assert answer.text.startswith('<div id="progress"')
    assert "Last errors" in answer.text
    assert poll(alice, campaign_id, shown(answer)).status_code == 204


STATUS = {f"{name}_emails": 0 for name in polls.COUNTS} | {
    "campaign_id": 0,
    "status": "running",
    "note": "",
    "start_at": None,
    "start_zone": "",
    "started_at": 1,
    "finished_at": None,
    "total_emails": 9,
    "pending_emails": 9,
    "emails_per_minute": 0,
}


@pytest.mark.parametrize(
    ("waits", "changes", "seconds", "due"),
    [
        (False, {"active_emails": 1}, 59, False),
        (False, {"active_emails": 1}, 60, True),
        (False, {"pending_emails": 0, "sent_emails": 9}, 0, False),
        (False, {}, 9, False),  # nothing on its way: it may be waiting …
        (False, {}, 10, True),  # … so that is found out
        (True, {}, 59, False),
        (True, {}, 60, True),
        (True, {"active_emails": 1}, 0, True),  # it goes on
        (False, {"active_emails": 1, "status": "paused"}, 0, True),
        (False, {"active_emails": 1, "note": "The server refuses the message."}, 0, True),
        (False, {"active_emails": 1, "unknown_emails": 2}, 0, True),
        (False, {"active_emails": 1, "failed_emails": 1}, 0, True),
    ],
)
def test_when_all_of_a_page_is_drawn_again(waits, changes, seconds, due):
    drawn = polls.version(STATUS, waits=waits, now=0)
    assert (polls.newest(drawn, STATUS | changes, now=seconds) == "") == due


@pytest.mark.parametrize("shown", ["", "old", "1.2.3", "00000000.00000000.-1", "0" * 9000])
def test_a_version_that_no_page_has_leads_to_all_of_it(shown):
    assert polls.newest(shown, STATUS, now=0) == ""


def test_those_who_look_at_the_same_get_one_drawing(alice, signed_in, still, monkeypatch):
    add_account(alice)
    campaign_id, drawn = started(alice), []
    draw = web_progress._view
    monkeypatch.setattr(web_progress, "_view", lambda campaign: drawn.append(1) or draw(campaign))
    answers = [poll(alice, campaign_id, "old") for _ in range(3)]
    assert len(drawn) == len({answer.text for answer in answers}) == 1
    assert poll(signed_in("Bob"), campaign_id, "old").status_code == 404  # though it is at hand
    settle(campaign_id, "sent", text="250 ok")
    assert poll(alice, campaign_id, "old").text != answers[0].text


def test_a_drawing_with_a_form_is_for_one_session(app):
    drawn = []
    for token in ("first", "second"):
        with app.test_request_context("/campaigns/1/progress"):
            g.csrf_token = token
            drawn.append(polls.whole(STATUS, lambda t=token: t))
    assert drawn == ["first", "second"]


def test_news_and_strangers_go_the_usual_way(alice, signed_in, still):
    add_account(alice)
    campaign_id = started(alice)
    assert poll(alice, campaign_id, "old").status_code == 200
    assert poll(signed_in("Bob"), campaign_id).status_code == 404


def test_a_poll_of_someone_who_is_signed_out_elsewhere_is_refused(alice, still):
    add_account(alice)
    campaign_id = started(alice)
    users.set_password(alice.user_id, "another long password")
    assert poll(alice, campaign_id).status_code == 401


def test_minutes_hold_what_was_counted_and_a_stranger_sees_none(alice):
    add_account(alice)
    campaign_id = started(alice)
    settle(campaign_id, "sent", text="250 ok")
    settle(campaign_id, "failed")
    with db.session(campaign_db):
        rows = list(
            CampaignMinute.select().where(CampaignMinute.campaign_id == campaign_id).order_by(CampaignMinute.minute)
        )
    assert (rows[-1].sent, rows[-1].failed, rows[-1].unknown) == (1, 1, 0)
    since = rows[0].minute
    assert sum(sent + failed for _, sent, failed in pace.columns(alice.user_id, campaign_id, since, since)) == 2
    assert pace.columns(alice.user_id + 1, campaign_id, since, since) == []
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "Mails sent and not sent in each minute" in page
    assert '<rect class="is-sent"' in page


def test_counters_become_differences_without_gaps(alice):
    add_account(alice)
    campaign_id, start = started(alice), 1_000 * MINUTE
    with db.session(campaign_db):
        for minute, sent in ((0, 10), (1, 30), (4, 35), (5, 20)):
            CampaignMinute.create(campaign_id=campaign_id, minute=start + minute * MINUTE, sent=sent)
    found = pace.columns(alice.user_id, campaign_id, start, start + 5 * MINUTE)
    assert [sent for _, sent, _ in found] == [10, 20, 0, 0, 5, 0]
    coarse = pace.columns(alice.user_id, campaign_id, start, start + 100 * MINUTE)
    assert [sent for _, sent, _ in coarse[:3]] == [30, 0, 0]


def test_a_chart_ends_at_a_round_number():
    assert [charts.ceiling(value) for value in (0, 1, 3, 11, 60, 4_999)] == [1, 1, 5, 20, 100, 5_000]
    drawn = charts.bars([(0, 50, 50), (MINUTE, 0, 0)], 1)
    assert (drawn.top, drawn.bars[0].sent_height, drawn.bars[0].failed_height) == (100, 60, 60)


def test_the_same_counts_are_not_noted_again(alice):
    add_account(alice)
    campaign_id = started(alice)
    with db.session(campaign_db):
        assert not CampaignMinute.select().where(CampaignMinute.campaign_id == campaign_id).count()
    progress.publish()
    with db.session(campaign_db):
        assert not CampaignMinute.select().where(CampaignMinute.campaign_id == campaign_id).count()


def test_the_breakdown_groups_by_domain_account_and_reason(alice, signed_in):
    add_account(alice)
    campaign_id = started(alice)
    settle(campaign_id, "sent", text="250 ok")
    settle(campaign_id, "failed")
    page = alice.get(f"/campaigns/{campaign_id}/breakdown").text
    assert "All mails that were sent or failed so far." in page
    assert "550 5.1.1 No such user" in page.replace("  ", " ")
    assert f"/campaigns/{campaign_id}/recipients?state=failed" in page
    assert signed_in("Bob").get(f"/campaigns/{campaign_id}/breakdown").status_code == 404


def test_an_account_shows_its_last_seven_days(alice, signed_in):
    account = add_account(alice)
    with db.session(crm_db):
        now = db.now(crm_db)
        for days, taken in ((0, 30), (6, 5), (8, 99)):
            bucket = quota.bucket_of(now - days * quota.DAY)
            SmtpUsage.create(smtp_account_id=account.id, bucket=bucket, taken=taken)
    assert usage.week(alice.user_id, now) == {account.id: [5, 0, 0, 0, 0, 0, 30]}
    assert usage.week(signed_in("Bob").user_id, now) == {}
    assert "By day: 5, 0, 0, 0, 0, 0, 30" in alice.get(f"/servers/{account.smtp_server_id}").text


def test_the_last_mails_on_their_way_need_no_usable_account(alice, still):
    account = add_account(alice)
    campaign_id = started(alice)
    servers.set_account_active(alice.user_id, account.id, False)
    with db.session(campaign_db):
        CampaignStatus.update(pending_emails=0, active_emails=2).where(
            CampaignStatus.campaign_id == campaign_id
        ).execute()
    assert alice.get(f"/campaigns/{campaign_id}").status_code == 200

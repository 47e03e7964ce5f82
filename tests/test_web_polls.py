"""Polls without news, the chart of mails a minute, what failed and why."""

import pytest

from blaster import db, pace, progress, servers, users
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import SmtpUsage
from blaster.models.minutes import CampaignMinute
from blaster.queue import quota, usage
from blaster.web import charts, polls
from tests.test_web_campaigns import add_account
from tests.test_web_progress import settle, started

MINUTE = pace.MINUTE


def poll(person, campaign_id: int, version: str | None = None):
    with db.session(campaign_db):
        row = CampaignStatus.get_by_id(campaign_id)
    version = polls.version(row.__data__) if version is None else version
    return person.get(f"/campaigns/{campaign_id}/progress?status={row.status}&v={version}", htmx=True)


@pytest.fixture
def still(monkeypatch):
    monkeypatch.setattr(polls, "_CLOCK", 10**12)  # no half minute ends in between


def test_a_poll_without_news_reads_once_and_leaves_server_2_alone(alice, still, monkeypatch):
    add_account(alice)
    campaign_id, asked = started(alice), []
    execute = campaign_db.execute_sql

    def noted(sql, *values, **more):
        asked.append(sql)
        return execute(sql, *values, **more)

    monkeypatch.setattr(campaign_db.obj, "execute_sql", noted)
    monkeypatch.setattr(crm_db.obj, "connect", None)
    assert poll(alice, campaign_id).status_code == 204
    assert len([sql for sql in asked if "campaign_master" in sql or "users" in sql]) == 1


def test_news_and_strangers_go_the_usual_way(alice, signed_in, still):
    add_account(alice)
    campaign_id = started(alice)
    assert poll(alice, campaign_id, "old").status_code == 200
    assert poll(signed_in("Bob"), campaign_id).status_code == 404
    with db.session(campaign_db):
        version = polls.version(CampaignStatus.get_by_id(campaign_id).__data__)
    settle(campaign_id, "sent", text="250 ok")
    assert poll(alice, campaign_id, version).status_code == 200


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

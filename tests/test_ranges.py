"""Ranges of mails that were never tried, beside whoever else is at the campaign: stagers, other claims, an operator."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from blaster import db
from blaster.db import crm_db
from blaster.errors import Conflict
from blaster.models.bounces import DomainPause
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import claims, control, domains, erasure, leases, orphans, ranges, recount, tally
from blaster.queue.claims import Outcome
from tests import queue_data
from tests.queue_data import ALICE, assert_books_balance, running_campaign, server_with_account

TTL = 30_000
with_row_locks = pytest.mark.parametrize("engine", ["mysql"], indirect=True)


@pytest.fixture
def hold(databases):
    return leases.take("server:1", "host:1", TTL)


@pytest.fixture
def account(databases):
    return server_with_account()[1]


def claim(account, hold):
    return queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 10)


@pytest.fixture
def aside():
    """Runs calls in threads of their own, each with its own connection."""
    with ThreadPoolExecutor(2) as pool:
        yield lambda work: pool.submit(_in_session, work)


def _in_session(work):
    with db.session(crm_db):
        return work()


def _wait_for_lock():
    query = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state='LOCK WAIT'"
    deadline = time.monotonic() + 30
    while not crm_db.execute_sql(query).fetchone()[0]:
        assert time.monotonic() < deadline
        time.sleep(0.2)  # more often it would not look anew: it keeps its answer for 0.1 s after each question


@with_row_locks
def test_a_claim_does_not_wait_for_what_is_being_staged(aside, account, hold):
    running_campaign(mails=5)
    with db.session(crm_db), crm_db.atomic():
        columns = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key)
        db.insert_new(Mail, columns, [(ALICE, 7, 99, "r99@example.net", "r99@example.net")])
        assert len(aside(lambda: claim(account, hold)[0]).result(30)) == 5
        tally.add(7, 0, {"pending": 1})
    assert [row.email for row in claim(account, hold)[0]] == ["r99@example.net"]
    assert_books_balance()


@with_row_locks
def test_a_claim_that_waits_for_another_does_not_hold_its_lease(aside, account, hold):
    """The other one may be of a host that is lost, and the lease must be renewed meanwhile."""
    running_campaign(mails=5)
    with db.session(crm_db):
        with crm_db.atomic():
            ranges.lock(7)
            waiting = aside(lambda: claim(account, hold)[0])
            _wait_for_lock()
            assert list(aside(lambda: leases.renew("host:1", ["server:1"], TTL)).result(30)) == ["server:1"]
        assert len(waiting.result(30)) == 5
    assert_books_balance()


def test_what_comes_back_after_the_end_stays_as_it_is(account, hold):
    running_campaign(mails=5)
    rows, _ = claim(account, hold)
    with db.session(crm_db):
        CampaignControl.update(run_state="finished").execute()
    assert claims.settle([Outcome(row, "pending") for row in rows]) == 0
    assert_books_balance()


def test_a_range_is_recovered_though_somebody_deleted_its_mails(account, hold):
    running_campaign(mails=5)
    claim(account, hold)
    with db.session(crm_db):
        Mail.delete().execute()
    orphans.recover(hold)
    recount.correct(7)
    assert control.counts(7)["active"] == 0


def test_what_is_held_is_no_difference_between_rows_and_tally(account, hold):
    running_campaign(mails=15)
    claim(account, hold)
    assert control.counts(7)["active"] == 10 and recount.difference(7) == {}


def test_a_held_mail_is_not_erased_and_one_that_only_waits_is(account, hold):
    """A worker has its address in hand and sends it."""
    running_campaign(mails=15)
    rows, _ = claim(account, hold)
    held, waiting = rows[0].email, "r15@example.net"
    with pytest.raises(Conflict, match="on its way"):
        erasure.erase(ALICE, held, "hidden")
    assert erasure.erase(ALICE, waiting, "hidden too") == 1
    assert claims.intend(rows) == set(rows)
    assert_books_balance()


def test_mails_are_put_off_without_a_question_for_each(account, hold, monkeypatch):
    running_campaign(mails=30)
    rows, _ = claim(account, hold)
    asked, cursor = [], ranges.cursor
    monkeypatch.setattr(ranges, "cursor", lambda campaign_id: asked.append(campaign_id) or cursor(campaign_id))
    with db.session(crm_db):
        until = db.now(crm_db) + domains.HOUR
        pause = DomainPause.create(user_id=ALICE, domain="example.net", until=until, since=0, times=1, reason="")
    assert domains.postpone(pause) == 20
    assert asked == [7]
    assert claims.intend(rows) == set(rows)
    assert_books_balance()

"""Workers send a real queue to a real SMTP server."""

import errno
from collections import Counter

import pytest

from blaster import db
from blaster.db import crm_db
from blaster.demo.faults import Rule
from blaster.models.crm_db import CampaignControl, Mail, SmtpAccount, SmtpHealth, SmtpServer
from blaster.queue import control, health, orphans, quota
from blaster.workers import journal, orchestrator
from blaster.workers.journal import Journal
from tests.queue_data import ALICE, BOB, assert_books_balance, running_campaign, server_with_account, statuses
from tests.work import is_at_rest, processes, wait_until, worker


@pytest.fixture
def server(databases, sink):
    """Alice's server at the sink, with three accounts."""
    return server_with_account(accounts=3, host=sink.host, port=sink.port)[0]


def received(sink) -> Counter:
    return Counter(record.recipient for record in sink.records())


def test_every_recipient_gets_the_mail_once(databases, server, sink):
    running_campaign(mails=500)
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 500}
    assert received(sink) == Counter(f"r{i}@example.net" for i in range(1, 501))
    assert_books_balance()


def test_equal_accounts_share_the_work(databases, sink):
    sink.play(rtt_ms=10)  # as mail servers do: without, it is the processor that is shared
    _, accounts = server_with_account(accounts=10, host=sink.host, port=sink.port)
    running_campaign(mails=3_000)
    with worker(databases):
        wait_until(is_at_rest)
    by_login = Counter(record.login for record in sink.records())
    assert set(by_login) == {account.email for account in accounts}
    assert max(by_login.values()) - min(by_login.values()) <= 60, by_login


def test_mails_go_through_accounts_of_their_own_user_only(databases, sink):
    for user, campaign in ((ALICE, 7), (BOB, 8)):
        for _ in range(2):
            server_with_account(user, accounts=2, host=sink.host, port=sink.port)
        running_campaign(user, campaign, mails=300, first=1 + 1_000 * campaign)
    with processes(databases, 2):
        wait_until(lambda: is_at_rest(7) and is_at_rest(8))
    for record in sink.records():
        owner = ALICE if record.recipient < "r8" else BOB
        assert record.login.startswith(f"u{owner}s"), record
    assert sum(received(sink).values()) == len(received(sink)) == 600
    assert_books_balance()


def test_limits_are_met_exactly_and_then_it_waits(databases, sink):
    server_with_account(accounts=10, hourly=5, daily=50, host=sink.host, port=sink.port)
    running_campaign(mails=200)
    with processes(databases, 2):
        wait_until(lambda: statuses().get("sent") == 50)
        wait_until(lambda: not {"claimed", "sending"} & set(statuses()))
    assert statuses() == {"sent": 50, "pending": 150}
    assert set(Counter(record.login for record in sink.records()).values()) == {5}
    budget = next(iter(quota.budgets(ALICE).values()))
    assert budget.binding == "hourly limit"
    assert_books_balance()


def test_pause_stops_and_resume_sends_nothing_twice(databases, server, sink):
    running_campaign(mails=2_000)
    sink.play(Rule("dot", "delay", seconds=0.01))
    with worker(databases):
        wait_until(lambda: statuses().get("sent", 0) > 100)
        control.pause(ALICE, 7)
        wait_until(lambda: not {"claimed", "sending"} & set(statuses()))
        at_pause = len(sink.records())
        control.resume(ALICE, 7)
        sink.play()
        wait_until(is_at_rest)
    assert at_pause < 2_000
    assert max(received(sink).values()) == 1
    assert statuses() == {"sent": 2_000}
    assert_books_balance()


def test_cancel_leaves_the_rest_cancelled(databases, server, sink):
    running_campaign(mails=2_000)
    sink.play(Rule("dot", "delay", seconds=0.01))
    with worker(databases):
        wait_until(lambda: statuses().get("sent", 0) > 100)
        control.cancel(ALICE, 7)
        wait_until(lambda: control.state(ALICE, 7).run_state == "cancelled")
    found = statuses()
    assert set(found) == {"sent", "cancelled"}
    assert found["sent"] == len(sink.records())
    assert_books_balance()


def test_a_wrong_password_stops_that_account_only(databases, server, sink):
    first = f"u1s{server.id}a0@example.com"
    sink.play(Rule("auth", "reply", "535 5.7.8 wrong password", login=first))
    running_campaign(mails=300)
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 300}
    assert len(sink.faults_played()) <= 3
    with db.session(crm_db):
        account = SmtpAccount.get(SmtpAccount.email == first)
        row = SmtpHealth.get(SmtpHealth.smtp_account_id == account.id)
    assert (row.state, row.reason) == ("attention", "account-auth")
    assert "password" in health.words(row)


def test_a_refused_recipient_fails_alone(databases, server, sink):
    sink.play(Rule("rcpt", "reply", "550 5.1.1 no such user", recipient="r13@*"))
    running_campaign(mails=50)
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 49, "failed": 1}
    with db.session(crm_db):
        mail = Mail.get(Mail.status == "failed")
    assert (mail.email, mail.reply_class, mail.smtp_code) == ("r13@example.net", "hard", 550)
    assert_books_balance()


def test_a_reply_that_never_came_is_shown_as_unknown(databases, server, sink):
    sink.play(Rule("dot", "swallow", recipient="r13@*"))
    running_campaign(mails=50)
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 49, "unknown": 1}
    assert received(sink)["r13@example.net"] == 1
    assert_books_balance()


def test_a_mail_deferred_by_the_server_waits_for_its_next_attempt(databases, server, sink):
    sink.play(Rule("rcpt", "reply", "450 4.2.0 greylisted", recipient="r13@*", times=1))
    running_campaign(mails=20)
    with worker(databases):
        wait_until(lambda: statuses() == {"sent": 19, "pending": 1})
    with db.session(crm_db):
        mail = Mail.get(Mail.status == "pending")
        assert mail.attempts == 1
        assert mail.due_at > db.now(crm_db) + 4 * 60_000
        Mail.update(due_at=1).where(Mail.id == mail.id).execute()
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 20}


def test_a_provider_quota_leaves_the_mail_pending(databases, server, sink):
    first = f"u1s{server.id}a0@example.com"
    sink.play(Rule("mail", "reply", "454 4.5.3 daily quota exceeded", login=first))
    running_campaign(mails=200)
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 200}
    assert first not in {record.login for record in sink.records()}


def test_a_message_the_server_will_not_take_pauses_the_campaign(databases, server, sink):
    sink.play(Rule("dot", "reply", "552 5.3.4 message too big"))
    running_campaign(mails=100)
    with worker(databases):
        wait_until(lambda: control.state(ALICE, 7).run_state == "paused")
        wait_until(lambda: not {"claimed", "sending"} & set(statuses()))
    assert "message too big" in control.state(ALICE, 7).note
    assert statuses() == {"pending": 100}
    assert_books_balance()


def test_it_stops_cleanly_in_mid_run(databases, server, sink):
    running_campaign(mails=3_000)
    sink.play(Rule("dot", "delay", seconds=0.005))
    with processes(databases, 1) as (process,):
        wait_until(lambda: statuses().get("sent", 0) > 100)
        assert process.stop() == 0
    assert not {"claimed", "sending", "unknown"} & set(statuses())
    assert statuses()["sent"] == len(sink.records()) < 3_000
    assert_books_balance()


def test_a_killed_worker_loses_and_doubles_nothing(databases, server, sink):
    running_campaign(mails=2_000)
    sink.play(Rule("dot", "delay", seconds=0.005))
    with processes(databases, 1, lease_seconds=3) as (process,):
        wait_until(lambda: statuses().get("sent", 0) > 100)
        process.kill()
    sink.play()
    with processes(databases, 1, lease_seconds=3):
        wait_until(is_at_rest)
    found = statuses()
    assert found["sent"] + found.get("unknown", 0) == 2_000
    assert found.get("unknown", 0) <= 10
    assert max(received(sink).values()) == 1
    with db.session(crm_db):
        sent = {mail.email for mail in Mail.select().where(Mail.status == "sent")}
    assert sent <= set(received(sink))
    assert_books_balance()


def test_it_sends_only_what_may_run(databases, server, sink):
    running_campaign(mails=10)
    with db.session(crm_db):
        CampaignControl.update(run_state="paused").execute()
    with worker(databases) as running:
        wait_until(lambda: running._due["publish"] > 0, what="at work")
    assert sink.records() == []
    assert statuses() == {"pending": 10}


def test_a_lost_lease_stops_its_pool_at_the_next_heartbeat(databases, server, sink, monkeypatch):
    monkeypatch.setattr(orchestrator, "TICK", 60)  # the tick would stop it too, but later
    running_campaign(mails=10)
    with worker(databases, lease_seconds=2) as running:
        wait_until(lambda: running.pools)
        pool = running.pools[server.id]
        orphans.recover(pool.hold)  # as another process does when this one has slept too long
        wait_until(lambda: pool.stopping)


def test_the_journal_keeps_what_a_dropped_server_still_sends(databases, server, sink, monkeypatch):
    monkeypatch.setattr(journal, "LARGEST", 0)
    monkeypatch.setattr(orchestrator, "REFRESH_SECONDS", 0.1)
    sink.play(Rule("dot", "delay", seconds=3))
    running_campaign(mails=1)
    with worker(databases) as running:
        wait_until(sink.records)
        with db.session(crm_db):
            (mail_id,) = Mail.select(Mail.id).tuples().first()
            SmtpServer.update(is_active=False).execute()
        wait_until(lambda: not running.pools)
        running._shorten_journal()
        assert mail_id in journal.read(running.journal.path).dotted
        wait_until(is_at_rest)
    assert statuses() == {"sent": 1}


def test_a_full_disk_for_the_journal_loses_no_outcome(databases, server, sink, monkeypatch):
    def is_full(*note):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "replied", is_full)
    running_campaign(mails=5)
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 5}
    assert_books_balance()


def test_a_server_is_not_kept_by_a_process_whose_journal_fails(databases, server, sink, monkeypatch):
    noted, fail = Journal.lease, iter([True])

    def lease(self, hold):
        if next(fail, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        noted(self, hold)

    monkeypatch.setattr(Journal, "lease", lease)
    running_campaign(mails=5)
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 5}

"""Mail servers in trouble: what becomes of the mails, of the account, and of everybody else's work."""

import pytest

from blaster import db
from blaster.db import crm_db
from blaster.demo.faults import Rule
from blaster.models.crm_db import CampaignContent, Mail, SmtpHealth, SmtpServer
from blaster.queue import health
from tests.clock import HOUR
from tests.faults import Hanging, all_sent_once, received
from tests.ports import free_port
from tests.queue_data import BOB, assert_books_balance, running_campaign, server_with_account, statuses
from tests.scripted import ScriptedServer
from tests.sinks import SinkThread
from tests.work import is_at_rest, processes, wait_until, worker

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def server(databases, sink):
    """Alice's server at the sink, with three accounts."""
    return server_with_account(accounts=3, host=sink.host, port=sink.port)[0]


def secured(host: str, port: int) -> SmtpServer:
    """Another server of Alice, with STARTTLS."""
    server, _ = server_with_account(host=host, port=port)
    with db.session(crm_db):
        SmtpServer.update(encryption="starttls").where(SmtpServer.id == server.id).execute()
    return server


def health_of(server_id: int, account_id: int = health.SERVER) -> tuple[str, str]:
    """(state, reason)"""
    with db.session(crm_db):
        key = (SmtpHealth.smtp_server_id == server_id) & (SmtpHealth.smtp_account_id == account_id)
        row = SmtpHealth.get_or_none(key)
    return (row.state, row.reason) if row else ("ok", "")


# The server


@pytest.mark.parametrize("at", ["banner", "dot"])
def test_a_server_that_hangs_holds_up_nobody_else(databases, server, sink, at):
    with Hanging(at) as hanging:
        server_with_account(BOB, accounts=3, host=hanging.host, port=hanging.port)
        running_campaign(BOB, 8, mails=500, first=5_000)
        with worker(databases, smtp_timeout=60):
            assert hanging.waiting.wait(60)
            running_campaign(mails=500)
            wait_until(is_at_rest)
            assert {"claimed", "sending"} & set(statuses(8))
            assert not {"sent", "unknown", "failed"} & set(statuses(8))
            hanging.release()
    all_sent_once(500, sink)


@pytest.mark.parametrize("welcome", ["421 4.3.2 busy", "554 5.3.2 go away", "hangs up", "nobody there"])
def test_a_server_that_takes_nobody_leaves_the_work_to_the_others(databases, server, sink, tmp_path, welcome):
    running_campaign(mails=100)
    with SinkThread(tmp_path / "closed") as closed:
        action = Rule("banner", "drop") if welcome == "hangs up" else Rule("banner", "reply", welcome)
        closed.play(action)
        port = free_port() if welcome == "nobody there" else closed.port
        other, _ = server_with_account(accounts=3, host=closed.host, port=port)
        with worker(databases):
            wait_until(lambda: health_of(other.id) == ("cooling", "connection"))
            wait_until(is_at_rest)
        assert closed.records() == []
    all_sent_once(100, sink)


def test_stripped_starttls_gets_no_credentials_and_needs_attention(databases, server, sink):
    running_campaign(mails=300)
    with ScriptedServer(lambda talk: (talk.greet(), talk.rest())) as plain:
        other = secured(plain.host, plain.port)
        with worker(databases):
            wait_until(lambda: health_of(other.id) == ("attention", "tls-required"))
            wait_until(is_at_rest)
        for talk in plain.talks:
            assert talk.received.startswith(b"EHLO ") and talk.received.count(b"\r\n") == 1
    all_sent_once(300, sink)


def test_a_wrong_certificate_gets_no_credentials_and_needs_attention(databases, server, sink, tls_sink):
    running_campaign(mails=300)
    other = secured(tls_sink.host, tls_sink.port)
    with worker(databases):
        wait_until(lambda: health_of(other.id) == ("attention", "tls-required"))
        wait_until(is_at_rest)
    assert tls_sink.records() == []
    all_sent_once(300, sink)


# The account


@pytest.mark.parametrize(
    ("stage", "reply", "state"),
    [
        ("auth", "535 5.7.8 wrong password", ("attention", "account-auth")),
        ("auth", "534 5.7.9 application password required", ("attention", "account-auth")),
        ("auth", "454 4.7.0 temporary authentication failure", ("cooling", "account-temp")),
        ("mail", "550 5.7.1 sender address not allowed", ("attention", "sender-not-allowed")),
        ("mail", "421 4.7.0 too many concurrent connections", ("cooling", "account-rate")),
        ("rcpt", "550 5.4.5 daily sending quota exceeded", ("cooling", "account-limit")),
        ("dot", "452 4.5.3 daily sending limit exceeded", ("cooling", "account-limit")),
    ],
)
def test_an_account_in_trouble_stops_alone(databases, server, sink, stage, reply, state):
    first = f"u1s{server.id}a0@example.com"
    sink.play(Rule(stage, "reply", reply, login=first))
    running_campaign(mails=200)
    with worker(databases):
        wait_until(is_at_rest)
    tries = [fault for fault in sink.faults_played() if fault[1] == "auth"]
    assert len(tries) <= 3
    with db.session(crm_db):
        assert Mail.select().where(Mail.attempts != 1).count() == 0
        account_id = SmtpHealth.get(SmtpHealth.smtp_account_id > 0).smtp_account_id
    assert health_of(server.id, account_id) == state
    assert first not in {record.login for record in sink.records()}
    all_sent_once(200, sink)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("auth", "454 4.7.0 temporary authentication failure"),
        ("mail", "454 4.5.3 daily quota exceeded"),
        ("mail", "452 4.5.3 daily sending limit exceeded"),
    ],
)
def test_a_quota_of_all_accounts_leaves_the_mails_pending(databases, server, sink, stage, reply):
    sink.play(Rule(stage, "reply", reply))
    running_campaign(mails=100)
    with worker(databases):
        wait_until(lambda: len(cooling()) == 3)
        wait_until(lambda: statuses() == {"pending": 100})
    with db.session(crm_db):
        assert Mail.select().where(Mail.attempts > 0).count() == 0
    assert sink.records() == []
    assert_books_balance()


def cooling() -> list[SmtpHealth]:
    with db.session(crm_db):
        return list(SmtpHealth.select().where((SmtpHealth.state == "cooling") & (SmtpHealth.smtp_account_id > 0)))


# The mail


def test_a_greylisted_mail_is_tried_again_by_itself_and_sent_once(databases, server, sink):
    sink.play(Rule("rcpt", "reply", "450 4.2.0 greylisted, try again", times=1, per="recipient"))
    running_campaign(mails=20)
    with db.session(crm_db):
        now = db.now(crm_db)
    with processes(databases, 1, clock_speed=300, clock_origin=now):  # five minutes take a second
        wait_until(is_at_rest)
    with db.session(crm_db):
        assert {attempts for (attempts,) in Mail.select(Mail.attempts).tuples()} == {2}
    all_sent_once(20, sink)


def test_replies_that_are_none_leave_only_their_own_mail_in_doubt(databases, server, sink, monkeypatch):
    monkeypatch.setitem(health.COOLING, "connection", (1_000, HOUR))
    sink.play(
        Rule("dot", "garbage", reply="\x00\xff no SMTP\n", recipient="r1@*"),
        Rule("dot", "reply", "999 9.9.9 what", recipient="r2@*"),
        Rule("dot", "garbage", reply="x" * 100_000 + "\r\n", recipient="r3@*"),
        Rule("dot", "swallow", recipient="r4@*"),
        Rule("dot", "drip", seconds=0.01, recipient="r5@*"),
        Rule("rcpt", "garbage", reply="\x00\n", recipient="r6@*", times=1),
        Rule("data", "drop", recipient="r7@*", times=1),
        Rule("rcpt", "reply", "250 " + "y" * 5_000, recipient="r8@*"),
    )
    running_campaign(mails=60)
    with worker(databases):
        wait_until(is_at_rest)
    with db.session(crm_db):
        doubtful = {mail.email for mail in Mail.select().where(Mail.status == "unknown")}
    assert doubtful == {f"r{i}@example.net" for i in (1, 2, 3, 4)}
    assert statuses() == {"sent": 56, "unknown": 4}
    assert set(received(sink).values()) == {1}
    assert_books_balance()


def test_the_reply_to_the_dot_is_waited_for_longer_than_any_other(databases, server, sink):
    sink.play(Rule("dot", "delay", seconds=2))
    running_campaign(mails=3)
    with worker(databases, smtp_timeout=1):
        wait_until(is_at_rest)
    all_sent_once(3, sink)


def test_a_connection_cut_before_the_dot_costs_no_mail(databases, server, sink):
    sink.play(Rule("body", "drop", times=1, per="recipient"))
    running_campaign(mails=4)
    with db.session(crm_db):  # a small message leaves in one piece with its dot: that would be doubt
        CampaignContent.update(html="", text="Hi there, and so on.\n" * 500_000).execute()
    with worker(databases):
        wait_until(is_at_rest)
    assert len(sink.faults_played()) == 4
    all_sent_once(4, sink)

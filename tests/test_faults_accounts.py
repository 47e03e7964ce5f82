"""Accounts that change, stop or have nothing to give while their mails are in hand."""

import threading
from collections import Counter

import pytest

from blaster import campaigns, db, recipients, turns
from blaster.db import crm_db
from blaster.demo.faults import Rule
from blaster.mail.transport import Session
from blaster.models.crm_db import Mail, SmtpAccount, SmtpServer
from blaster.models.ranges import ClaimedRange
from blaster.queue import claims
from blaster.workers import orchestrator
from blaster.workers.lane import FIRST_RATE, Lane
from tests.faults import account_of, all_sent_once
from tests.queue_data import assert_books_balance, running_campaign, server_with_account, statuses
from tests.work import is_at_rest, wait_until, worker

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def server(databases, sink):
    """Alice's server at the sink, with three accounts."""
    return server_with_account(accounts=3, host=sink.host, port=sink.port)[0]


CHANGES = {
    "lowered": lambda mine: SmtpAccount.update(hourly_limit=0).where(mine),
    "switched off": lambda mine: SmtpAccount.update(is_active=False).where(mine),
    "deleted": lambda mine: SmtpAccount.delete().where(mine),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_account_claims_nothing_after_its_change(databases, server, sink, change):
    account = account_of(server)
    running_campaign(mails=600)
    sink.play(Rule("dot", "delay", seconds=0.01))

    def touched(*more) -> set[int]:
        with db.session(crm_db):
            mine = (Mail.smtp_account_id == account.id,)
            return {mail_id for (mail_id,) in Mail.select(Mail.id).where(*mine, *more).tuples()}

    def held() -> set[int]:
        with db.session(crm_db):
            ranges = ClaimedRange.select().where(ClaimedRange.smtp_account_id == account.id)
            return {mail_id for each in ranges for mail_id in range(each.first_id, each.last_id + 1)}

    with worker(databases):
        wait_until(lambda: len(touched(Mail.status == "sent")) > 10)
        db.transaction(crm_db, CHANGES[change](SmtpAccount.id == account.id).execute)
        before = held() | touched()  # in this order: what is held is touched next
        wait_until(is_at_rest)
    assert touched(Mail.status == "sent") <= before
    all_sent_once(600, sink)


@only_sqlite
def test_an_edited_login_is_used_from_the_next_connection_on(databases, server, sink):
    account = account_of(server)
    running_campaign(mails=900)
    sink.play(Rule("dot", "delay", seconds=0.05))
    with worker(databases, connection_mails=20):
        wait_until(lambda: statuses().get("sent", 0) > 50)
        edited = SmtpAccount.update(login="new").where(SmtpAccount.id == account.id)
        db.transaction(crm_db, edited.execute)
        wait_until(is_at_rest)
    assert {record.login for record in sink.records()} >= {account.email, "new"}
    all_sent_once(900, sink)


@only_sqlite
def test_a_server_that_may_not_be_used_any_more_gets_no_further_connection(databases, server, sink, monkeypatch):
    """Neither for what has its intent already: a worker that stops would wait for it."""
    SmtpServer.update(max_connections=1).execute()
    running_campaign(mails=30)
    opened, ended = [], threading.Event()
    take, close = Lane.open, Session.close

    def stop(session):
        close(session)
        running.pools[server.id].stop()
        ended.set()

    monkeypatch.setattr(Session, "close", stop)
    monkeypatch.setattr(Lane, "open", lambda lane, endpoint: opened.append(ended.is_set()) or take(lane, endpoint))
    with worker(databases, connection_mails=2) as running:
        wait_until(ended.is_set)
    assert opened == [False]
    assert statuses().keys() == {"sent", "pending"}
    assert_books_balance()


@only_sqlite
def test_an_account_that_never_got_in_is_not_measured(databases, server, sink):
    """It would be taken for a fast one, and get more mails at once when it is back."""
    account = account_of(server)
    sink.play(Rule("auth", "reply", "535 5.7.8 no", login=account.email))
    running_campaign(mails=50)
    with worker(databases) as running:
        wait_until(lambda: running.pools and account.id in running.pools[server.id].lanes)
        lane = running.pools[server.id].lanes[account.id]
        wait_until(lambda: not lane.is_usable())
    assert lane.rate == FIRST_RATE


@pytest.mark.parametrize("trouble", ["refused", "deleted"])
@only_sqlite
def test_a_claim_for_an_account_that_stops_meanwhile_is_given_back(databases, server, sink, monkeypatch, trouble):
    """The account stops after the database has given it mails and before they reach its lane."""
    monkeypatch.setattr(orchestrator, "REFRESH_SECONDS", 0.1)
    monkeypatch.setattr(turns, "SMALLEST", 5)  # so that a second claim comes before the refusal
    account, claim, calls = account_of(server), claims.claim, Counter()
    if trouble == "refused":
        sink.play(Rule("auth", "reply", "535 5.7.8 no", login=account.email), rtt_ms=60)
    running_campaign(mails=90)

    def stops() -> bool:
        lane = running.pools[server.id].lanes.get(account.id)
        return lane is None or not lane.is_usable()

    def late(user_id, server_id, campaign_id, hold, limits):
        found = claim(user_id, server_id, campaign_id, hold, limits)
        calls.update(limits.keys())
        if account.id in limits and calls[account.id] == 2:
            if trouble == "deleted":
                SmtpAccount.delete().where(SmtpAccount.id == account.id).execute()
            wait_until(stops)
        return found

    monkeypatch.setattr(claims, "claim", late)
    with worker(databases) as running:
        wait_until(is_at_rest)
    assert calls[account.id] == 2
    all_sent_once(90, sink)


def test_a_thousand_accounts_send_what_each_may(databases, sink):
    server_with_account(accounts=1_000, hourly=1, host=sink.host, port=sink.port)
    running_campaign(mails=150)
    with worker(databases):
        wait_until(is_at_rest)
    assert set(Counter(record.login for record in sink.records()).values()) == {1}
    all_sent_once(150, sink)


@pytest.mark.parametrize("limits", [{"hourly": 0}, {"daily": 0}])
@only_sqlite
def test_a_limit_of_nothing_sends_nothing(databases, sink, limits):
    server_with_account(**limits, host=sink.host, port=sink.port)
    running_campaign(mails=10)
    with worker(databases) as running:
        wait_until(
            lambda: running.pools and all(lane.budget_at for lane in next(iter(running.pools.values())).lanes.values())
        )
        assert statuses() == {"pending": 10}
        with db.session(crm_db):
            SmtpAccount.update(hourly_limit=50, daily_limit=50).execute()
        wait_until(is_at_rest)
    all_sent_once(10, sink)


# What pages say meanwhile


@only_sqlite
@pytest.mark.parametrize("trouble", ["deleted", "limit 0"])
def test_without_an_account_left_the_mails_wait_and_the_page_says_why(databases, sink, alice, trouble):
    _, account = server_with_account(alice.user_id, host=sink.host, port=sink.port)
    customers = recipients.create_list(alice.user_id, "Customers")
    recipients.import_csv(alice.user_id, customers.id, "\n".join(f"r{i}@example.net" for i in range(300)))
    draft = campaigns.create_campaign(alice.user_id, name="Spring", list_id=customers.id, subject="Hi", html="Hi")
    campaign_id = draft.campaign_id
    sink.play(Rule("dot", "delay", seconds=0.02))
    assert alice.post(f"/campaigns/{campaign_id}/start").status_code == 303
    with worker(databases, status_update_seconds=0.2):
        wait_until(lambda: len(sink.records()) > 10)
        if trouble == "deleted":
            assert alice.post(f"/accounts/{account.id}/delete").status_code == 303
        else:
            db.transaction(crm_db, SmtpAccount.update(hourly_limit=0).execute)
        wait_until(lambda: not {"claimed", "sending"} & set(statuses(campaign_id)))
        wait_until(lambda: statuses(campaign_id)["pending"] == pending(alice, campaign_id))
        page = alice.get(f"/campaigns/{campaign_id}").text
    expected = "No SMTP account is switched on." if trouble == "deleted" else "The hourly limit is used up (1 account)"
    assert expected in page
    assert set(statuses(campaign_id)) == {"sent", "pending"}
    assert_books_balance()


def pending(person, campaign_id: int) -> int:
    status = campaigns.get_campaign(person.user_id, campaign_id).status
    return status.pending_emails if status.active_emails == 0 else -1

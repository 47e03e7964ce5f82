import threading

import pytest

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl, Lease, Mail, SmtpAccount, Suppression
from blaster.queue import claims, control, leases, orphans, quota, ranges
from blaster.queue.claims import Outcome
from tests import queue_data
from tests.queue_data import ALICE, BOB, assert_books_balance, running_campaign, server_with_account, statuses

TTL = 30_000


@pytest.fixture
def hold(databases):
    return leases.take("server:1", "host:1", TTL)


@pytest.fixture
def account(databases):
    return server_with_account(hourly=50, daily=200)[1]


def claim(account, hold, limit=10, campaign_id=7, user_id=ALICE):
    return queue_data.claim(user_id, account.smtp_server_id, account.id, campaign_id, hold, limit)


def sent(rows):
    return [Outcome(row, "sent", "sent", 250, "2.0.0 ok", attempts=1) for row in rows]


def test_a_claim_takes_no_more_than_the_budget(account, hold):
    running_campaign(mails=100)
    first, left = claim(account, hold, limit=40)
    assert (len(first), left) == (40, 10)
    second, left = claim(account, hold, limit=40)
    assert (len(second), left) == (10, 0)
    assert claim(account, hold)[0] == []
    assert not {row.id for row in first} & {row.id for row in second}
    assert statuses() == {"claimed": 50, "pending": 50}
    assert_books_balance()


def test_what_is_settled_stays_charged_and_what_is_released_is_not(account, hold):
    running_campaign()
    rows, _ = claim(account, hold, limit=20)
    granted = claims.intend(rows[:10])
    assert granted == set(rows[:10])
    assert claims.settle(sent(rows[:10])) == 10
    back = [Outcome(row, "pending") for row in rows[10:]]
    assert claims.settle(back) == 10
    assert statuses() == {"sent": 10, "pending": 90}
    assert quota.budgets(ALICE)[account.id].hour_used == 10
    assert_books_balance()


def test_settling_twice_changes_nothing(account, hold):
    running_campaign()
    rows, _ = claim(account, hold)
    claims.intend(rows)
    assert claims.settle(sent(rows)) == 10
    assert claims.settle(sent(rows)) == 0
    assert_books_balance()


def test_an_intent_repeated_after_a_lost_answer_is_granted_again(account, hold):
    running_campaign()
    rows, _ = claim(account, hold)
    assert claims.intend(rows) == claims.intend(rows) == set(rows)
    assert_books_balance()


def test_no_intent_follows_a_pause(account, hold):
    running_campaign()
    rows, _ = claim(account, hold)
    control.pause(ALICE, 7)
    assert claims.intend(rows) == set()
    assert claim(account, hold)[0] == []
    assert statuses()["claimed"] == 10


def test_no_intent_without_the_lease(account, hold):
    running_campaign()
    rows, _ = claim(account, hold)
    with db.session(crm_db):
        Lease.update(expires_at=1).execute()
    assert claims.intend(rows) == set()
    with pytest.raises(claims.Fenced):
        claim(account, hold)


def test_recovery_frees_claimed_rows_and_never_sends_again_what_was_sending(account, hold):
    running_campaign()
    rows, _ = claim(account, hold)
    claims.intend(rows[:4])
    leases.expire_all("host:1")
    assert [h.name for h in leases.expired()] == ["server:1"]
    assert leases.take("server:1", "host:2", TTL) is None
    assert orphans.recover(hold) == {"pending": 6, "unknown": 4}
    assert statuses() == {"pending": 96, "unknown": 4}
    assert leases.take("server:1", "host:2", TTL)
    assert_books_balance()


def test_a_worker_that_was_only_asleep_settles_what_became_unknown(account, hold):
    running_campaign()
    rows, _ = claim(account, hold)
    claims.intend(rows)
    leases.expire_all("host:1")
    orphans.recover(hold)
    assert claims.settle(sent(rows[:9]) + [Outcome(rows[9], "pending")]) == 10
    assert statuses() == {"sent": 9, "pending": 91}
    assert_books_balance()


def test_a_row_claimed_again_is_out_of_reach_of_the_first_worker(account, hold):
    running_campaign(mails=10)
    rows, _ = claim(account, hold)
    leases.expire_all("host:1")
    orphans.recover(hold)
    successor = leases.take("server:1", "host:2", TTL)
    assert len(claim(account, successor)[0]) == 10
    assert claims.settle(sent(rows)) == 0
    assert claims.intend(rows) == set()


def test_the_sweep_finds_rows_without_any_lease(account, hold):
    running_campaign()
    claim(account, hold)
    assert orphans.sweep() == {}
    leases.release(hold)
    assert orphans.sweep() == {"pending": 10}
    assert_books_balance()


SUPPRESSED = {
    "the owner's": {"user_id": ALICE, "email_key": "r3@example.net"},
    "this list's": {"user_id": ALICE, "email_key": "r3@example.net", "list_id": 1},
    "the installation's": {"user_id": 0, "email_key": "r3@example.net"},
    "the domain's": {"user_id": ALICE, "email_key": "@example.net"},
}
NOT_SUPPRESSED = [
    {"user_id": BOB, "email_key": "r3@example.net"},
    {"user_id": BOB, "email_key": "@example.net"},
    {"user_id": ALICE, "email_key": "r3@example.net", "list_id": 2},
    {"user_id": ALICE, "email_key": "@net"},
    {"user_id": ALICE, "email_key": "@other.example.net"},
]


@pytest.mark.parametrize("whose", SUPPRESSED)
def test_a_suppressed_address_is_marked_at_the_claim(account, hold, whose):
    running_campaign(mails=10)
    with db.session(crm_db):
        for entry in (*NOT_SUPPRESSED, SUPPRESSED[whose]):
            Suppression.create(**entry)
    rows, left = claim(account, hold)
    named = 10 if whose == "the domain's" else 1
    assert (len(rows), left) == (10 - named, 40 + named)
    assert "r3@example.net" not in {row.email for row in rows}
    assert statuses().get("suppressed") == named
    assert_books_balance()


def test_what_others_do_not_want_stops_nobody_else(account, hold):
    running_campaign(mails=10)
    with db.session(crm_db):
        for entry in NOT_SUPPRESSED:
            Suppression.create(**entry)
    assert len(claim(account, hold)[0]) == 10


def test_an_account_serves_its_owner_only(account, hold):
    running_campaign(BOB, 8)
    assert claim(account, hold, campaign_id=8, user_id=ALICE)[0] == []
    assert claim(account, hold, campaign_id=8, user_id=BOB)[0] == []


def test_an_account_switched_off_gets_nothing_more(account, hold):
    running_campaign()
    with db.session(crm_db):
        SmtpAccount.update(is_active=False).execute()
    assert claim(account, hold)[0] == []


def test_deferred_rows_come_after_untried_ones_and_not_before_they_are_due(account, hold):
    running_campaign(mails=12)
    rows, _ = claim(account, hold, limit=2)
    claims.settle([Outcome(rows[0], "pending", delay=60_000), Outcome(rows[1], "pending")])
    untried, _ = claim(account, hold, limit=30)
    assert len(untried) == 10
    again, _ = claim(account, hold, limit=30)
    assert [row.id for row in again] == [rows[1].id]
    with db.session(crm_db):
        assert Mail.get_by_id(rows[0].id).due_at > db.now(crm_db) + 30_000


def test_what_comes_back_to_the_queue_is_found_behind_the_cursor(account, hold):
    running_campaign(mails=30)
    rows, _ = claim(account, hold, limit=10)
    assert ranges.cursor(7) == max(row.id for row in rows)
    claims.settle([Outcome(row, "pending") for row in rows])
    assert len(claim(account, hold, limit=30)[0]) == 20
    assert {row.id for row in claim(account, hold, limit=30)[0]} == {row.id for row in rows}


def test_cancel_marks_the_rest_and_gives_the_budget_back(account, hold):
    running_campaign()
    rows, _ = claim(account, hold)
    claims.intend(rows[:3])
    control.cancel(ALICE, 7)
    while not control.close_cancelled(7):
        claims.settle(sent(rows[:3]))
    assert statuses() == {"sent": 3, "cancelled": 97}
    assert control.state(ALICE, 7).run_state == "cancelled"
    assert quota.budgets(ALICE)[account.id].hour_used == 3
    assert_books_balance()


def test_many_claimers_share_rows_and_budget_exactly(databases):
    server, accounts = server_with_account(accounts=4, hourly=60, daily=1_000)
    running_campaign(mails=200)
    holds = [leases.take(f"server:{i}", "host:1", TTL) for i in range(8)]
    taken, lock = [], threading.Lock()

    def run(hold, account):
        with db.session(crm_db):
            while rows := queue_data.claim(ALICE, server.id, account.id, 7, hold, 7)[0]:
                with lock:
                    taken.extend(row.id for row in rows)

    threads = [threading.Thread(target=run, args=(hold, accounts[i % 4])) for i, hold in enumerate(holds)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(taken) == len(set(taken)) == 200
    assert all(budget.hour_used <= 60 for budget in quota.budgets(ALICE).values())
    assert_books_balance()


def test_the_claim_uses_its_index(engine, account, hold):
    running_campaign(mails=2_000)
    query = f"SELECT id FROM mail_blaster WHERE {ranges.UNTRIED}"
    with db.session(crm_db):
        if engine == "mysql":
            crm_db.execute_sql("ANALYZE TABLE mail_blaster").fetchall()
            plan = db.execute(crm_db, f"EXPLAIN {query}", 7, 0, 100).fetchone()
            assert "campaign_id_status_due_at" in plan[5], plan
            assert "filesort" not in (plan[9] or "")
        else:
            plan = db.execute(crm_db, f"EXPLAIN QUERY PLAN {query}", 7, 0, 100).fetchall()
            assert any("campaign_id_status_due_at" in row[3] for row in plan), plan
            assert not any("TEMP B-TREE" in row[3] for row in plan)


def test_states_change_only_as_they_may(databases):
    from blaster.errors import Conflict, NotFound

    running_campaign()
    with pytest.raises(NotFound):
        control.pause(BOB, 7)
    control.pause(ALICE, 7)
    with pytest.raises(Conflict):
        with db.session(crm_db):
            CampaignControl.update(run_state="finished").execute()
        control.pause(ALICE, 7)

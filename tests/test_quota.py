"""Budgets: the pure function, the SQL beside it, and a model of workers that try to exceed the limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, run_state_machine_as_test

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import SmtpAccount, SmtpUsage
from blaster.queue import claims, leases, orphans, quota
from blaster.queue.claims import Outcome
from blaster.queue.quota import BUCKET, budget
from tests import queue_data
from tests.clock import DAY, HOUR, MINUTE, START
from tests.queue_data import ALICE, BOB, assert_books_balance, running_campaign, server_with_account
from tests.queue_model import Workers

NOW = START - START % BUCKET + 2 * MINUTE
THIS = quota.bucket_of(NOW)

buckets = st.integers(-300, 3).map(lambda n: THIS + n * BUCKET)  # 25 hours back, and ahead where a clock was set back
usages = st.dictionaries(buckets, st.integers(0, 12), max_size=12).map(lambda found: list(found.items()))
limits = st.integers(0, 40)


def test_an_unused_account_may_send_its_smaller_limit_at_once():
    fresh = budget(50, 200, [], NOW)
    assert (fresh.left, fresh.hour_left, fresh.day_left) == (50, 50, 200)
    assert (fresh.next_at, fresh.binding) == (NOW, "")
    assert budget(50, 20, [], NOW).left == 20


def test_a_full_hour_frees_itself_when_the_bucket_has_left_the_window():
    full = budget(50, 200, [(THIS, 50)], NOW)
    assert (full.left, full.binding, full.next_at) == (0, "hourly limit", THIS + BUCKET + HOUR)
    assert budget(50, 200, [(THIS, 50)], full.next_at - 1).left == 0
    assert budget(50, 200, [(THIS, 50)], full.next_at).left == 50


def test_a_full_day_waits_for_the_day():
    usage = [(THIS - 10 * HOUR, 40), (THIS - 5 * HOUR, 60)]
    full = budget(50, 100, usage, NOW)
    assert (full.hour_left, full.day_left, full.binding) == (50, 0, "daily limit")
    assert full.next_at == THIS - 10 * HOUR + BUCKET + DAY


def test_where_both_limits_bind_the_later_one_counts():
    usage = [(THIS - 23 * HOUR - 55 * MINUTE, 1), (THIS, 50)]
    full = budget(50, 51, usage, NOW)
    assert (full.binding, full.next_at) == ("daily limit", THIS + BUCKET + HOUR)


def test_a_lowered_limit_waits_until_enough_has_left_the_window():
    usage = [(THIS - 4 * BUCKET, 20), (THIS - 2 * BUCKET, 20), (THIS, 9)]
    assert budget(10, 200, usage, NOW).next_at == THIS - 2 * BUCKET + BUCKET + HOUR


@pytest.mark.parametrize(("hourly", "daily", "words"), [(0, 200, "hourly limit"), (50, 0, "daily limit")])
def test_a_limit_of_nothing_never_ends(hourly, daily, words):
    nothing = budget(hourly, daily, [], NOW)
    assert (nothing.left, nothing.next_at, nothing.binding) == (0, None, words)


@given(limits, limits, usages, st.integers(0, BUCKET - 1))
def test_next_at_is_the_first_instant_with_something_left(hourly, daily, usage, offset):
    now = THIS + offset
    found = budget(hourly, daily, usage, now)
    assert bool(found.binding) == (found.left == 0)
    if found.left:
        assert found.next_at == now
    elif 0 in (hourly, daily):
        assert found.next_at is None
    else:
        assert budget(hourly, daily, usage, found.next_at).left > 0
        assert budget(hourly, daily, usage, found.next_at - 1).left == 0


@given(usages, st.integers(0, BUCKET - 1))
def test_a_bucket_counts_while_any_instant_of_it_is_in_the_window(usage, offset):
    now = THIS + offset
    found = budget(100, 100, usage, now)
    for window, used in ((HOUR, found.hour_used), (DAY, found.day_used)):
        last_instants = [bucket + BUCKET - 1 for bucket, taken in usage for _ in range(taken)]
        assert used == sum(instant >= now - window for instant in last_instants)


@given(usages, st.integers(0, BUCKET - 1), st.integers(0, 3 * HOUR))
def test_waiting_never_takes_budget_away(usage, offset, wait):
    now = THIS + offset
    assert budget(30, 60, usage, now + wait).left >= budget(30, 60, usage, now).left


def test_the_sql_of_a_claim_agrees_with_the_pure_function(clock):
    _, account = server_with_account()

    @settings(max_examples=40, deadline=None)
    @given(limits, limits, usages, st.integers(0, BUCKET - 1))
    def agrees(hourly, daily, usage, offset):
        now = THIS + offset
        with db.session(crm_db):
            SmtpUsage.delete().execute()
            SmtpAccount.update(hourly_limit=hourly, daily_limit=daily).execute()
            quota.charge([(account.id, bucket, taken) for bucket, taken in usage])
            left = quota.left([SmtpAccount.get_by_id(account.id)], now)[account.id]
        assert left == quota.budgets(ALICE, now)[account.id].left == budget(hourly, daily, usage, now).left

    agrees()


def test_budgets_are_those_of_the_user_alone(clock):
    _, (first, second) = server_with_account(hourly=50, daily=200, accounts=2)
    _, others = server_with_account(BOB)
    with db.session(crm_db):
        quota.charge([(first.id, quota.bucket_of(clock.at), 7), (others.id, quota.bucket_of(clock.at), 9)])
    found = quota.budgets(ALICE)
    assert {key: found[key].left for key in found} == {first.id: 43, second.id: 50}
    assert set(quota.budgets(BOB)) == {others.id}
    assert quota.budgets(3) == {}


def test_charges_add_up_and_can_be_given_back(clock):
    _, account = server_with_account()

    def used():
        return quota.budgets(ALICE)[account.id].hour_used

    bucket = quota.bucket_of(clock.at)
    with db.session(crm_db):
        quota.charge([(account.id, bucket, 5), (account.id, bucket - BUCKET, 2)])
        assert used() == 7
        quota.charge([(account.id, bucket, -5), (account.id, bucket, 0)])
        assert used() == 2


def test_greedy_workers_get_nearly_all_of_the_hour_and_never_more(clock):
    _, account = server_with_account(hourly=20, daily=1_000)
    running_campaign(mails=200)
    hold = leases.take("server:1", "host:1", DAY)
    sent = []
    for _ in range(4 * 30):
        rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 1)
        claims.intend(rows)
        claims.settle([Outcome(row, "sent") for row in rows])
        sent += [clock.at] * len(rows)
        clock.advance(2 * MINUTE)
    assert peak(sent, HOUR) == 20
    assert len(sent) >= 0.9 * 4 * 20


def test_a_mail_counts_from_its_intent_not_from_its_claim(clock):
    _, account = server_with_account(hourly=3)
    hold, rows = claim_all(account)
    clock.advance(50 * MINUTE)
    assert claims.intend(rows) == set(rows)
    clock.advance(20 * MINUTE)
    assert queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 3) == ([], 0)


@pytest.mark.parametrize("status", ["sent", "unknown"])
def test_a_mail_counts_from_its_outcome_not_from_its_intent(clock, status):
    _, account = server_with_account(hourly=3)
    hold, rows = claim_all(account)
    claims.intend(rows)
    clock.advance(50 * MINUTE)
    claims.settle([Outcome(row, status) for row in rows])
    clock.advance(20 * MINUTE)
    assert quota.budgets(ALICE)[account.id].left == 0
    assert_books_balance()


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_a_mail_that_was_refused_costs_nothing(clock, status):
    _, account = server_with_account(hourly=3)
    _, rows = claim_all(account)
    claims.intend(rows)
    claims.settle([Outcome(row, status) for row in rows])
    assert quota.budgets(ALICE)[account.id].left == 3
    assert_books_balance()


def test_a_claim_older_than_an_hour_may_not_be_sent_any_more(clock):
    _, account = server_with_account(hourly=3)
    hold, rows = claim_all(account)
    clock.at = quota.bucket_of(clock.at) + BUCKET + HOUR - 1
    assert claims.intend(rows[:1]) == set(rows[:1])
    clock.advance(1)
    assert claims.intend(rows[1:]) == set()
    claims.settle([Outcome(row, "pending") for row in rows[1:]])
    assert queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 3)[1] == 0


def test_a_mail_in_doubt_counts_from_the_recovery(clock):
    _, account = server_with_account(hourly=3)
    hold, rows = claim_all(account)
    claims.intend(rows)
    clock.advance(50 * MINUTE)
    orphans.recover(hold)
    clock.advance(20 * MINUTE)
    assert quota.budgets(ALICE)[account.id].left == 0


def test_a_mail_in_doubt_since_long_ago_takes_nothing_new(clock):
    _, account = server_with_account(hourly=3)
    hold, rows = claim_all(account)
    claims.intend(rows)
    clock.advance(2 * HOUR)
    orphans.recover(hold)
    assert quota.budgets(ALICE)[account.id].left == 3
    assert_books_balance()


def claim_all(account):
    """A lease, and all rows that the account may send."""
    running_campaign()
    hold = leases.take("server:1", "host:1", DAY)
    return hold, queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 100)[0]


def peak(instants: list[int], window: int) -> int:
    """The most that any window of this length (open at its start) holds."""
    return max((sum(end - window < instant <= end for instant in instants) for end in instants), default=0)


class Budgets(Workers):
    HOURLY, DAILY, MAILS = 2, 4, 60
    reached: set[tuple[int, int]] = set()

    @invariant()
    def no_window_holds_more_than_its_limit(self):
        instants = [instant for _, instant in self.accepted]
        peaks = peak(instants, HOUR), peak(instants, DAY)
        assert peaks[0] <= self.HOURLY
        assert peaks[1] <= self.DAILY
        self.reached.add(peaks)


def test_no_order_of_events_exceeds_a_limit(clock):
    limits = settings(max_examples=10, stateful_step_count=80, deadline=None)
    run_state_machine_as_test(lambda: Budgets(clock), settings=limits)
    assert (Budgets.HOURLY, Budgets.DAILY) in Budgets.reached, "the model sent too little to prove anything"

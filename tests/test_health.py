import threading

import pytest

from blaster.queue import health
from tests.clock import HOUR, MINUTE, SECOND
from tests.queue_data import ALICE, BOB

SERVER, ACCOUNT = 3, 5


def fail(reply_class, account_id=ACCOUNT):
    return health.record_failure(ALICE, SERVER, account_id, reply_class, f"421 {reply_class}")


def row(account_id=ACCOUNT):
    return health.of_user(ALICE).get((SERVER, account_id))


def test_nothing_on_record_means_ok(clock):
    assert health.of_user(ALICE) == {}
    assert health.usable_at(None, clock.at) <= clock.at
    assert health.words(None) == "OK"
    health.record_success(SERVER, ACCOUNT)
    assert health.of_user(ALICE) == {}


@pytest.mark.parametrize("reply_class", health.COOLING)
def test_each_failure_in_a_row_doubles_the_rest_up_to_its_longest(clock, reply_class):
    first, longest = health.COOLING[reply_class]
    expected = first
    for failures in range(1, 14):
        found = fail(reply_class)
        rest = found.until - clock.at
        assert (found.state, found.failures, found.reason) == ("cooling", failures, reply_class)
        assert expected <= rest <= expected * 1.2
        assert health.usable_at(row(), clock.at) == found.until
        clock.at = found.until
        assert health.usable_at(row(), clock.at) == clock.at
        expected = min(2 * expected, longest)


def test_mails_that_fail_together_are_one_failure(clock):
    until = fail("connection").until
    clock.advance(SECOND)
    again = fail("connection")
    assert again.failures == 1
    assert until <= again.until <= clock.at + 1.2 * 15 * SECOND
    threads = [threading.Thread(target=fail, args=("account-rate", 6)) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert row(6).failures == 1


def test_a_worse_reply_makes_a_rest_longer_and_a_lighter_one_never_shorter(clock):
    fail("account-rate")
    worse = fail("account-limit")
    assert worse.until >= clock.at + HOUR
    assert fail("account-rate").until == worse.until


def test_failures_start_anew_after_a_success(clock):
    for _ in range(3):
        clock.at = fail("account-temp").until
    health.record_success(SERVER, ACCOUNT)
    assert (row().state, row().failures, row().until) == ("ok", 0, 0)
    assert fail("account-temp").until <= clock.at + 1.2 * 5 * MINUTE


def test_a_success_that_was_under_way_does_not_end_a_rest(clock):
    until = fail("account-rate").until
    health.record_success(SERVER, ACCOUNT)
    assert (row().state, row().until) == ("cooling", until)


def test_a_success_of_any_account_shows_that_the_server_works(clock):
    clock.at = fail("connection", health.SERVER).until
    health.record_success(SERVER, 6)
    assert row(health.SERVER).state == "ok"


def test_a_success_says_nothing_about_other_accounts_and_servers(clock):
    clock.at = fail("account-temp").until
    health.record_success(SERVER, 6)
    health.record_success(4, ACCOUNT)
    assert row().state == "cooling"


@pytest.mark.parametrize("reply_class", sorted(health.ATTENTION))
def test_only_the_user_ends_the_need_for_attention(clock, reply_class):
    fail(reply_class)
    clock.advance(100 * HOUR)
    fail("account-temp")
    health.record_success(SERVER, ACCOUNT)
    found = row()
    assert (found.state, found.reason, found.last_error) == ("attention", reply_class, f"421 {reply_class}")
    assert health.usable_at(found, clock.at) is None
    health.clear(BOB, SERVER, ACCOUNT)
    assert row().state == "attention"
    health.clear(ALICE, SERVER, ACCOUNT)
    assert (row().state, row().failures) == ("ok", 0)
    assert health.usable_at(row(), clock.at) == clock.at


def test_users_see_their_own_accounts_only(clock):
    fail("account-auth")
    assert health.of_user(BOB) == {}


def test_every_state_has_words(clock):
    for reply_class in (*health.COOLING, *health.ATTENTION):
        assert len(health.words(fail(reply_class, account_id=len(reply_class)))) > 10
    health.clear(ALICE, SERVER, len("protocol"))
    assert health.words(row(len("protocol"))) == "OK"


def test_a_long_reply_is_cut(clock):
    assert len(health.record_failure(ALICE, SERVER, ACCOUNT, "protocol", "x" * 900).last_error) == 300

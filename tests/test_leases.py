import threading
import time

import pytest

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import Lease
from blaster.queue import claims, leases, orphans, quota
from tests import queue_data
from tests.clock import MINUTE
from tests.queue_data import ALICE, assert_books_balance, running_campaign, server_with_account, statuses

TTL = MINUTE


def run(*works):
    """All at once, each in a thread; returns what they returned."""
    results, barrier = [], threading.Barrier(len(works))

    def start(work):
        barrier.wait()
        results.append(work())

    threads = [threading.Thread(target=start, args=(work,)) for work in works]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return results


def test_a_lease_belongs_to_one_process(clock):
    mine = leases.take("server:1", "host:1", TTL)
    assert leases.take("server:1", "host:2", TTL) is None
    assert leases.take("server:1", "host:1", TTL) is None
    other = leases.take("server:2", "host:2", TTL)
    assert {lease.name: lease.owner for lease in leases.alive()} == {"server:1": "host:1", "server:2": "host:2"}
    assert mine.token != other.token


def test_each_taking_has_its_own_token(clock):
    first = leases.take("server:1", "host:1", TTL)
    leases.release(first)
    second = leases.take("server:1", "host:1", TTL)
    assert first.token != second.token
    leases.release(first)
    leases.end(first)
    assert leases.renew("host:1", ["server:1"], TTL) == {"server:1": second}


def test_a_lease_lives_as_long_as_it_is_renewed(clock):
    hold = leases.take("server:1", "host:1", TTL)
    for _ in range(3):
        clock.advance(TTL - 1)
        assert leases.renew("host:1", ["server:1"], TTL) == {"server:1": hold}
    clock.advance(TTL)
    assert leases.renew("host:1", ["server:1"], TTL) == {}
    assert leases.alive() == []
    assert leases.expired() == [hold]


def test_only_the_owner_renews_and_only_what_it_names(clock):
    one = leases.take("server:1", "host:1", TTL)
    leases.take("server:2", "host:1", TTL)
    leases.take("server:3", "host:2", TTL)
    clock.advance(TTL - 1)
    assert leases.renew("host:1", ["server:1", "server:3", "server:4"], TTL) == {"server:1": one}
    assert leases.renew("host:1", [], TTL) == {}
    clock.advance(1)
    assert [lease.name for lease in leases.alive()] == ["server:1"]


def test_an_expired_lease_is_free_only_after_its_recovery(clock):
    hold = leases.take("server:1", "host:1", TTL)
    clock.advance(TTL)
    assert leases.take("server:1", "host:2", TTL) is None
    assert orphans.recover(hold) == {}
    assert leases.expired() == []
    assert leases.take("server:1", "host:2", TTL)


def test_the_leases_of_a_dead_process_end_at_once(clock):
    mine = [leases.take(f"server:{i}", "host:1", TTL) for i in (1, 2)]
    leases.take("server:3", "host:2", TTL)
    leases.expire_all("host:1")
    leases.expire_all("host:3")
    assert leases.expired() == mine
    assert [lease.name for lease in leases.alive()] == ["server:3"]


def test_held_is_who_has_the_token_in_time(clock):
    one, two = (leases.take(f"server:{i}", "host:1", TTL) for i in (1, 2))
    forged = leases.Hold("server:1", two.token)
    with db.session(crm_db):
        assert leases.are_held([one, two, forged], clock.at) == {one, two}
        assert leases.are_held([one], clock.at + TTL - 1) == {one}
        assert leases.are_held([one], clock.at + TTL) == set()
        assert leases.are_held([], clock.at) == set()


def test_of_many_takers_one_gets_it(databases):
    for name in ("server:1", "server:2", "server:3"):
        holds = run(*[lambda n=name, i=i: leases.take(n, f"host:{i}", TTL) for i in range(8)])
        (winner,) = [hold for hold in holds if hold]
        with db.session(crm_db):
            assert Lease.get_by_id(name).token == winner.token


def test_of_many_that_recover_each_row_is_recovered_once(databases):
    _, account = server_with_account()
    running_campaign(mails=60)
    hold = leases.take("server:1", "host:1", TTL)
    rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 40)
    claims.intend(rows[:10])
    leases.expire_all("host:1")
    done = run(*[lambda: orphans.recover(hold)] * 4)
    assert (sum(d["pending"] for d in done), sum(d["unknown"] for d in done)) == (30, 10)
    assert statuses() == {"pending": 50, "unknown": 10}
    assert_books_balance()


def test_recovery_waits_for_a_claim_that_was_under_way_when_the_lease_ran_out(databases, monkeypatch):
    _, account = server_with_account()
    running_campaign(mails=20)
    hold = leases.take("server:1", "host:1", TTL)
    inside, left = threading.Event(), quota.left

    def slow(*arguments):
        inside.set()
        time.sleep(0.5)  # recovery begins meanwhile
        return left(*arguments)

    monkeypatch.setattr(quota, "left", slow)
    claim = threading.Thread(target=claims.claim, args=(ALICE, account.smtp_server_id, 7, hold, {account.id: 20}))
    claim.start()
    assert inside.wait(10)
    orphans.recover(hold)
    claim.join()
    assert statuses() == {"pending": 20}
    assert orphans.sweep() == {}
    assert_books_balance()


def test_a_lease_that_is_being_recovered_is_not_renewed(databases):
    hold = leases.take("server:1", "host:1", TTL)
    run(lambda: leases.end(hold), *[lambda: leases.renew("host:1", ["server:1"], TTL)] * 3)
    assert leases.renew("host:1", ["server:1"], TTL) == {}
    assert leases.expired() == [hold]


def test_a_claim_after_the_end_of_its_lease_is_refused(clock):
    _, account = server_with_account()
    running_campaign(mails=20)
    hold = leases.take("server:1", "host:1", TTL)
    leases.end(hold)
    with pytest.raises(claims.Fenced):
        queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 20)
    assert statuses() == {"pending": 20}

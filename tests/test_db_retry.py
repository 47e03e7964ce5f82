"""What a transaction survives: deadlocks, broken connections, restarts, answers that were lost."""

import sqlite3
import threading
import time

import peewee
import pymysql
import pytest
from playhouse.pool import MaxConnectionsExceeded

from blaster import boot, config, db, schema
from blaster.db import crm_db
from blaster.models.crm_db import Lease, SmtpUsage
from blaster.queue import claims, control, leases, quota
from blaster.workers.holds import Holds
from tests import queue_data
from tests.conftest import HINT, REQUIRE_ALL, create_schemas, environment
from tests.mariadb import MariaDB, is_installed
from tests.queue_data import ALICE, assert_books_balance, running_campaign, server_with_account, statuses

TTL = 600_000


# SQLite has neither deadlocks nor connections that break.
only_mysql = pytest.mark.parametrize("engine", ["mysql"], indirect=True)


@pytest.fixture
def rows(databases):
    with db.session(crm_db):
        for account_id in (1, 2):
            SmtpUsage.create(smtp_account_id=account_id, bucket=0, taken=0)


def add(account_id, mails=1):
    SmtpUsage.update(taken=SmtpUsage.taken + mails).where(SmtpUsage.smtp_account_id == account_id).execute()


def taken() -> dict[int, int]:
    with db.session(crm_db):
        return {usage.smtp_account_id: usage.taken for usage in SmtpUsage}


def in_threads(*works):
    """Runs all at once; raises what one of them raised."""
    errors = []

    def run(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    [t.start() for t in threads]
    [t.join() for t in threads]
    if errors:
        raise errors[0]


@only_mysql
def test_after_a_deadlock_all_of_it_runs_again(rows):
    both, runs = threading.Barrier(2), []

    def crossing(first, second):
        def work():
            runs.append(first)
            add(first)
            if runs.count(first) == 1:
                both.wait(10)  # each holds its first row now
            add(second)

        return lambda: db.transaction(crm_db, work)

    in_threads(crossing(1, 2), crossing(2, 1))
    assert len(runs) == 3
    assert taken() == {1: 2, 2: 2}


@only_mysql
def test_after_a_killed_connection_all_of_it_runs_again(rows):
    runs = []

    def work():
        runs.append(crm_db.execute_sql("SELECT CONNECTION_ID()").fetchone()[0])
        add(1)
        if len(runs) == 1:
            kill(runs[0])
        add(2)
        return "done"

    assert db.transaction(crm_db, work) == "done"
    assert len(set(runs)) == 2
    assert taken() == {1: 1, 2: 1}


@only_mysql
def test_a_connection_killed_before_the_commit_is_noticed(rows):
    runs = []

    def work():
        runs.append(crm_db.execute_sql("SELECT CONNECTION_ID()").fetchone()[0])
        add(1)
        if len(runs) == 1:
            kill(runs[0])

    db.transaction(crm_db, work)
    assert len(runs) == 2
    assert taken()[1] == 1


@only_mysql
def test_a_transaction_inside_a_session_may_change_the_connection(rows):
    runs = []

    def work():
        runs.append(crm_db.execute_sql("SELECT CONNECTION_ID()").fetchone()[0])
        add(1)
        if len(runs) == 1:
            kill(runs[0])

    with db.session(crm_db), db.session(crm_db):
        db.transaction(crm_db, work)
        assert taken()[1] == 1
    assert crm_db.is_closed()
    assert crm_db.obj._in_use == {}


def kill(connection_id):
    killer = threading.Thread(target=lambda: _execute(f"KILL CONNECTION {connection_id}"))
    killer.start()
    killer.join()


def _execute(query):
    with db.session(crm_db):
        crm_db.execute_sql(query)


@only_mysql
def test_after_a_lock_wait_timeout_all_of_it_runs_again(rows):
    held, waited = threading.Event(), threading.Event()
    runs = []

    def holder():
        def work():
            add(2)
            held.set()
            assert waited.wait(20)

        db.transaction(crm_db, work)

    def waiter():
        def work():
            runs.append(1)
            if len(runs) > 1:
                waited.set()
            crm_db.execute_sql("SET innodb_lock_wait_timeout=1")
            add(1)  # a timeout rolls the next statement back, but not this one
            add(2)

        assert held.wait(10)
        db.transaction(crm_db, work)

    in_threads(holder, waiter)
    assert len(runs) >= 2
    assert taken() == {1: 1, 2: 2}


def test_a_failing_rollback_does_not_hide_the_error(databases):
    """SQLite rolls back by itself when the disk is full; MariaDB's connection may be gone."""

    def work():
        crm_db.obj.rollback() if db.is_sqlite(crm_db) else crm_db.obj.connection()._force_close()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.transaction(crm_db, work)
    db.transaction(crm_db, lambda: crm_db.execute_sql("SELECT 1").fetchone())


def test_what_is_wrong_is_not_repeated(databases):
    runs = []

    def twice():
        runs.append(1)
        for _ in range(2):
            Lease.create(name="server:1", owner="", token=1, expires_at=0)

    def nonsense():
        runs.append(1)
        crm_db.execute_sql("SELEKT 1")

    def ours():
        runs.append(1)
        Lease.create(name="server:2", owner="", token=1, expires_at=0)
        raise ZeroDivisionError

    for work, error in ((twice, peewee.IntegrityError), (nonsense, peewee.DatabaseError), (ours, ZeroDivisionError)):
        with pytest.raises(error):
            db.transaction(crm_db, work)
    assert len(runs) == 3
    with db.session(crm_db):
        assert Lease.select().count() == 0


def test_more_threads_than_connections_wait_for_each_other(databases, settings, rows):
    db.connect(settings, connections=2)
    in_threads(*[lambda: db.transaction(crm_db, lambda: add(1))] * 12)
    assert taken()[1] == 12


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (pymysql.OperationalError(1213, "Deadlock found"), True),
        (pymysql.OperationalError(1205, "Lock wait timeout"), True),
        (pymysql.OperationalError(2013, "Lost connection"), True),
        (pymysql.InterfaceError(0, ""), True),
        (peewee.InterfaceError(0, ""), True),
        (peewee.OperationalError(1305, "SAVEPOINT does not exist"), True),
        (sqlite3.OperationalError("database is locked"), True),
        (peewee.OperationalError("database table is locked"), True),
        (MaxConnectionsExceeded("Max connections exceeded"), True),
        (peewee.IntegrityError(1062, "Duplicate entry 'locked' for key 'PRIMARY'"), False),
        (peewee.DataError(1406, "Data too long"), False),
        (peewee.ProgrammingError(1064, "syntax"), False),
        (peewee.OperationalError("no such table: x"), False),
        (peewee.InterfaceError("Error binding parameter 1"), False),
        (peewee.OperationalError(1114, "The table is full"), False),
        (sqlite3.OperationalError("database or disk is full"), False),
    ],
)
def test_what_can_help_to_repeat(error, transient):
    assert db.is_transient(error) is transient


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (peewee.OperationalError(1114, "The table is full"), True),
        (peewee.OperationalError(1021, "Disk full"), True),
        (sqlite3.OperationalError("database or disk is full"), True),
        (sqlite3.OperationalError("disk I/O error"), True),
        (peewee.OperationalError(1213, "Deadlock"), False),
        (sqlite3.OperationalError("database is locked"), False),
    ],
)
def test_what_means_that_the_disk_is_full(error, full):
    assert db.is_full(error) is full


@pytest.fixture
def lost_answer(databases, monkeypatch):
    """The next COMMIT succeeds, but its answer is lost; `then` happens before the transaction is repeated."""

    def arm(then=lambda: None):
        commit = crm_db.obj.commit

        def lose(*arguments):
            monkeypatch.undo()
            commit(*arguments)
            then()
            raise peewee.OperationalError(2013, "Lost connection to MySQL server during query")

        monkeypatch.setattr(crm_db.obj, "commit", lose)

    return arm


def test_a_lease_is_taken_once_though_the_answer_was_lost(lost_answer):
    lost_answer()
    hold = leases.take("server:1", "host:1", TTL)
    assert hold and leases.renew("host:1", ["server:1"], TTL) == {"server:1": hold}


def test_a_claim_is_made_once_though_the_answer_was_lost(lost_answer):
    account, hold = claimable()
    lost_answer()
    rows, left = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 10)
    assert (len(rows), left, statuses()) == (10, 40, {"claimed": 10, "pending": 10})
    assert claims.intend(rows) == set(rows)
    assert_books_balance()


@pytest.mark.parametrize("change", ["pause", "account"])
def test_a_claim_whose_answer_was_lost_is_known_though_nothing_may_be_claimed_now(lost_answer, change):
    account, hold = claimable()
    lost_answer(lambda: control.pause(ALICE, 7) if change == "pause" else switch_off(account))
    rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 10)
    assert len(rows) == 10
    claims.settle([claims.Outcome(row, "pending") for row in rows])
    assert statuses() == {"pending": 20}
    assert_books_balance()


def switch_off(account):
    def work():
        type(account).update(is_active=False).execute()

    thread = threading.Thread(target=lambda: db.transaction(crm_db, work))
    thread.start()
    thread.join()


def test_intents_and_outcomes_are_written_once_though_the_answer_was_lost(lost_answer):
    account, hold = claimable()
    rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 10)
    lost_answer()
    assert claims.intend(rows) == set(rows)
    lost_answer()
    claims.settle([claims.Outcome(row, "sent", attempts=1) for row in rows[:5]])
    lost_answer()
    claims.settle([claims.Outcome(row, "pending", attempts=1) for row in rows[5:]])
    assert statuses() == {"sent": 5, "pending": 15}
    assert quota.budgets(ALICE)[account.id].hour_used == 5
    assert_books_balance()


def claimable():
    _, account = server_with_account(hourly=50)
    running_campaign(mails=20)
    return account, leases.take("server:1", "host:1", TTL)


@pytest.fixture
def own_mariadb(tmp_path):
    """A server of this test alone, connected with a short time for repeats."""
    if not is_installed():
        pytest.fail(HINT) if REQUIRE_ALL else pytest.skip(HINT)
    server = MariaDB("--innodb-flush-log-at-trx-commit=1")  # what is committed survives `kill`
    boot.boot(config.load(environment(tmp_path, *create_schemas(server.url))), retry_seconds=1.0)
    schema.migrate()
    with db.session(crm_db):
        SmtpUsage.create(smtp_account_id=1, bucket=0, taken=0)
    yield server
    crm_db.obj.close_all()
    db.campaign_db.obj.close_all()
    server.remove()


def test_a_database_that_stays_away_is_unavailable(own_mariadb):
    own_mariadb.stop(kill=True)
    started = time.monotonic()
    with pytest.raises(db.Unavailable) as caught:
        db.transaction(crm_db, lambda: add(1))
    assert time.monotonic() - started >= 1.0
    assert "127.0.0.1" not in str(caught.value)
    own_mariadb.start()
    db.transaction(crm_db, lambda: add(1))
    assert taken() == {1: 1}


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_a_restart_only_delays(own_mariadb, monkeypatch, kill):
    monkeypatch.setattr(db, "_retry_seconds", 60.0)
    runs = []
    start_again = threading.Timer(0.5, own_mariadb.start)

    def work():
        runs.append(1)
        add(1)
        if len(runs) == 1:
            own_mariadb.stop(kill=kill)
            start_again.start()
        add(1)

    db.transaction(crm_db, work)
    start_again.join()
    assert len(runs) >= 2
    assert taken() == {1: 2}


def test_idle_connections_do_not_outlive_a_restart(own_mariadb, monkeypatch):
    """Each thread may find its connection broken once, and never the same one twice."""
    monkeypatch.setattr(db, "_retry_seconds", 60.0)  # twelve who want one row, on a machine that may be busy
    meet = threading.Barrier(6)

    def hold_one():
        with db.session(crm_db):
            meet.wait(10)

    in_threads(*[hold_one] * 6)
    assert len(crm_db.obj._connections) == 6
    own_mariadb.stop()
    own_mariadb.start()
    in_threads(*[lambda: db.transaction(crm_db, lambda: add(1))] * 12)
    assert taken() == {1: 12}


def test_a_worker_ends_though_the_database_is_away(own_mariadb):
    holds = Holds("host:1", 30_000)
    holds.take("server:1")
    own_mariadb.stop(kill=True)
    assert holds.release_all() is False

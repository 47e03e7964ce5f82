"""Databases in trouble: a clock set back, a server away, frozen, full of connections, or restored from a backup."""

import time

import pymysql
import pytest

from blaster import boot, config, db, progress, schema
from blaster.db import campaign_db, crm_db
from blaster.demo.faults import Rule
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import TABLES, SmtpServer
from blaster.models.ranges import TABLES as RANGES
from blaster.queue import claims, control, leases, orphans
from blaster.queue.claims import Outcome
from blaster.web import create_app
from tests import queue_data
from tests.clock import HOUR, MINUTE
from tests.conftest import HINT, REQUIRE_ALL, create_schemas, environment
from tests.faults import Holding, emails, frozen, received, settled
from tests.mariadb import MariaDB, is_installed
from tests.queue_data import ALICE, assert_books_balance, running_campaign, server_with_account, statuses
from tests.web import Visitor
from tests.work import is_at_rest, wait_until, worker


@pytest.fixture
def server(databases, sink):
    return server_with_account(accounts=3, host=sink.host, port=sink.port)[0]


def shown(campaign_id: int = 7) -> CampaignStatus:
    """What screens show of the campaign."""
    with db.session(campaign_db):
        return CampaignStatus.get_by_id(campaign_id)


def started(mails: int) -> None:
    """A running campaign that screens know of."""
    running_campaign(mails=mails)
    with db.session(campaign_db):
        CampaignStatus.create(campaign_id=7, status="running", total_emails=mails)
    progress.publish()


# The clock


def test_a_clock_set_back_gives_no_account_a_second_budget(clock):
    _, account = server_with_account(hourly=10)
    running_campaign(mails=100)
    began = clock.at

    def send() -> int:
        hold = leases.take("server:1", "host:1", MINUTE)
        rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 100)
        claims.settle([Outcome(row, "sent") for row in claims.intend(rows)])
        leases.release(hold)
        return len(rows)

    assert send() == 10
    clock.advance(-HOUR)
    while clock.at < began + HOUR:
        assert send() == 0
        clock.advance(5 * MINUTE)
    clock.advance(10 * MINUTE)
    assert send() == 10
    assert_books_balance()


def test_a_clock_set_back_leaves_leases_with_their_holders(clock):
    server, account = server_with_account()
    running_campaign(mails=10)
    dead, alive = (leases.take(f"server:{i}", f"host:{i}", MINUTE) for i in (1, 2))
    queue_data.claim(ALICE, server.id, account.id, 7, dead, 10)
    clock.advance(-HOUR)
    assert leases.renew("host:2", [alive.name], MINUTE) == {alive.name: alive}
    assert leases.take("server:1", "host:3", MINUTE) is None
    clock.advance(2 * MINUTE)
    assert leases.expired() == [alive]  # as ever, a minute after its last sign of life
    clock.advance(HOUR)
    assert dead in leases.expired()  # late, and with all that it had
    assert orphans.recover(dead)["pending"] == 10
    assert_books_balance()


@pytest.mark.parametrize("hours", [1, 3])
def test_sending_and_screens_go_on_when_the_clock_is_set_back(databases, server, sink, monkeypatch, hours):
    started(mails=600)
    sink.play(Rule("dot", "delay", seconds=0.01))
    now = db.now
    with worker(databases):
        wait_until(lambda: shown().sent_emails > 100)
        monkeypatch.setattr(db, "now", lambda database: now(database) - hours * HOUR)
        wait_until(lambda: statuses() == {"sent": 600})
        wait_until(lambda: (shown().status, shown().sent_emails) == ("finished", 600), what="shown")
    assert set(received(sink).values()) == {1}
    assert_books_balance()


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
@pytest.mark.parametrize("zone", ["+06:00", "-06:00"])
def test_the_zone_of_a_session_does_not_move_the_clock(databases, zone):
    with db.session(crm_db):
        before = db.now(crm_db)
        crm_db.execute_sql("SET time_zone=%s", (zone,))
        assert abs(db.now(crm_db) - before) < HOUR
        crm_db.execute_sql("SET time_zone='+00:00'")


# Server 2


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_no_mail_is_begun_while_server_2_is_frozen_longer_than_a_lease(databases):
    with Holding() as provider:
        server_with_account(host=provider.host, port=provider.port)
        with db.session(crm_db):
            SmtpServer.update(max_connections=1).execute()
        running_campaign(mails=600)
        with worker(databases, lease_seconds=2) as running:
            left = hold_with_intents_left(provider)
            with frozen():
                wait_until(lambda: not running.pulse.is_fresh())
                provider.release()
                wait_until(lambda: not provider.is_waiting)
                time.sleep(1)
                # The next one was offered together with the dot that waits, when the lease was good.
                assert len(left & set(provider.taken)) <= 1
            wait_until(lambda: statuses() == {"sent": 600})  # what was taken for unknown meanwhile is sent later
    assert sorted(provider.taken) == sorted(f"r{i}@example.net" for i in range(1, 601))
    assert_books_balance()


def hold_with_intents_left(provider: Holding) -> set[str]:
    """The sender waits for a reply, and these mails are marked as begun and are not: nothing but time holds them up."""
    for mark in range(50, 500, 50):
        wait_until(lambda least=mark: len(provider.taken) >= least)
        provider.hold()
        wait_until(lambda: provider.is_waiting)
        time.sleep(0.2)  # for marks under way
        if len(left := emails("sending") - set(provider.taken)) > 1:
            return left
        provider.release()
    pytest.fail("a sender never had more than one mail in hand")


def backup() -> dict:
    with db.session(crm_db):
        return {table: list(table.select().dicts()) for table in (*TABLES, *RANGES)}


def restore(rows: dict) -> None:
    def work():
        for table, found in rows.items():
            table.delete().execute()
            if found:
                table.insert_many(found).execute()

    db.transaction(crm_db, work)


@pytest.mark.parametrize("is_running", [False, True], ids=["stopped", "in mid-run"])
def test_a_restored_queue_sends_nothing_until_its_owner_says_so(databases, sink, is_running):
    server_with_account(hourly=50, host=sink.host, port=sink.port)
    started(mails=80)
    before = backup()
    with worker(databases) as running:
        wait_until(lambda: shown().sent_emails == 50)
        if not is_running:
            running.stop.set()
        else:
            restore(before)
            wait_until(lambda: shown().status == "paused")
    if not is_running:
        restore(before)
        with worker(databases):
            wait_until(lambda: shown().status == "paused")
    assert "restored from a backup" in shown().note
    assert statuses() == {"pending": 80}
    assert len(sink.records()) == 50
    control.resume(ALICE, 7)
    progress.publish()
    assert control.state(ALICE, 7).run_state == "running"


# Two servers, and one that is away


@pytest.fixture
def own_mariadb(tmp_path):
    if not is_installed():
        pytest.fail(HINT) if REQUIRE_ALL else pytest.skip(HINT)
    server = MariaDB("--innodb-flush-log-at-trx-commit=1", "--max-connections=10")
    yield server
    server.remove()


@pytest.fixture
def two_servers(own_mariadb, mysql_url, tmp_path):
    """Each database on its own server; yields the environment. `away`: the database whose server may be stopped."""

    def connect(away: str) -> dict[str, str]:
        campaign_url, crm_url = create_schemas(mysql_url)
        own_campaign, own_crm = create_schemas(own_mariadb.url)
        urls = (own_campaign, crm_url) if away == "campaign" else (campaign_url, own_crm)
        env = environment(tmp_path, *urls)
        boot.boot(config.load(env), retry_seconds=60)
        schema.migrate()
        return env

    yield connect
    for database in (campaign_db, crm_db):
        database.obj.close_all()


def test_sending_goes_on_while_server_1_is_away(two_servers, own_mariadb, sink):
    env = two_servers(away="campaign")
    server_with_account(accounts=3, host=sink.host, port=sink.port)
    started(mails=500)
    sink.play(Rule("dot", "delay", seconds=0.01))
    with worker(env):
        wait_until(lambda: statuses().get("sent", 0) > 50)
        own_mariadb.stop(kill=True)
        wait_until(is_at_rest)
        own_mariadb.start()
        wait_until(lambda: (shown().status, shown().sent_emails) == ("finished", 500))
    assert set(received(sink).values()) == {1}
    assert_books_balance()


def test_replies_wait_for_server_2_and_nothing_is_sent_meanwhile(two_servers, own_mariadb, sink):
    env = two_servers(away="crm")
    server_with_account(accounts=3, host=sink.host, port=sink.port)
    running_campaign(mails=300)
    sink.play(Rule("dot", "delay", seconds=0.1))
    with worker(env):
        wait_until(lambda: statuses().get("sent", 0) > 20)
        own_mariadb.stop(kill=True)
        without_server_2 = settled(sink)
        time.sleep(1)
        assert len(sink.records()) == without_server_2 < 300
        own_mariadb.start()
        sink.play()
        wait_until(is_at_rest)
    assert statuses() == {"sent": 300}
    assert set(received(sink).values()) == {1}
    assert_books_balance()


def test_without_a_free_connection_pages_ask_for_a_moment(own_mariadb, tmp_path):
    settings = config.load(environment(tmp_path, *create_schemas(own_mariadb.url)))
    boot.boot(settings, retry_seconds=0.2)
    schema.migrate()
    visitor = Visitor(create_app(settings))
    form = {"csrf_token": visitor.token(), "email": "ada@example.com", "password": "x"}
    db.campaign_db.obj.close_all()
    held = []
    try:
        with pytest.raises(pymysql.OperationalError) as caught:
            while True:
                held.append(pymysql.connect(host="127.0.0.1", port=own_mariadb.port, user="root"))
        assert caught.value.args[0] == 1040
        answer = visitor.client.post("/login", data=form)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "try again in a moment" in answer.text
    finally:
        for connection in held:
            connection.close()
    wait_until_free(own_mariadb)
    assert visitor.client.post("/login", data=form).status_code == 422
    for database in (campaign_db, crm_db):
        database.obj.close_all()


def wait_until_free(server) -> None:
    """MariaDB takes a moment to notice that connections are gone."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return pymysql.connect(host="127.0.0.1", port=server.port, user="root").close()
        except pymysql.OperationalError:
            time.sleep(0.05)

"""A replica of Server 1, by real replication: what is read there, and that nothing depends on it."""

import time

import pymysql
import pytest

from blaster import boot, config, db, recipients, replica, schema
from blaster.db import campaign_db, crm_db
from blaster.doctor import connections
from blaster.lists import export, people
from blaster.models.campaign_db import Recipient
from tests.conftest import HINT, REQUIRE_ALL, create_schemas, environment
from tests.mariadb import MariaDB, is_installed
from tests.queue_data import ALICE

FOLLOW = (
    "CHANGE MASTER TO master_host='127.0.0.1', master_port={port}, master_user='root', master_use_gtid=slave_pos,"
    " master_connect_retry=1"
)


def ask(server: MariaDB, statement: str):
    """What the server itself says."""
    with pymysql.connect(host="127.0.0.1", port=server.port, user="root", autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()


@pytest.fixture(scope="module")
def pair(certificate):
    """A server, which offers TLS, and the one that follows it."""
    if not is_installed():
        pytest.fail(HINT) if REQUIRE_ALL else pytest.skip(HINT)
    primary = MariaDB("--server-id=1", "--log-bin=log", f"--ssl-cert={certificate}", f"--ssl-key={certificate}")
    follower = MariaDB("--server-id=2", "--read-only")
    ask(follower, FOLLOW.format(port=primary.port))
    ask(follower, "START SLAVE")
    yield primary, follower
    follower.remove()
    primary.remove()


@pytest.fixture
def replicated(pair, tmp_path):
    """Alice's list on both; on the replica zoe has another address, so that one sees where a page reads. Its server."""
    primary, follower = pair
    if not follower.is_running():
        follower.start()
    campaign_url, crm_url = create_schemas(primary.url)
    name = campaign_url.rpartition("/")[2]
    env = environment(tmp_path, campaign_url, crm_url)
    env["BLASTER_CAMPAIGN_REPLICA_URL"] = f"{follower.url}/{name}"
    boot.boot(config.load(env))
    schema.migrate()
    found = recipients.create_list(ALICE, "readers")
    recipients.import_csv(ALICE, found.id, "email,city\nzoe@example.com,Bonn\nada@example.com,Bonn\n")
    wait_until_it_is_there(follower, name)
    ask(follower, f"UPDATE {name}.recipients SET email='zoe@replica.example' WHERE email='zoe@example.com'")
    yield found.id, follower
    ask_gently(follower, "START SLAVE")
    for database in (campaign_db, crm_db):
        database.obj.close_all()
    replica.connect(config.load(environment(tmp_path)))


def wait_until_it_is_there(follower: MariaDB, name: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if ask(follower, f"SELECT COUNT(*) FROM {name}.recipients") == ((2,),):
                return
        except pymysql.MySQLError:
            pass  # its tables have not come yet
        time.sleep(0.05)
    pytest.fail(f"nothing is replicated: {ask(follower, 'SHOW SLAVE STATUS')}")


def ask_gently(follower: MariaDB, statement: str) -> None:
    if follower.is_running():
        ask(follower, statement)


def emails(list_id: int) -> set[str]:
    """What the three large reads find: a search in a list, one for people, a list to take home."""
    in_list = [row.email for row in recipients.list_recipients(ALICE, list_id, search="zoe")]
    everywhere = [found.email for found in people.search(ALICE, "zoe")]
    at_home = [row[0] for row in export.rows(recipients.get_list(ALICE, list_id)) if row[0].startswith("zoe")]
    return {*in_list, *everywhere, *at_home}


THERE, HERE = {"zoe@replica.example"}, {"zoe@example.com"}


def test_what_travels_is_encrypted_where_the_server_offers_it(pair):
    for server, is_encrypted in zip(pair, (True, False), strict=True):
        database = db.open_database(f"{server.url}/mysql", 1, 30)
        with database:
            (_, cipher), *_ = database.execute_sql("SHOW STATUS LIKE 'Ssl_cipher'").fetchall()
        database.close_all()
        assert bool(cipher) is is_encrypted


def test_large_reads_go_to_the_replica_and_no_others(replicated):
    list_id, _ = replicated
    assert emails(list_id) == THERE
    assert [row.email for row in recipients.list_recipients(ALICE, list_id)] == ["zoe@example.com", "ada@example.com"]
    with db.session(campaign_db):
        assert Recipient.select().where(Recipient.email == "zoe@example.com").exists()


def stopped(follower, monkeypatch):
    ask(follower, "STOP SLAVE")


def behind(follower, monkeypatch):
    monkeypatch.setattr(replica, "MOST_BEHIND", -1)


def without_rights(follower, monkeypatch):
    ask(follower, "CREATE OR REPLACE USER reader@'%'")
    ask(follower, "GRANT SELECT ON *.* TO reader@'%'")
    monkeypatch.setitem(replica._replica.connect_params, "user", "reader")


def dead(follower, monkeypatch):
    follower.stop(kill=True)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (stopped, "does not follow"),
        (behind, "s behind"),
        (without_rights, "OperationalError 1227"),
        (dead, "OperationalError 2003"),
    ],
)
def test_in_trouble_it_is_not_asked_and_the_doctor_says_why(replicated, monkeypatch, trouble, words):
    list_id, follower = replicated
    trouble(follower, monkeypatch)
    assert emails(list_id) == HERE
    (finding,) = connections.replica_is_used(None)
    assert finding.kind == "replica" and words in finding.what


def test_one_that_dies_between_two_questions_costs_no_answer(replicated):
    list_id, follower = replicated
    assert emails(list_id) == THERE
    follower.stop(kill=True)
    assert emails(list_id) == HERE


def test_without_one_nothing_is_asked(databases):
    replica.connect(config.load(databases))
    assert replica.ask() == ""
    assert replica.read(lambda database: database) is campaign_db

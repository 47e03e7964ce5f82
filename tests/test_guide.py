"""What an operator does by the guide: schema, indexes, options of the database server, and SQL typed by hand.

On a throwaway MariaDB of its own, since options and global variables are changed.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import pymysql
import pytest

from blaster import boot, config, db, schema, servers, vault
from blaster.db import crm_db
from blaster.models.crm_db import Mail
from blaster.queue import leases
from scripts.lab.mariadb import HINT, SEARCH, MariaDB, is_installed
from tests import queue_data
from tests.conftest import REQUIRE_ALL, create_schemas, environment
from tests.queue_data import ALICE

PROJECT = Path(__file__).parent.parent
SQL = PROJECT / "sql"
INDEXES = SQL / "MULTI_USER_DATABASE_INDEXES.sql"
CLIENT = shutil.which("mariadb", path=SEARCH) or shutil.which("mysql", path=SEARCH)


@pytest.fixture(scope="module")
def server():
    """A MariaDB that this module may restart with other options."""
    if not (is_installed() and CLIENT):
        pytest.fail(HINT) if REQUIRE_ALL else pytest.skip(HINT)
    server = MariaDB("--innodb-buffer-pool-size=32M")
    yield server
    server.remove()


def by_client(url: str, file: Path) -> None:
    """`mysql database < file`, as the guide has it; stops at the first error."""
    parts = urlparse(url)
    where = ["-h127.0.0.1", f"-P{parts.port}", "-uroot", "--skip-ssl", parts.path[1:]]
    with file.open() as text:
        done = subprocess.run([CLIENT, "--no-defaults", *where], stdin=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def ask(url: str, *statements: str) -> list:
    """The rows of the last one."""
    parts = urlparse(url)
    with (
        pymysql.connect(host="127.0.0.1", port=parts.port, user="root", database=parts.path[1:] or None) as connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
        connection.commit()
        return list(cursor.fetchall())


@pytest.fixture
def tables(server, tmp_path):
    """Server 1 and Server 2 (their URLs) as the application makes and knows them."""
    urls = create_schemas(server.url)
    boot.boot(config.load(environment(tmp_path, *urls)))
    schema.migrate()
    yield urls
    for database in (db.campaign_db, db.crm_db):
        database.obj.close_all()


# Schema and indexes


def described(url: str) -> dict[str, list[str]]:
    """Each table as the server describes it; the order of indexes does not count."""
    made = {}
    for (name,) in ask(url, "SHOW TABLES"):
        if not name.startswith("schema_migration"):
            ((_, text),) = ask(url, f"SHOW CREATE TABLE {name}")
            made[name] = sorted(line.rstrip(",") for line in text.splitlines())
    return made


def indexes(url: str) -> list:
    columns = "table_name, index_name, non_unique, seq_in_index, column_name"
    where = "table_schema = DATABASE() AND table_name NOT LIKE 'schema_migration%'"
    return ask(url, f"SELECT {columns} FROM information_schema.statistics WHERE {where} ORDER BY 1, 2, 4")


def test_the_files_are_what_the_models_say():
    script = [sys.executable, PROJECT / "scripts" / "schema_sql.py", "--check"]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + "\nRun scripts/schema_sql.py."


def test_the_schema_files_make_what_the_application_makes(server, tables):
    for url, mine, file in zip(create_schemas(server.url), tables, ("campaign", "crm"), strict=True):
        for _ in range(2):
            by_client(url, SQL / f"schema_{file}.sql")
        assert described(url) == described(mine)


def test_the_index_file_mends_either_database_and_changes_nothing_when_run_again(tables):
    for url, table, index in zip(
        tables,
        ("recipients", "mail_blaster"),
        ("recipients_list_id_email_key", "mail_blaster_campaign_id_status_due_at_id"),
        strict=True,
    ):
        whole = indexes(url)
        ask(url, f"DROP INDEX {index} ON {table}")
        assert indexes(url) != whole
        for _ in range(2):
            by_client(url, INDEXES)
            assert indexes(url) == whole


def test_a_database_without_tables_is_no_trouble(server):
    for url in create_schemas(server.url):
        by_client(url, INDEXES)
        assert ask(url, "SHOW TABLES") == []


# Partitions


def test_a_partitioned_queue_works_and_goes_back(tables):
    _, crm = tables
    before = described(crm)["mail_blaster"]
    by_client(crm, SQL / "partitioning.sql")
    by_client(crm, INDEXES)  # finds nothing to add
    assert schema.migrate() == []
    _, account = queue_data.server_with_account(ALICE)
    queue_data.running_campaign(ALICE, mails=30)
    hold = leases.take(f"server:{account.smtp_server_id}", "host:1", 30_000)
    rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 20)
    assert len(rows) == 20
    with db.session(crm_db):
        again = (ALICE, 7, 1, "other@example.net", "other@example.net")
        columns = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key)
        db.insert_new(Mail, columns, [again])
    queue_data.assert_books_balance()
    assert queue_data.statuses() == {"claimed": 20, "pending": 10}
    partitions = "SELECT COUNT(*) FROM information_schema.partitions WHERE table_schema = DATABASE()"
    assert ask(crm, f"{partitions} AND partition_name IS NOT NULL") == [(16,)]
    by_client(crm, SQL / "partitioning_undo.sql")
    assert [re.sub(" AUTO_INCREMENT=[0-9]+", "", line) for line in described(crm)["mail_blaster"]] == before
    assert queue_data.statuses() == {"claimed": 20, "pending": 10}


# Options of the database server

SCALED = {"innodb_buffer_pool_size": "64M", "innodb_log_file_size": "16M", "query_cache_size": "16M"}
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
# What MySQL 8 no longer knows, and will not start with
REMOVED = {"query_cache_type", "query_cache_size", "innodb_file_format", "innodb_large_prefix", "tx_isolation"}
GUIDE_100 = {
    "max_connections": "500",
    "innodb_buffer_pool_size": "4G",
    "innodb_lock_wait_timeout": "10",
    "innodb_flush_log_at_trx_commit": "2",
    "query_cache_type": "1",
    "query_cache_size": "256M",
    "thread_cache_size": "100",
    "table_open_cache": "2000",
    "sort_buffer_size": "2M",
    "join_buffer_size": "2M",
}
GUIDE_500 = {
    "max_connections": "2000",
    "innodb_buffer_pool_size": "16G",
    "innodb_lock_wait_timeout": "5",
    "innodb_flush_log_at_trx_commit": "2",
    "query_cache_size": "512M",
    "thread_cache_size": "200",
    "table_open_cache": "4000",
}
# Where we do otherwise on purpose; docs/GUIDE.md says why
OTHERWISE = {"innodb_flush_log_at_trx_commit", "query_cache_type", "query_cache_size"}
SIZES = {"8g_100_users": GUIDE_100, "32g_500_users": GUIDE_500}


def read_options(file: str) -> dict[str, str]:
    lines = [line.strip() for line in (SQL / "my_cnf" / file).read_text().splitlines()]
    assert "[mysqld]" in lines
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if line and line[0] not in "#[")


def plain(text: str) -> str | float:
    """ON, 1 and 1.0 as 1, and 2M in bytes."""
    text = {"ON": "1", "OFF": "0"}.get(text, text)
    if text[-1] in UNITS:
        return float(text[:-1]) * UNITS[text[-1]]
    return float(text) if re.fullmatch(r"[0-9.]+", text) else text


def restart(server: MariaDB, options: dict[str, str]) -> dict[str, str]:
    """Start the server with these options, large buffers smaller. Returns what it made of those that it changed."""
    server.stop()
    small = {name: SCALED.get(name, value) if value != "0" else value for name, value in options.items()}
    server.options = tuple(f"--{name}={value}" for name, value in small.items())
    server.start()
    there = dict(ask(server.url, "SHOW GLOBAL VARIABLES"))
    return {name: there[name] for name, value in small.items() if plain(there[name]) != plain(value)}


@pytest.mark.parametrize("options", [GUIDE_100, GUIDE_500], ids=["100 users", "500 users"])
def test_mariadb_runs_with_the_options_of_the_guide(server, options):
    assert restart(server, options) == {}


@pytest.mark.parametrize("size", SIZES)
def test_mariadb_runs_with_our_files(server, size):
    assert restart(server, read_options(f"mariadb_{size}.cnf")) == {}


@pytest.mark.parametrize("engine", ["mariadb", "mysql8"])
@pytest.mark.parametrize("size", SIZES)
def test_our_files_have_the_numbers_of_the_guide(engine, size):
    options = read_options(f"{engine}_{size}.cnf")
    wanted = {name: value for name, value in SIZES[size].items() if name not in OTHERWISE}
    assert {name: options.get(name) for name in wanted} == wanted
    assert options["innodb_flush_log_at_trx_commit"] == "1"
    assert not (engine == "mysql8" and REMOVED & set(options))


# Numbers


def test_the_numbers_of_the_guide_are_settings():
    settings = config.load({"BLASTER_SECRET_KEY": "x", "BLASTER_VAULT_KEYS": "x"})
    assert settings.migration_batch == 10_000
    assert settings.worker_batch == 1_000
    assert settings.status_update_every == 500
    assert settings.loop_delay == 0.05
    assert settings.campaigns_warning == 5
    assert settings.status_update_seconds <= 10  # the guide's monitor interval; screens lag less


# SQL typed by hand

SERVERS = """INSERT INTO smtp_servers (user_id, name, host, port, encryption, is_active)
VALUES
(1, 'Server 1', 'smtp.gmail.com', 587, 'tls', 1),
(1, 'Server 2', 'smtp.office365.com', 587, 'tls', 1);"""

ACCOUNTS = """INSERT INTO smtp_accounts (user_id, smtp_server_id, email, password, daily_limit, hourly_limit, is_active)
VALUES
(1, 1, 'user1@gmail.com', 'password', 1000, 50, 1),
(1, 1, 'user2@gmail.com', 'password', 1000, 50, 1)"""


def test_servers_and_accounts_inserted_by_hand_send(tables):
    _, crm = tables
    ask(crm, SERVERS, ACCOUNTS)
    with db.session(crm_db):
        assert [server.host for server in servers.list_servers(ALICE)] == ["smtp.gmail.com", "smtp.office365.com"]
    assert {vault.decrypt(stored) for (stored,) in ask(crm, "SELECT password FROM smtp_accounts")} == {"password"}
    queue_data.running_campaign(ALICE, mails=200)
    hold = leases.take("server:1", "host:1", 30_000)
    rows, _ = queue_data.claim(ALICE, 1, 1, 7, hold, 1_000)
    assert len(rows) == 50  # its hourly limit


TROUBLESHOOTING = [
    ("SELECT * FROM smtp_servers WHERE user_id = 1;", 2),
    ("SELECT * FROM smtp_accounts WHERE user_id = 1;", 2),
    ("UPDATE smtp_accounts SET user_id = 1 WHERE id IN (1, 2);", 0),
    ("SET GLOBAL slow_query_log = 'ON';", 0),
    ("SET GLOBAL innodb_lock_wait_timeout = 10;", 0),
    ("SHOW ENGINE INNODB STATUS;", 1),
    ("OPTIMIZE TABLE mail_blaster, smtp_accounts", 4),  # InnoDB: a note and a result for each
]


def test_the_statements_of_troubleshooting_and_upkeep_run(tables):
    _, crm = tables
    ask(crm, SERVERS, ACCOUNTS)
    assert [(text, len(ask(crm, text))) for text, _ in TROUBLESHOOTING] == TROUBLESHOOTING


def statements(part: str) -> list[str]:
    """Those of a part of monitoring.sql, whose parts begin with `-- ======== Server 1 ========`."""
    text = (SQL / "monitoring.sql").read_text().split(f"-- ======== {part} ========")[1].split("-- ====")[0]
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


CAMPAIGNS = "INSERT INTO campaign_master (campaign_id, user_id, name) VALUES"
STATES = "INSERT INTO campaign_status (campaign_id, status, total_emails, pending_emails, sent_emails) VALUES"
RUNNING = (
    f"{CAMPAIGNS} (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 2, 'd')",
    f"{STATES} (1, 'running', 90, 30, 60), (2, 'running', 9, 9, 0), (3, 'running', 5, 5, 0), (4, 'finished', 7, 0, 7)",
)
FIVE_OF_ONE_USER = (
    f"{CAMPAIGNS} (5, 1, 'e')",
    "UPDATE campaign_master SET user_id = 1",
    "UPDATE campaign_status SET status = 'running'",
    f"{STATES} (5, 'staging', 1, 1, 0)",
)


def test_the_load_of_the_system_and_of_each_user(tables):
    campaign, _ = tables
    ask(campaign, *RUNNING)
    load, users, many = statements("Server 1")
    assert ask(campaign, load) == [(3, 2, 104, 44)]
    assert ask(campaign, users) == [(1, 2, 99, 60, 39), (2, 1, 5, 0, 5)]
    assert ask(campaign, many) == []
    ask(campaign, *FIVE_OF_ONE_USER)
    assert ask(campaign, many) == [(1, 5)]


HEALTH = "INSERT INTO smtp_health (smtp_server_id, smtp_account_id, user_id, state) VALUES"


def test_what_the_workers_do(tables):
    _, crm = tables
    ask(crm, SERVERS, ACCOUNTS, "UPDATE smtp_accounts SET sent_today = 3, is_active = id = 1")
    ask(crm, f"{HEALTH} (1, 2, 1, 'cooling'), (1, 1, 1, 'ok')")
    now = db.now(crm_db)
    ask(crm, f"INSERT INTO smtp_usage (smtp_account_id, bucket, taken) VALUES (1, {now}, 1000), (2, {now}, 999)")
    queue_data.running_campaign(ALICE, mails=30)
    leases.take("worker:gone", "host:1", -120_000)
    leases.take("worker:here", "host:1", 30_000)
    accounts, ill, used_up, queue, orphans = (ask(crm, text) for text in statements("Server 2"))
    assert accounts == [(1, 2, 1, 6, 1000)]
    assert [row[:4] for row in ill] == [(1, 1, 2, "cooling")]
    assert used_up == [(1, 1, "user1@gmail.com", 1000, 1000)]
    assert queue == [(1, 7, "running", 30, 0, 0, 0, 0)]
    assert [row[0] for row in orphans] == ["worker:gone"]


def test_either_server_tells_of_its_size_and_its_waits(tables):
    for url in tables:
        sizes, status, variables, engine = (ask(url, text) for text in statements("Either server"))
        assert {name for name, *_ in sizes} == {name for (name,) in ask(url, "SHOW TABLES")}
        assert len(status) == 5 and len(variables) == 3 and len(engine) == 1

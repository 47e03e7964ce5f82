"""Every database test runs on SQLite and on MariaDB: ask for `databases`. Alice owns, Bob is another user."""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pymysql
import pytest

from blaster import boot, config, db, schema
from blaster.mail import targets
from tests.mariadb import HINT, MariaDB, is_installed

pytest_plugins = ["tests.sinks", "tests.clock", "tests.web", "tests.mailservers", "tests.furnished"]

REQUIRE_ALL = os.environ.get("CI") == "true" or os.environ.get("BLASTER_REQUIRE_ALL") == "1"


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """URL of a MySQL/MariaDB server where the tests may create databases (no database name in it)."""
    if own := os.environ.get("BLASTER_TEST_MYSQL_URL"):
        yield own.rstrip("/")
        return
    if not is_installed():
        pytest.fail(HINT) if REQUIRE_ALL else pytest.skip(HINT)
    server = MariaDB()
    yield server.url
    server.remove()


# Sinks and other servers of the tests: on this host, at any port.
OPEN = {"BLASTER_PRIVATE_TARGETS": "127.0.0.0/8 ::1"}
OPEN |= {f"BLASTER_{kind}_PORTS": "1-65535" for kind in ("SMTP", "MAILBOX", "WEBHOOK")}
_OPEN = config.load({**OPEN, "BLASTER_SECRET_KEY": "-", "BLASTER_VAULT_KEYS": "-"})


@pytest.fixture(autouse=True)
def open_targets() -> None:
    """For tests that open connections and boot nothing."""
    targets.use(_OPEN)


def environment(data_dir, campaign_url: str = "", crm_url: str = "") -> dict[str, str]:
    """The environment of a process that works on these databases."""
    return {
        "BLASTER_DATA_DIR": str(data_dir),
        "BLASTER_CAMPAIGN_URL": campaign_url,
        "BLASTER_CRM_URL": crm_url,
        "BLASTER_PUBLIC_URL": "http://127.0.0.1:8025",
        "BLASTER_SECRET_KEY": "a secret key for the tests only, 0123456789",
        **OPEN,
    }


def create_schemas(mysql_url: str) -> tuple[str, str]:
    """Two empty databases on the server: the URLs of Server 1 and Server 2."""
    parts = urlparse(mysql_url)
    suffix = uuid.uuid4().hex[:8]
    names = [f"campaign_{suffix}", f"crm_{suffix}"]
    with pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=parts.username or "", password=parts.password or ""
    ) as connection:
        for name in names:
            connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    return tuple(f"{mysql_url}/{name}" for name in names)


@pytest.fixture(scope="session")
def mysql_environment(mysql_url, tmp_path_factory) -> dict[str, str]:
    """Two databases with their tables, for all tests of this process: each test empties them."""
    return _migrated(environment(tmp_path_factory.mktemp("mysql"), *create_schemas(mysql_url)))


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory) -> list[Path]:
    """Two files with their tables: each test copies them."""
    folder = tmp_path_factory.mktemp("sqlite")
    _migrated(environment(folder))
    return list(folder.glob("*.db"))


def _migrated(env: dict[str, str]) -> dict[str, str]:
    boot.boot(config.load(env))
    schema.migrate()
    _close()
    return env


def _close() -> None:
    for database in (db.campaign_db, db.crm_db):
        database.close()
        if hasattr(database.obj, "close_all"):
            database.obj.close_all()


@pytest.fixture(params=["sqlite", "mysql"])
def engine(request) -> str:
    return request.param


@pytest.fixture
def databases(engine, request, tmp_path) -> Iterator[dict[str, str]]:
    """Both databases, empty and connected, on the engine of this run; yields the environment for other processes."""
    if engine == "mysql":
        env = request.getfixturevalue("mysql_environment")
    else:
        env = environment(tmp_path)
        for file in request.getfixturevalue("sqlite_files"):
            shutil.copy(file, tmp_path)
    boot.boot(config.load(env))
    yield env
    if engine == "mysql":
        _empty()
    _close()


def _empty() -> None:
    for database in (db.campaign_db, db.crm_db):
        with database.connection_context():
            for table in database.get_tables():
                if not table.startswith("schema_migration"):
                    database.execute_sql(f"DELETE FROM {table}")


@pytest.fixture
def settings(databases) -> config.Settings:
    return config.load(databases)

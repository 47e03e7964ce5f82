"""Every database test runs on SQLite and on MariaDB: ask for `databases`. Alice owns, Bob is another user."""

import os
import uuid
from collections.abc import Iterator
from urllib.parse import urlparse

import pymysql
import pytest

from blaster import boot, config, db, schema
from tests.mariadb import HINT, MariaDB, is_installed

pytest_plugins = ["tests.sinks", "tests.clock", "tests.web", "tests.mailservers"]

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


def environment(data_dir, campaign_url: str = "", crm_url: str = "") -> dict[str, str]:
    """The environment of a process that works on these databases."""
    return {
        "BLASTER_DATA_DIR": str(data_dir),
        "BLASTER_CAMPAIGN_URL": campaign_url,
        "BLASTER_CRM_URL": crm_url,
        "BLASTER_PUBLIC_URL": "http://127.0.0.1:8025",
        "BLASTER_SECRET_KEY": "a secret key for the tests only, 0123456789",
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
    env = environment(tmp_path_factory.mktemp("mysql"), *create_schemas(mysql_url))
    boot.boot(config.load(env))
    schema.migrate()
    return env


@pytest.fixture(params=["sqlite", "mysql"])
def engine(request) -> str:
    return request.param


@pytest.fixture
def databases(engine, request, tmp_path) -> Iterator[dict[str, str]]:
    """Both databases, empty and connected, on the engine of this run; yields the environment for other processes."""
    env = request.getfixturevalue("mysql_environment") if engine == "mysql" else environment(tmp_path)
    boot.boot(config.load(env))
    schema.migrate()
    yield env
    for database in (db.campaign_db, db.crm_db):
        with database.connection_context():
            if engine == "mysql":
                for table in set(database.get_tables()) - {"schema_migration_campaign", "schema_migration_crm"}:
                    database.execute_sql(f"DELETE FROM {table}")
        database.close()
        if hasattr(database.obj, "close_all"):
            database.obj.close_all()


@pytest.fixture
def settings(databases) -> config.Settings:
    return config.load(databases)

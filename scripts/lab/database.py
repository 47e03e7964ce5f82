"""The databases of the lab, and what can be done to them: MariaDB is cut off and killed, SQLite is only used."""

import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import peewee
import pymysql

from blaster import db
from scripts.lab.mariadb import MariaDB
from scripts.lab.plan import Plan

# As documented for Server 2: a committed intent survives the death of the database.
DURABLE = "--innodb-flush-log-at-trx-commit=1"
KILL_SHARE = 0.5  # of the connections, at each cut


class SQLite:
    """Two files."""

    def __init__(self, folder: Path):
        self.urls = [f"sqlite:///{folder / name}" for name in ("campaign.db", "crm.db")]

    def remove(self) -> None:
        """Goes with the folder."""


class MySQL:
    """Two schemas on a throwaway MariaDB, or on a server that is there (`url`), which then cannot be killed."""

    def __init__(self, url: str = ""):
        self.server = None if url else MariaDB(DURABLE)
        self._url = url.rstrip("/") or self.server.url
        self.urls = create_schemas(self._url)

    def cut(self, chance: random.Random) -> int:
        """Cut connections at random, whatever they are doing; returns how many."""
        with connection(self._url) as mine:
            cursor = mine.cursor()
            names = [urlparse(url).path[1:] for url in self.urls]
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db IN %s", [names])
            victims = [number for (number,) in cursor.fetchall() if chance.random() < KILL_SHARE]
            return sum(_kill(cursor, number) for number in victims)

    def restart(self, chance: random.Random) -> None:
        """Kill -9, wait a moment, start again."""
        self.server.stop(kill=True)
        time.sleep(chance.uniform(0, 2))
        self.server.start()

    def remove(self) -> None:
        if self.server:
            self.server.remove()


def patiently(work: Callable):
    """The value of `work()`, which is tried again while the database is away; for reads and what may run twice."""
    while True:
        try:
            return work()
        except (peewee.PeeweeException, pymysql.MySQLError) as error:
            if not db.is_transient(error):
                raise
            time.sleep(0.1)


def open_database(plan: Plan, folder: Path) -> SQLite | MySQL:
    return MySQL(plan.mysql_url) if plan.engine == "mysql" else SQLite(folder)


def create_schemas(url: str) -> list[str]:
    """Two empty databases on the server: the URLs of Server 1 and Server 2."""
    suffix = uuid.uuid4().hex[:8]
    names = [f"campaign_{suffix}", f"crm_{suffix}"]
    with connection(url) as mine:
        for name in names:
            mine.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    return [f"{url}/{name}" for name in names]


def connection(url: str) -> pymysql.Connection:
    parts = urlparse(url)
    who = {"user": parts.username or "root", "password": parts.password or ""}
    return pymysql.connect(host=parts.hostname, port=parts.port or 3306, **who)


def _kill(cursor, number: int) -> bool:
    try:
        cursor.execute(f"KILL CONNECTION {int(number)}")
        return True
    except pymysql.MySQLError:  # it has gone by itself
        return False

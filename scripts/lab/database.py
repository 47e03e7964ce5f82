"""The databases of the lab, and what can be done to them: MariaDB is cut off and killed, SQLite is only used."""

import random
import signal
import threading
import time
import uuid
from collections.abc import Callable
from itertools import cycle
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

    is_away = False

    def __init__(self, folder: Path):
        self.urls = [f"sqlite:///{folder / name}" for name in ("campaign.db", "crm.db")]

    def remove(self) -> None:
        """Goes with the folder."""


class MySQL:
    """Two schemas, on one throwaway MariaDB or two, or on a server that is there (`url`), which then is not killed."""

    def __init__(self, url: str = "", servers: int = 1):
        self.servers = [] if url else [MariaDB(DURABLE) for _ in range(servers)]
        self._at = [url.rstrip("/")] if url else [server.url for server in self.servers]
        self._turn = cycle(self.servers)
        self._break: threading.Thread | None = None
        self.urls = create_schemas(self._at[0], self._at[-1])

    def cut(self, chance: random.Random) -> int:
        """Cut connections at random, whatever they are doing; returns how many."""
        return sum(_cut(url, chance) for url in self.urls)

    def restart(self, chance: random.Random) -> None:
        """Kill -9, wait a moment, start again."""
        server = next(self._turn)
        server.stop(kill=True)
        time.sleep(chance.uniform(0, 2))
        server.start()

    @property
    def is_away(self) -> bool:
        """One of the servers is stopped."""
        return self._break is not None and self._break.is_alive()

    def freeze(self, seconds: float) -> None:
        """The next server in turn does nothing for so long; connections stay."""
        server = next(self._turn)
        self._begin(lambda: server.process.send_signal(signal.SIGSTOP), server.thaw, seconds)

    def shut_down(self, seconds: float) -> None:
        """The next server in turn ends as it does at SIGTERM, and starts again so much later."""
        server = next(self._turn)
        self._begin(server.stop, server.start, seconds)

    def _begin(self, leave: Callable[[], None], come_back: Callable[[], None], seconds: float) -> None:
        """In a thread: what the lab itself asks the database then waits for its end."""

        def away() -> None:
            leave()
            time.sleep(seconds)
            come_back()

        self._break = threading.Thread(target=away)
        self._break.start()

    def remove(self) -> None:
        if self._break:
            self._break.join()
        for server in self.servers:
            server.remove()


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
    return MySQL(plan.mysql_url, plan.servers) if plan.engine == "mysql" else SQLite(folder)


def create_schemas(first: str, second: str = "") -> list[str]:
    """Two empty databases, on one server or on two: the URLs of Server 1 and Server 2."""
    suffix = uuid.uuid4().hex[:8]
    urls = [f"{first}/campaign_{suffix}", f"{second or first}/crm_{suffix}"]
    for url in urls:
        with connection(url) as mine:
            mine.cursor().execute(f"CREATE DATABASE {urlparse(url).path[1:]} CHARACTER SET utf8mb4")
    return urls


def connection(url: str) -> pymysql.Connection:
    parts = urlparse(url)
    who = {"user": parts.username or "root", "password": parts.password or ""}
    return pymysql.connect(host=parts.hostname, port=parts.port or 3306, **who)


def _cut(url: str, chance: random.Random) -> int:
    with connection(url) as mine:
        cursor = mine.cursor()
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", [urlparse(url).path[1:]])
        victims = [number for (number,) in cursor.fetchall() if chance.random() < KILL_SHARE]
        return sum(_kill(cursor, number) for number in victims)


def _kill(cursor, number: int) -> bool:
    try:
        cursor.execute(f"KILL CONNECTION {int(number)}")
        return True
    except pymysql.MySQLError:  # it has gone by itself
        return False

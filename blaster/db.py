"""The two databases and all that differs between SQLite and MySQL/MariaDB: connections, locks, retries, upserts.

Server 1 ("campaign") is what people see and edit, Server 2 ("crm") is what workers use. They may be two servers, two
schemas of one server or two SQLite files; no transaction spans both.
"""

import json
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, contextmanager, suppress
from urllib.parse import unquote, urlparse

import peewee
import pymysql
from playhouse.pool import MaxConnectionsExceeded, PooledMySQLDatabase
from pymysql.constants import CLIENT, SERVER_STATUS

from blaster import literals, mysql

log = logging.getLogger(__name__)
campaign_db, crm_db = peewee.DatabaseProxy(), peewee.DatabaseProxy()

_LOCKS = {"share": "LOCK IN SHARE MODE", "lock": "FOR UPDATE", "skip": "FOR UPDATE SKIP LOCKED"}
_LOCK_WAIT = "innodb_lock_wait_timeout=LEAST(@@innodb_lock_wait_timeout, 10)"  # seconds, fewer than a lease has
_ISOLATION = "/*M!100000 tx_isolation *//*!80000 transaction_isolation */"  # MariaDB's name and MySQL's
_IDLE_SECONDS = 6, 30  # the server ends a connection after a lease, within these: no lock outlives its process by more
_TRUSTED_SECONDS = 5.0  # a connection that answered so recently is taken to be there still
_retry_seconds, _clock_speed, _clock_origin = 5.0, 1.0, 0

# 1205 lock wait timeout (rolls back the statement only), 1213 deadlock, 1020 record changed (snapshot isolation),
# 1305 "savepoint does not exist" (a deadlock inside a nested transaction), 1040/1203/1226 too many connections,
# 1053 shutdown in progress, 1290 read-only, 2002/2003/2006/2013/2014/4031 connection refused, gone or out of step.
_TRANSIENT = {1205, 1213, 1020, 1305, 1040, 1203, 1226, 1053, 1290, 1927, 2002, 2003, 2006, 2013, 2014, 4031}


class Unavailable(Exception):
    """The database did not answer in time; what was asked for has not been done, or is known to repeat safely."""


class _KeepsError:
    def rollback(self):
        """Raises nothing: it fails after the error that matters, when the connection is gone or SQLite was quicker."""
        with suppress(peewee.PeeweeException):
            super().rollback()


class _MySQL(_KeepsError, PooledMySQLDatabase, mysql.Database):
    field_types = {
        **PooledMySQLDatabase.field_types,
        "WORD": "VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin",
        "KEYTEXT": "VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    }

    # The pool would ask "are you there?" before each use and roll back after it: two round trips more for each read.
    def _is_closed(self, conn):
        return not conn.open or (time.monotonic() - conn.used_at > _TRUSTED_SECONDS and super()._is_closed(conn))

    def _can_reuse(self, conn):
        conn.used_at = time.monotonic()
        return not conn.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS or super()._can_reuse(conn)


class _SQLite(_KeepsError, peewee.SqliteDatabase):
    field_types = {**peewee.SqliteDatabase.field_types, "WORD": "TEXT", "KEYTEXT": "TEXT", "LONGTEXT": "TEXT"}


def connect(settings, *, connections: int = 24, retry_seconds: float = 5.0) -> None:
    """Bind both databases. `retry_seconds`: how long `transaction` goes on: short in the web, long in workers."""
    global _retry_seconds, _clock_speed, _clock_origin
    _retry_seconds = retry_seconds
    _clock_speed, _clock_origin = settings.clock_speed, settings.clock_origin
    idle = sorted((int(settings.lease_seconds), *_IDLE_SECONDS))[1]
    campaign_db.initialize(open_database(settings.campaign_url, connections, idle))
    # A committed intent must survive a power loss, or people get a second mail: FULL on Server 2.
    crm_db.initialize(open_database(settings.crm_url, connections, idle, synchronous="FULL"))


def open_database(url: str, connections: int, idle: int, synchronous: str = "NORMAL") -> peewee.Database:
    """What is at the URL, not connected yet. The server ends connections that are `idle` for so many seconds."""
    parts = urlparse(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path)[1:] if parts.path[2:3] == ":" else unquote(parts.path)
        pragmas = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": synchronous, "cache_size": -16_000}
        return _SQLite(path, lock_type="IMMEDIATE", timeout=30, pragmas=pragmas)
    return _MySQL(
        parts.path.lstrip("/"),
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        charset="utf8mb4",
        client_flag=CLIENT.FOUND_ROWS,  # "rows changed" would call an UPDATE to the same value a failure
        # SKIP LOCKED under REPEATABLE READ locks gaps: 318 deadlocks for 20,000 rows, against none.
        init_command=f"SET SESSION {_ISOLATION}='READ-COMMITTED', wait_timeout={idle}, {_LOCK_WAIT}",
        connect_timeout=10,
        read_timeout=60,
        write_timeout=60,
        max_connections=connections,
        stale_timeout=300,
        timeout=10,
    )


def is_sqlite(database) -> bool:
    """True for the embedded engine."""
    return isinstance(_real(database), peewee.SqliteDatabase)


def _real(database):
    return database.obj if isinstance(database, peewee.Proxy) else database


def now(database) -> int:
    """The database's clock: milliseconds since 1970, UTC. Every instant we store is such a number."""
    return _clock_origin + int((_read_clock(database) - _clock_origin) * _clock_speed)


def _read_clock(database) -> int:
    if is_sqlite(database):
        return time.time_ns() // 1_000_000
    # Not UNIX_TIMESTAMP(NOW(3)): it goes through the session's zone, which has an hour twice a year.
    query = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000"
    return database.execute_sql(query).fetchone()[0]


def seconds(milliseconds: float) -> float:
    """How long so many milliseconds of the databases' clock take here."""
    return milliseconds / 1000 / _clock_speed


def milliseconds(seconds: float) -> int:
    """How far the databases' clock goes in so many seconds here."""
    return int(seconds * 1000 * _clock_speed)


def transaction(database, work: Callable):
    """Run `work()` in one transaction and return its value; after a deadlock or a lost connection run all of it again.

    `work` must be able to run twice, and to see that it already happened: after a lost connection the COMMIT may have
    succeeded. Never nested. Raises Unavailable when the database stays away longer than the retry time.
    """
    deadline = time.monotonic() + _retry_seconds
    pause = 0.02
    while True:
        try:
            with session(database), database.atomic():
                return work()
        except (peewee.PeeweeException, pymysql.MySQLError, sqlite3.Error, MaxConnectionsExceeded) as error:
            if not is_transient(error):
                raise
            _drop_connection(database)
            if time.monotonic() > deadline:
                raise Unavailable(f"The database does not answer ({type(error).__name__}).") from error
            log.info("transaction repeated after %s %s", type(error).__name__, number(error))
        time.sleep(random.uniform(0, pause))  # noqa: S311  jitter
        pause = min(pause * 2, 2.0)


@contextmanager
def session(database):
    """A connection for reads or single statements, given back at the end; may be nested.

    Not peewee's connection_context: when a transaction inside replaces a broken connection, that one fails at its end.
    """
    if not database.is_closed():
        yield
        return
    database.connect()
    try:
        yield
    finally:
        database.close()


def is_transient(error: BaseException) -> bool:
    """True where running the whole transaction again can help."""
    if isinstance(error, MaxConnectionsExceeded):
        return True
    if isinstance(error, peewee.InterfaceError | pymysql.InterfaceError) and error.args[:1] == (0,):
        return True  # a statement on a connection that broke before: (0, '')
    code = number(error)
    return code in _TRANSIENT if code else any(word in str(error) for word in ("locked", "busy", "unable to open"))


def is_outage(error: BaseException) -> bool:
    """True for what a database throws while it is away or overloaded: not our mistake, and worth trying again."""
    if isinstance(error, Unavailable):
        return True
    thrown = (peewee.PeeweeException, pymysql.MySQLError, sqlite3.Error, MaxConnectionsExceeded)
    return isinstance(error, thrown) and is_transient(error)


def is_full(error: BaseException) -> bool:
    """True where the disk or the table space is full: nothing may be sent until it is mended."""
    return number(error) in {1114, 1021, 28} or "disk is full" in str(error) or "disk I/O" in str(error)


def number(error: BaseException) -> int:
    """MySQL's number of an error, 0 where there is none."""
    while error is not None:
        if error.args and isinstance(error.args[0], int) and error.args[0]:
            return error.args[0]
        error = error.__cause__
    return 0


def _drop_connection(database) -> None:
    """A connection that failed is not given back to the pool."""
    database = _real(database)
    if database.is_closed():
        return
    with suppress(peewee.PeeweeException, pymysql.MySQLError, sqlite3.Error):
        database.manual_close() if hasattr(database, "manual_close") else database.close()


def locked(query, *, skip: bool = False):
    """Rows locked until the end of the transaction; `skip` passes over rows that others hold. SQLite holds them all."""
    return query if is_sqlite(query.model._meta.database) else query.for_update(skip_locked=skip or None)


def execute(database, query: str, *values):
    """A statement of our own, for those few that every mail needs: peewee takes 7 us a value. `%s` marks values on both
    engines. At its end `{lock}` and `{skip}` lock as `locked` does, and `{share}` lets nobody change the rows until the
    transaction ends: a plain read would let a pause overtake an intent."""
    if is_sqlite(database):
        return database.execute_sql(query.format(share="", lock="", skip="").replace("%s", "?"), values)
    return database.execute_sql(query.format(**_LOCKS), values)


def neighbour(model, database) -> str | None:
    """How a statement on `database` names a table of the other one; None where they are two servers or two files."""
    here, there = _real(database), _real(model._meta.database)
    if is_sqlite(here) or any(
        here.connect_params[key] != there.connect_params[key] for key in ("host", "port", "user")
    ):
        return None
    return f"`{there.database}`.{model._meta.table_name}"


def insert_new(model, columns: Sequence, rows: Iterable[tuple]) -> None:
    """Insert rows in bulk; a row that any unique index has already is left as it is.

    Never INSERT IGNORE: it stores cut values and NULLs without a word.
    """
    insert(model, columns, rows, f"{columns[0].column_name}={columns[0].column_name}")


def upsert(model, columns: Sequence, rows: Iterable[tuple], *, replace=(), add=()) -> None:
    """Insert rows in bulk; in a row that a unique index has already, `replace` these columns and `add` to those."""
    new = "excluded.{0}" if is_sqlite(model._meta.database) else "VALUES({0})"
    changes = ["{0}=" + new for _ in replace] + ["{0}={1}.{0}+" + new for _ in add]
    names = [column.column_name for column in (*replace, *add)]
    table = model._meta.table_name
    insert(model, columns, rows, ", ".join(c.format(n, table) for c, n in zip(changes, names, strict=True)))


def insert(model, columns: Sequence, rows: Iterable[tuple], on_conflict: str = "") -> None:
    """Insert rows in bulk. Raises peewee.IntegrityError for one that is there, unless told what to do `on_conflict`."""
    database = model._meta.database
    head = f"INSERT INTO {model._meta.table_name} ({', '.join(column.column_name for column in columns)}) VALUES "
    if is_sqlite(database):
        tail = on_conflict and f" ON CONFLICT DO UPDATE SET {on_conflict}"
        return _executemany(database, f"{head}({', '.join('?' * len(columns))}){tail}", rows)
    tail = on_conflict and f" ON DUPLICATE KEY UPDATE {on_conflict}"
    with peewee.__exception_wrapper__, closing(database.cursor()) as cursor:
        for values in literals.groups(rows, cursor.connection):
            cursor.execute(f"{head}{values}{tail}")


def update_rows(model, columns: Sequence, rows: Sequence[tuple], where: str = "1=1", *, match=(), same=None) -> int:
    """Give each row its own values in one statement: `rows` are (primary key, value, …). Returns the rows matched.

    `match`: columns that must have the values behind the key. `same`: values for all rows. `where` is SQL of our own
    (never a user's) over the table under the name `t`. JSON_TABLE costs 13 us a row where single UPDATEs cost 100.
    """
    database, table, key = model._meta.database, model._meta.table_name, model._meta.primary_key.column_name
    names, matched = ([column.column_name for column in some] for some in (columns, match))
    common, first = {column.column_name: value for column, value in (same or {}).items()}, len(match) + 1
    if is_sqlite(database):
        sets = ", ".join(f"{name}=?" for name in (*common, *names))
        tests = "".join(f"{name}=? AND " for name in (key, *matched))
        query = f"UPDATE {table} AS t SET {sets} WHERE {tests}({where})"
        return _executemany(database, query, [(*common.values(), *row[first:], *row[:first]) for row in rows])
    text = "VARCHAR(500) CHARACTER SET utf8mb4"
    kinds = ["BIGINT" if isinstance(column, peewee.IntegerField) else text for column in (*match, *columns)]
    parts = ", ".join(f"v{i} {kind} PATH '$[{i}]'" for i, kind in enumerate(kinds, start=1))
    sets = [f"t.{name}=%s" for name in common] + [f"t.{name}=j.v{i}" for i, name in enumerate(names, start=first)]
    tests = "".join(f" AND t.{name}=j.v{i}" for i, name in enumerate(matched, start=1))
    source = f"JSON_TABLE(%s, '$[*]' COLUMNS (k BIGINT PATH '$[0]', {parts})) AS j"
    query = f"UPDATE {table} AS t JOIN {source} ON t.{key}=j.k{tests} SET {', '.join(sets)} WHERE ({where})"
    return database.execute_sql(query, (json.dumps(rows), *common.values())).rowcount


def _executemany(database, query: str, rows) -> int:
    with peewee.__exception_wrapper__, closing(database.cursor()) as cursor:
        cursor.executemany(query, list(rows))
        return cursor.rowcount

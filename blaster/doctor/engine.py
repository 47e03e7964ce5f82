"""The database servers themselves: versions, locks, isolation, options, clocks, connections."""

import re
import time
from collections.abc import Iterator

from blaster import db
from blaster.db import crm_db
from blaster.doctor import NAMES, Finding, Patient, fault, needs, warning
from blaster.models.campaign_db import User
from blaster.models.crm_db import Lease

OLDEST = {"SQLite": (3, 35), "MariaDB": (10, 6), "MySQL": (8, 0, 1)}
SPARE = 10  # for the administrator, backups and monitoring
ROOM = 40 << 20  # octets of buffer pool for each user: 4 GB for 100
PACKET = 16 << 20
SKEW = 2_000  # ms
_OPTIONS = (  # name, is it right?, what it should be, why
    ("sql_mode", lambda v: "STRICT" in v, "STRICT_TRANS_TABLES", "Values that do not fit are cut without a word."),
    ("query_cache_type", lambda v: v in ("OFF", "0"), "0", "Each write empties it; all wait for its lock."),
    ("max_allowed_packet", lambda v: int(v) >= PACKET, "64M", "Files of campaigns and imports do not fit."),
)  # fmt: skip


def is_mysql(database) -> bool:
    """Not SQLite."""
    return not db.is_sqlite(database)


def _servers(patient: Patient) -> Iterator[tuple]:
    """(name, database) of those that are MySQL or MariaDB and answer."""
    return ((name, database) for name, database in patient.answering.items() if is_mysql(database))


def variable(database, name: str) -> str | None:
    """A variable of the server as this connection sees it; None where the server has none of this name."""
    with db.session(database):
        row = database.execute_sql(f"SHOW VARIABLES LIKE '{name}'").fetchone()
    return row and row[1]


def engine_of(version: str) -> tuple[str, tuple[int, ...]]:
    """The engine and its version by what SELECT VERSION() says; pure."""
    numbers = tuple(map(int, re.match(r"(?:5\.5\.5-)?(\d+(?:\.\d+)*)", version)[1].split(".")))
    return "MariaDB" if "mariadb" in version.lower() else "MySQL", numbers


def versions(patient: Patient) -> Iterator[Finding]:
    """Each engine is one that Blaster knows."""
    for name, database in patient.answering.items():
        with db.session(database):
            query = "SELECT sqlite_version()" if db.is_sqlite(database) else "SELECT VERSION()"
            found = database.execute_sql(query).fetchone()[0]
        engine, numbers = ("SQLite", engine_of(found)[1]) if db.is_sqlite(database) else engine_of(found)
        yield from too_old(name, engine, numbers)


def too_old(name: str, engine: str, numbers: tuple[int, ...]) -> Iterator[Finding]:
    """The finding about this version, if it is older than it may be; pure."""
    if numbers < OLDEST[engine]:
        needed = ".".join(map(str, OLDEST[engine]))
        what = f"{engine} {'.'.join(map(str, numbers))} is older than {needed}."
        why = "It lacks what the queue relies on: SKIP LOCKED, or upserts with RETURNING."
        yield fault("version", name, what, why, f"Update to {engine} {needed} or newer.")


def skip_locked(patient: Patient) -> Iterator[Finding]:
    """The server, and a proxy before it, take SKIP LOCKED and LOCK IN SHARE MODE."""
    if "Server 2" not in patient.ready:
        return
    try:
        with db.session(crm_db):
            for tail in ("{skip}", "{share}"):
                db.execute(crm_db, f"SELECT name FROM leases WHERE name='' {tail}").fetchall()
    except Exception as error:  # any refusal is the finding
        yield fault(
            "skip-locked",
            "Server 2",
            f"It does not take SKIP LOCKED or LOCK IN SHARE MODE (error {db.number(error)}).",
            "Workers wait for each other, or cannot claim mails at all.",
            "Use MariaDB 10.6+ or MySQL 8, and a proxy that passes these words on.",
        )


def isolation(patient: Patient) -> Iterator[Finding]:
    """Our connections run under READ COMMITTED, whatever the server's default is."""
    for name, database in _servers(patient):
        level = variable(database, "tx_isolation") or variable(database, "transaction_isolation")
        if level != "READ-COMMITTED":
            yield fault(
                "isolation",
                name,
                f"Connections run under {level} instead of READ-COMMITTED.",
                "SKIP LOCKED locks gaps there: staging and claims end in deadlocks.",
                "Let the proxy pass SET SESSION on, or set transaction_isolation=READ-COMMITTED on the server.",
            )


def options(patient: Patient) -> Iterator[Finding]:
    """What sql/my_cnf says about the server's options."""
    for name, database in _servers(patient):
        for option, is_right, wanted, why in _OPTIONS:
            value = variable(database, option)
            if value is not None and not is_right(value):
                yield _option(name, option, value, wanted, why)
        if variable(database, "read_only") in ("ON", "1"):
            yield fault(
                "read-only",
                name,
                "The server is read-only.",
                "Nothing can be written: it may be a replica.",
                "Name the primary in the URL, or SET GLOBAL read_only=0.",
            )
    if "Server 2" in patient.answering and is_mysql(crm_db):
        yield from _durability()


def _option(name: str, option: str, value: str, wanted: str, why: str) -> Finding:
    cure = f"SET GLOBAL {option}={wanted}, and the same in my.cnf (see sql/my_cnf)."
    return warning(f"option-{option}", name, f"{option} is {value or 'empty'}.", why, cure)


def _durability() -> Iterator[Finding]:
    value = variable(crm_db, "innodb_flush_log_at_trx_commit")
    if value != "1":
        why = "A power loss takes back the marks of mails that have left: people get a second mail."
        yield _option("Server 2", "innodb_flush_log_at_trx_commit", value, "1", why)
    if variable(crm_db, "wsrep_on") == "ON":
        yield warning(
            "galera",
            "Server 2",
            "It is a node of a Galera cluster.",
            "Such a cluster can lose committed transactions, and with them marks of sent mails.",
            "Let Server 2 be one server with a replica; if it must be Galera, write to one node only.",
        )


@needs("Server 1")
def room_for_users(patient: Patient) -> Iterator[Finding]:
    """The buffer pool against the number of users and what lies in the database."""
    with db.session(NAMES["Server 1"]):
        users = User.select().where(User.is_active).count()
    for name, database in _servers(patient):
        pool, size = int(variable(database, "innodb_buffer_pool_size")), _size(database)
        if pool < min(users * ROOM, size):
            what = (
                f"innodb_buffer_pool_size is {pool >> 20} MB; {users} users have {size >> 20} MB of data and indexes."
            )
            why = "Claims and pages wait for the disk when many campaigns run."
            cure = (
                f"Set innodb_buffer_pool_size to {min(users * ROOM, size) >> 20}M or more in my.cnf (see sql/my_cnf)."
            )
            yield warning("buffer-pool", name, what, why, cure)


def _size(database) -> int:
    query = "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables"
    with db.session(database):
        return int(database.execute_sql(f"{query} WHERE table_schema=DATABASE()").fetchone()[0])


@needs("Server 2")
def connections(patient: Patient) -> Iterator[Finding]:
    """What the processes may take at most against what the server gives."""
    with db.session(crm_db):
        alive = Lease.select().where(Lease.name.startswith("worker:") & (Lease.expires_at > db.now(crm_db))).count()
    settings = patient.settings
    processes = max(alive, settings.workers) + settings.web_processes
    for name, database in _servers(patient):
        most = int(variable(database, "max_connections"))
        needed = processes * settings.connections * _shared() + SPARE
        if needed > most:
            what = f"{processes} processes may take {needed} connections; max_connections is {most}."
            cure = f"Set max_connections={needed}, lower BLASTER_CONNECTIONS, or start fewer processes."
            yield warning("connections", name, what, "A process that gets none waits, and pages answer 503.", cure)


def _shared() -> int:
    """2 where both servers are one."""
    one, two = (getattr(database.obj, "connect_params", {}) for database in NAMES.values())
    return 2 if [one.get(key) for key in ("host", "port")] == [two.get(key) for key in ("host", "port")] else 1


def clocks(patient: Patient) -> Iterator[Finding]:
    """The clocks of both servers and of this host, compared within a second or two."""
    if patient.settings.clock_speed != 1.0:
        yield fault(
            "clock-speed",
            "settings",
            f"The clock runs at {patient.settings.clock_speed:g} times its speed.",
            "Limits a day are over sooner: providers see more mail than allowed.",
            "Take BLASTER_CLOCK_SPEED out of the environment.",
        )
        return
    for name, database in _servers(patient):
        with db.session(database):
            off = db.now(database) - time.time_ns() // 1_000_000
        if abs(off) > SKEW:
            found = fault if abs(off) > 1_000 * patient.settings.lease_seconds / 2 else warning
            what = f"Its clock is {abs(off) / 1000:.0f} s {'ahead of' if off > 0 else 'behind'} this host's."
            why = "Starts, limits and sending hours go by the clock of the database."
            yield found("clock", name, what, why, "Run NTP (chrony, systemd-timesyncd) on this host and on the server.")


CHECKS = (versions, skip_locked, isolation, options, room_for_users, connections, clocks)

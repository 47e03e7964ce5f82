"""MySQL and MariaDB: all tables as of one moment, as SQL, a statement a line; `zcat … | mysql DATABASE` reads it too.

Needs no tools of the server's on this host. The snapshot keeps old versions of rows while it lasts (about 10 s for a
million mails), which makes claims slower: back up at a quiet hour, or from a replica.
"""

import gzip
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from pymysql.cursors import SSCursor

from blaster import db

SUFFIX = ".sql.gz"
ROWS = 500  # in one INSERT; fewer where they are long
LONGEST = 1 << 20  # octets
_HEAD = (
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode='STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO'",
    "SET SESSION foreign_key_checks=0",
    "SET SESSION unique_checks=0",
)


def dump(database, path: Path) -> None:
    """Every table in one consistent snapshot (InnoDB), which locks nothing."""
    with db.session(database), gzip.open(path, "wt", encoding="utf-8", compresslevel=3) as file:
        connection = database.connection()
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            for statement in _statements(connection, sorted(database.get_tables())):
                file.write(f"{statement};\n")
        finally:
            database.manual_close()  # its isolation level is not ours


def _statements(connection, tables: Sequence[str]) -> Iterator[str]:
    yield from _HEAD
    with closing(connection.cursor()) as cursor:
        for table in tables:
            yield f"DROP TABLE IF EXISTS `{table}`"
            cursor.execute(f"SHOW CREATE TABLE `{table}`")
            yield " ".join(cursor.fetchone()[1].split("\n"))
    yield "START TRANSACTION"
    for table in tables:
        yield from _rows(connection, table)
    yield "COMMIT"


def _rows(connection, table: str) -> Iterator[str]:
    with closing(connection.cursor(SSCursor)) as cursor:
        cursor.execute(f"SELECT * FROM `{table}`")
        lines, length = [], 0
        for row in cursor:
            line = f"({','.join(_literal(connection, value) for value in row)})"
            if lines and (len(lines) == ROWS or length + len(line) > LONGEST):
                yield f"INSERT INTO `{table}` VALUES {','.join(lines)}"
                lines, length = [], 0
            lines.append(line)
            length += len(line)
        if lines:
            yield f"INSERT INTO `{table}` VALUES {','.join(lines)}"


def _literal(connection, value) -> str:
    """As the server reads it, on one line; octets in hex."""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return str(connection.escape(value))


def load(database, path: Path, then: Sequence[tuple[str, tuple]]) -> None:
    """Run the dump; its rows and the statements `then` are seen at once, or not at all."""
    clear(database)
    with db.session(database), gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        connection = database.connection()
        try:
            with closing(connection.cursor()) as cursor:
                for line in file:
                    if line == "COMMIT;\n":
                        for statement, values in then:
                            cursor.execute(statement.replace("?", "%s"), values)
                    cursor.execute(line.rstrip(";\n"))
        finally:
            database.manual_close()


def clear(database) -> None:
    """Drop all tables."""
    with db.session(database):
        for table in database.get_tables():
            database.execute_sql(f"DROP TABLE `{table}`")


def jump(database, table: str, gap: int) -> None:
    """Let the next number of a table be beyond any that may have been given out since."""
    definition = database.execute_sql(f"SHOW CREATE TABLE `{table}`").fetchone()[1]
    following = re.search(r"AUTO_INCREMENT=(\d+)", definition)
    database.execute_sql(f"ALTER TABLE `{table}` AUTO_INCREMENT={int(following[1] if following else 1) + gap}")

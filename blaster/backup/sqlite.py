"""SQLite: the online backup API copies a file as of one moment, however busy it is."""

import gzip
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

SUFFIX = ".db.gz"


def dump(database, path: Path) -> None:
    """A copy of the database, compressed. Writers wait for nothing: it reads from the log's last commit."""
    copy = path.with_suffix(".draft")
    try:
        with closing(sqlite3.connect(database.database)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)  # in one step: with several it begins anew at each write of others
        with copy.open("rb") as plain, gzip.open(path, "wb", compresslevel=3) as file:
            shutil.copyfileobj(plain, file, 1 << 20)
    finally:
        copy.unlink(missing_ok=True)


def load(database, path: Path, then: Sequence[tuple[str, tuple]]) -> None:
    """Put the copy in the place of the database, with the statements `then` done before anybody sees it."""
    place = Path(database.database)
    draft = place.with_suffix(".restoring")
    with gzip.open(path, "rb") as file, draft.open("wb") as plain:
        shutil.copyfileobj(file, plain, 1 << 20)
    with closing(sqlite3.connect(draft)) as copy:
        for statement, values in then:
            copy.execute(statement, values)
        copy.commit()
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    for name in (f"{place}-wal", f"{place}-shm", f"{draft}-wal", f"{draft}-shm"):
        Path(name).unlink(missing_ok=True)
    os.replace(draft, place)


def jump(database, table: str, gap: int) -> None:
    """Let the next number of a table be beyond any that may have been given out since."""
    row = database.execute_sql("SELECT seq FROM sqlite_sequence WHERE name=?", (table,)).fetchone()
    database.execute_sql("DELETE FROM sqlite_sequence WHERE name=?", (table,))
    next_after = (row[0] if row else 0) + gap
    database.execute_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, next_after))

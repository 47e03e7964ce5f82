"""Simulated time: what the code reads with `db.now` is this clock."""

from collections.abc import Iterator

import pytest

from blaster import db
from blaster.db import crm_db

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_780_000_000_000


class Clock:
    """`at`: milliseconds since 1970, changed by the test only."""

    def __init__(self):
        self.at = START

    def __call__(self, database) -> int:
        return self.at

    def advance(self, milliseconds: int) -> None:
        self.at += milliseconds


@pytest.fixture
def clock(databases, monkeypatch) -> Iterator[Clock]:
    """One connection for the whole test, which does not wait for the disk: models make thousands of transactions."""
    clock = Clock()
    monkeypatch.setattr(db, "now", clock)
    with db.session(crm_db):
        if db.is_sqlite(crm_db):
            crm_db.execute_sql("PRAGMA synchronous=OFF")
        yield clock

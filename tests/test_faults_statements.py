"""A deadlock or a lock wait timeout at every single statement on a mail's way."""

import peewee
import pytest

from blaster import db
from blaster.db import crm_db
from blaster.queue import claims, leases
from blaster.queue.claims import Outcome
from tests import queue_data
from tests.queue_data import ALICE, assert_books_balance, running_campaign, server_with_account, statuses

HOUR = 60 * 60_000


@pytest.mark.parametrize("number", [1213, 1205])
def test_a_statement_that_fails_repeats_its_transaction_as_a_whole(databases, monkeypatch, number):
    _, account = server_with_account()
    running_campaign(mails=300)
    hold = leases.take("server:1", "host:1", HOUR)

    def steps():
        """Each is done when its transaction is; together they take every way that a mail takes."""
        rows, _ = queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 4)
        yield lambda: queue_data.claim(ALICE, account.smtp_server_id, account.id, 7, hold, 1)
        yield lambda: claims.intend(rows)
        outcomes = [
            Outcome(row, status) for row, status in zip(rows, ("sent", "failed", "unknown", "pending"), strict=True)
        ]
        yield lambda: claims.settle(outcomes)

    hits = 0
    for statement in range(1, 20):
        for step in steps():
            with db.session(crm_db):
                fault = FailingStatement(crm_db.obj.cursor, statement, number)
                with monkeypatch.context() as patch:
                    patch.setattr(crm_db.obj, "cursor", fault)
                    step()
            hits += fault.has_failed
            assert_books_balance()
    found = statuses()
    assert hits > 20
    assert found["sent"] == found["failed"] == found["unknown"] == 19
    assert found["claimed"] == 19


class FailingStatement:
    """Stands for `cursor`: the statement with this number, counted from 1, fails once."""

    def __init__(self, cursor, statement: int, number: int):
        self._cursor, self._left, self._number, self.has_failed = cursor, statement, number, False

    def __call__(self, *arguments):
        self._left -= 1
        if self._left == 0:
            self.has_failed = True
            raise peewee.OperationalError(self._number, "as the database says it")
        return self._cursor(*arguments)

"""The one thread of a process that writes intents and outcomes: senders own no database connection.

A hundred writers cost the database eight times as much a row as one. While a transaction runs, the next ones gather and
share the following commit.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from blaster import db
from blaster.db import crm_db
from blaster.queue import claims
from blaster.queue.claims import Outcome, Row

log = logging.getLogger(__name__)

SETTLE_ROWS = 200
SETTLE_SECONDS = 0.25
LARGEST = 1_000
PAUSE = 1.0


class Writer:
    """Start it with `start`; `stop` writes what is still there."""

    def __init__(self):
        self._changed = threading.Condition()
        self._intents: list[tuple[list[Row], Future]] = []
        self._outcomes: list[Outcome] = []
        self._calls: list[Callable[[], None]] = []
        self._oldest = 0.0
        self.settled = 0  # outcomes written so far
        self._stopping = self._writing = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Write all that was handed in, then end; False when that took longer than `timeout` seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def intend(self, rows: list[Row]) -> Future:
        """A Future of the rows that may be sent; see `claims.intend`."""
        future: Future = Future()
        with self._changed:
            self._intents.append((rows, future))
            self._changed.notify()
        return future

    def settle(self, *outcomes: Outcome) -> None:
        """Hand in outcomes; they are written within SETTLE_SECONDS, or sooner when there are many."""
        if not outcomes:
            return
        with self._changed:
            if not self._outcomes:
                self._oldest = time.monotonic()
            self._outcomes += outcomes
            if len(self._outcomes) >= SETTLE_ROWS or len(self._outcomes) == len(outcomes):
                self._changed.notify()

    def call(self, work: Callable[[], None]) -> None:
        """Run what else needs the database, once and after the outcomes handed in before; its failure is logged."""
        with self._changed:
            self._calls.append(work)
            self._changed.notify()

    def is_idle(self) -> bool:
        """Nothing waits to be written or is being written."""
        with self._changed:
            return not (self._intents or self._outcomes or self._calls or self._writing)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._wait()
                intents, self._intents = self._intents, []
                outcomes, calls = self._due_outcomes(), self._due_calls()
                if self._stopping and not (intents or calls or outcomes):
                    return
                self._writing = True
            self._write(intents, outcomes, calls)

    def _wait(self) -> None:
        while not (self._intents or self._calls or self._stopping or self._settle_in() <= 0):
            self._changed.wait(self._settle_in() if self._outcomes else None)

    def _settle_in(self) -> float:
        if not self._outcomes or len(self._outcomes) >= SETTLE_ROWS:
            return 0.0 if self._outcomes else 1.0
        return self._oldest + SETTLE_SECONDS - time.monotonic()

    def _due_outcomes(self) -> list[Outcome]:
        if not self._outcomes or not (self._stopping or self._calls or self._settle_in() <= 0):
            return []
        due, self._outcomes = self._outcomes[:LARGEST], self._outcomes[LARGEST:]
        self._oldest = time.monotonic()
        return due

    def _due_calls(self) -> list[Callable[[], None]]:
        if self._outcomes:
            return []
        due, self._calls = self._calls, []
        return due

    def _write(self, intents, outcomes, calls) -> None:
        if outcomes:
            self.settled += _persist(lambda: claims.settle(outcomes))
        if intents:
            granted = _persist(lambda: claims.intend([row for rows, _ in intents for row in rows]))
            for _, future in intents:
                future.set_result(granted)
        for work in calls:
            try:
                work()
            except Exception:
                log.exception("a note for the database was lost")


def _persist(work: Callable):
    """Until it is written: what was sent must not be forgotten because the database is away."""
    while True:
        try:
            with db.session(crm_db):
                return work()
        except Exception as error:
            if db.is_full(error):
                log.error("the disk of the database is full: nothing is sent until there is room (%s)", error)
            else:
                log.exception("the database does not take intents and outcomes; trying again")
            time.sleep(PAUSE)

"""The one thread of a process that writes intents and outcomes: senders own no database connection.

A hundred writers cost the database eight times as much a row as one. While a transaction runs, the next ones gather and
share the following commit.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from blaster import db
from blaster.db import crm_db
from blaster.queue import claims, guard
from blaster.queue.rows import Outcome, Row

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.03  # so long intents and outcomes gather before they are written together
SETTLE_SECONDS = 0.1  # outcomes wait so long for others …
SETTLE_ROWS = 500  # … unless they are that many
LARGEST = 1_000
PAUSE = 1.0


class Writer:
    """Start it with `start`; `stop` writes what is still there.

    What is handed in is appended without a lock: a lock for each mail costs more than all else here.
    """

    def __init__(self):
        self._intents: deque[tuple[list[Row], Future]] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._settled_at = 0.0
        self.settled = 0  # outcomes written so far
        self._writing = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Write all that was handed in, then end; False when that took longer than `timeout` seconds."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def intend(self, rows: list[Row]) -> Future:
        """A Future of the rows that may be sent; see `claims.intend`."""
        future: Future = Future()
        self._intents.append((rows, future))
        self._wake.set()
        return future

    def settle(self, *outcomes: Outcome) -> None:
        """Hand in outcomes; they are written within SETTLE_SECONDS, or sooner when there are many."""
        self._outcomes.extend(outcomes)
        if outcomes and not self._wake.is_set():
            self._wake.set()

    def call(self, work: Callable[[], None]) -> None:
        """Run what else needs the database, once and after the outcomes handed in before; its failure is logged."""
        self._calls.append(work)
        self._wake.set()

    def is_idle(self) -> bool:
        """Nothing waits to be written or is being written."""
        return not (self._is_waited_for() or self._writing)  # in this order: it is taken out after `_writing` is set

    def _is_waited_for(self) -> bool:
        return bool(self._intents or self._outcomes or self._calls)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._stop.wait(GATHER_SECONDS)
            self._wake.clear()  # before the look at what is there: what comes later wakes us again
            self._writing = True
            self._write(_taken(self._intents, len(self._intents)), self._due_outcomes(), self._due_calls())
            self._writing = False
            if self._is_waited_for():
                self._wake.set()
            elif self._stop.is_set():
                return

    def _due_outcomes(self) -> list[Outcome]:
        now = time.monotonic()
        is_due = self._calls or self._stop.is_set() or len(self._outcomes) >= SETTLE_ROWS
        if not (is_due or now - self._settled_at >= SETTLE_SECONDS):
            return []
        self._settled_at = now
        return _taken(self._outcomes, LARGEST)

    def _due_calls(self) -> list[Callable[[], None]]:
        return [] if self._outcomes else _taken(self._calls, len(self._calls))

    def _write(self, intents, outcomes, calls) -> None:
        if outcomes:
            self.settled += _persist(lambda: _settle(outcomes))
        if intents:
            granted = _persist(lambda: claims.intend([row for rows, _ in intents for row in rows]))
            for _, future in intents:
                future.set_result(granted)
        for work in calls:
            _try(work)


def _taken(waiting: deque, most: int) -> list:
    return [waiting.popleft() for _ in range(min(most, len(waiting)))]


def _settle(outcomes: list[Outcome]) -> int:
    """And pause campaigns of which too much was refused by now: before the intents, so that nothing more is begun."""
    done = claims.settle(outcomes)
    _try(lambda: guard.look({each.row.campaign_id for each in outcomes if each.status != "pending"}))
    return done


def _try(work: Callable[[], object]) -> None:
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

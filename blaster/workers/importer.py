"""Imports that users started, a bit of each in turn, so that nobody waits for somebody else's million rows."""

import logging
import threading
import time
from collections.abc import Iterator

from blaster import db
from blaster.imports import run, uploads
from blaster.queue.leases import Hold
from blaster.workers.holds import Holds

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
TIDY_SECONDS = 600.0


class Importer:
    """`work` is called again and again by a thread of its own."""

    def __init__(self, holds: Holds, stop: threading.Event):
        self._holds, self._stop = holds, stop
        self._open: dict[int, tuple[Hold, Iterator[None]]] = {}
        self._look_at = self._tidy_at = 0.0

    def work(self) -> None:
        """Until nothing is left for this process."""
        while not self._stop.is_set():
            self._look()
            if not self._open:
                break
            for import_id in list(self._open):
                self._step(import_id)
        if self._stop.is_set():
            for import_id in list(self._open):
                self._close(import_id)
        elif time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_SECONDS
            uploads.tidy()

    def _look(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        for import_id in run.waiting():
            if import_id not in self._open and (hold := self._holds.take(f"import:{import_id}")):
                self._open[import_id] = hold, run.run(import_id)

    def _step(self, import_id: int) -> None:
        hold, reading = self._open[import_id]
        try:
            if hold in self._holds and next(reading, self) is None:
                return
        except Exception as error:
            log.exception("import %s failed", import_id)
            if not db.is_outage(error):
                run.fail(import_id, "Something unexpected happened; the operator's log tells more.")
        self._close(import_id)

    def _close(self, import_id: int) -> None:
        hold, reading = self._open.pop(import_id)
        reading.close()
        self._holds.end_chore(hold)

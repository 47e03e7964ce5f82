"""Maintenance once a night, by one process of all; what it does not finish before it is stopped waits for the next."""

import logging
import threading
import time

from blaster import db
from blaster.config import Settings
from blaster.db import crm_db
from blaster.maintenance.steps import Turn, run
from blaster.models.archive import Upkeep
from blaster.workers.holds import Holds

log = logging.getLogger(__name__)

NAME = "nightly"
LOOK_SECONDS = 60.0
HOUR, DAY = 3_600_000, 86_400_000
NIGHT = 4 * HOUR  # after its hour; an installation that sleeps then is tidied up when two days have passed
LATEST = 2 * DAY


class Nightly:
    """`work` is called again and again by a thread of its own."""

    def __init__(self, settings: Settings, holds: Holds, stop: threading.Event):
        self._settings, self._holds, self._stop = settings, holds, stop
        self._look_at = 0.0

    def work(self) -> None:
        """Run it if its time has come and nobody else runs it."""
        if time.monotonic() < self._look_at or self._settings.maintenance_hour < 0:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        if _is_due(self._settings.maintenance_hour) and (hold := self._holds.take(f"maintenance:{NAME}")):
            try:
                if _is_due(self._settings.maintenance_hour):  # nobody was quicker
                    self._run()
            finally:
                self._holds.end_chore(hold)

    def _run(self) -> None:
        _note(Upkeep.began_at)
        for line in run(Turn(self._settings, self._is_over)):
            log.info("maintenance: %s", line)
        if not self._is_over():
            _note(Upkeep.finished_at)

    def _is_over(self) -> bool:
        return self._stop.is_set() or f"maintenance:{NAME}" not in self._holds


def _note(column) -> None:
    with db.session(crm_db):
        db.upsert(Upkeep, (Upkeep.name, column), [(NAME, db.now(crm_db))], replace=(column,))


def _is_due(hour: int) -> bool:
    """A new installation has nothing to tidy up: it begins with the next night."""
    with db.session(crm_db):
        now, last = db.now(crm_db), Upkeep.get_or_none(Upkeep.name == NAME)
    if last is None:
        _note(Upkeep.began_at)
        return False
    return is_due(hour, last.began_at, now)


def is_due(hour: int, last: int, now: int) -> bool:
    """Whether what began `last` is to begin `now` (ms), at this hour of the day (UTC) or soon after; pure."""
    tonight = now - now % DAY + hour * HOUR
    if tonight > now:
        tonight -= DAY
    return last < tonight and (now < tonight + NIGHT or now > last + LATEST)

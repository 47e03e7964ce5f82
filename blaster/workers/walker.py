"""Goes on with work on lists that a page began and nobody waits for any more."""

import threading
import time
from itertools import starmap

from blaster.lists import work
from blaster.workers.holds import Holds

LOOK_SECONDS = 3.0
TURN_SECONDS = 1.0


class ListWalker:
    """`work` is called again and again by a thread of its own."""

    def __init__(self, holds: Holds, stop: threading.Event):
        self._holds, self._stop = holds, stop
        self._look_at = 0.0

    def work(self) -> None:
        """A turn of each, until nothing is left for this process."""
        if time.monotonic() < self._look_at:
            return
        while any(list(starmap(self._turn, work.waiting()))):
            pass
        self._look_at = time.monotonic() + LOOK_SECONDS

    def _turn(self, user_id: int, work_id: int) -> bool:
        """False where somebody else has it, or we are to stop."""
        hold = None if self._stop.is_set() else self._holds.take(f"list:{work_id}")
        if hold is None:
            return False
        try:
            work.go_on(user_id, work_id, TURN_SECONDS)
        finally:
            self._holds.end_chore(hold)
        return True

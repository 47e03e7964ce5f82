"""Goes on with long work that a page began and nobody waits for any more: on lists, and decisions about mails."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import starmap

from blaster import progress
from blaster.errors import Conflict
from blaster.lists import work
from blaster.queue import decisions
from blaster.workers.holds import Holds

LOOK_SECONDS = 3.0
TURN_SECONDS = 1.0


class Walker:
    """`work` is called again and again by a thread of its own. `waiting`: (user id, work id) of what is to be done;
    `go_on(user id, work id, seconds)` does some of it."""

    def __init__(
        self,
        name: str,
        waiting: Callable[[], Iterable[tuple[int, int]]],
        go_on: Callable[[int, int, float], object],
        holds: Holds,
        stop: threading.Event,
    ):
        self._name, self._waiting, self._go_on, self._holds, self._stop = name, waiting, go_on, holds, stop
        self._look_at = 0.0

    def work(self) -> None:
        """A turn of each, until nothing is left for this process."""
        if time.monotonic() < self._look_at:
            return
        while any(list(starmap(self._turn, self._waiting()))):
            pass
        self._look_at = time.monotonic() + LOOK_SECONDS

    def _turn(self, user_id: int, work_id: int) -> bool:
        """False where somebody else has it, or we are to stop."""
        hold = None if self._stop.is_set() else self._holds.take(f"{self._name}:{work_id}")
        if hold is None:
            return False
        try:
            self._go_on(user_id, work_id, TURN_SECONDS)
        finally:
            self._holds.end_chore(hold)
        return True


def of_lists(holds: Holds, stop: threading.Event) -> Walker:
    """Work on lists."""
    return Walker("list", work.waiting, work.go_on, holds, stop)


def of_decisions(holds: Holds, stop: threading.Event) -> Walker:
    """Decisions about mails."""
    return Walker("decision", decisions.waiting, _decide, holds, stop)


def _decide(user_id: int, decision_id: int, seconds: float) -> None:
    """The campaign may have ended: nobody else would copy its counters to the screens."""
    with suppress(Conflict):  # it was cancelled or archived meanwhile: the decision ends as it is
        decision = decisions.go_on(user_id, decision_id, seconds)
        progress.refresh(user_id, decision.campaign_id)

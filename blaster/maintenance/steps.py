"""The steps of maintenance, in order, and the breath between them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from blaster import db
from blaster.config import Settings
from blaster.db import crm_db
from blaster.maintenance import archive, counters, prune, tables

DAY = 86_400_000
STEPS = {
    "archive": archive.archive,
    "erase": archive.erase,
    "prune": prune.prune,
    "counters": counters.reconcile,
    "analyze": tables.analyze,
    "optimize": tables.optimize,
}


@dataclass
class Turn:
    """A run of maintenance. `is_over` is asked between two chunks: True ends it, and the next run goes on there."""

    settings: Settings
    is_over: Callable[[], bool] = lambda: False
    now: int = field(default=0)

    def __post_init__(self):
        if not self.now:
            with db.session(crm_db):
                self.now = db.now(crm_db)

    def chunks(self, work: Callable[[], int]) -> int:
        """Call it until it returns 0; returns the sum. Rests as long as each call took: others get their turn."""
        total = 0
        while not self.is_over():
            started = time.monotonic()
            if not (done := work()):
                break
            total += done
            time.sleep(min(1.0, time.monotonic() - started))
        return total


def run(turn: Turn, names: tuple[str, ...] = tuple(STEPS)) -> Iterator[str]:
    """Do these steps; says in a sentence each what was done, and nothing of what there was not."""
    for name in names:
        if not turn.is_over():
            yield from STEPS[name](turn)

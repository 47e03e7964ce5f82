"""The leases of one process: taken, renewed while it lives, released with their rows recovered."""

import logging
import threading

from blaster import db
from blaster.queue import leases, orphans
from blaster.queue.leases import Hold

log = logging.getLogger(__name__)


class Holds:
    """Threads may share it. `in` tells whether a lease, or one of this name, was still ours at the last renewal."""

    def __init__(self, owner: str, ttl: int):
        self._owner, self._ttl = owner, ttl
        self._holds: dict[str, Hold] = {}
        self._lock = threading.Lock()

    def __contains__(self, held: Hold | str) -> bool:
        name = held if isinstance(held, str) else held.name
        found = self._holds.get(name)
        return found is not None and held in (name, found)

    def take(self, name: str) -> Hold | None:
        """None if somebody else has it."""
        hold = leases.take(name, self._owner, self._ttl)
        if hold:
            with self._lock:
                self._holds[name] = hold
        return hold

    def renew(self) -> None:
        """Keep those that have not expired; the others are lost for good."""
        with self._lock:
            names = list(self._holds)
        kept = leases.renew(self._owner, names, self._ttl)
        with self._lock:
            self._holds = {n: h for n, h in self._holds.items() if n not in names or kept.get(n) == h}

    def release(self, *holds: Hold) -> None:
        """Give them back once nothing is done under them any more; their rows are recovered first."""
        self._forget(holds)
        orphans.recover(*holds)

    def release_all(self) -> bool:
        """At the end of the process. False where the database is away: they run out by themselves."""
        try:
            self.release(*self._holds.values())
        except db.Unavailable:
            log.error("the database is away: the leases of this process run out by themselves")
            return False
        return True

    def end_chore(self, hold: Hold) -> None:
        """Give a lease back under which nothing was claimed, so that there is nothing to recover."""
        self._forget([hold])
        leases.release(hold)

    def _forget(self, holds) -> None:
        with self._lock:
            self._holds = {name: hold for name, hold in self._holds.items() if hold not in holds}

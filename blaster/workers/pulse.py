"""Does this process still hold its leases? Asked before every mail, so it costs no query."""

import time


class Pulse:
    """Good for 0.6 of the lease time after each heartbeat: who was asleep finds out before anyone else acts."""

    def __init__(self, lease_seconds: float):
        self._good_for = 0.6 * lease_seconds
        self._last = float("-inf")

    def beat(self, at: float) -> None:
        """The leases were renewed by a transaction that began at monotonic time `at`."""
        self._last = at

    def is_fresh(self) -> bool:
        """May a mail be started?"""
        return time.monotonic() - self._last < self._good_for

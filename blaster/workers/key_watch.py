"""Looks up the records of keys again: whoever moves a domain forgets them, and what nobody can check does harm."""

import logging
import threading
import time
from contextlib import suppress

from blaster import signing
from blaster.config import Settings
from blaster.domains.resolver import Resolver, Unanswered
from blaster.errors import NotFound
from blaster.models.dkim import DkimKey
from blaster.workers.holds import Holds

log = logging.getLogger(__name__)

LOOK_SECONDS = 600.0  # what name servers did not answer is asked again then


class KeyWatch:
    """`work` is called again and again by a thread of its own; one process in all does what it says."""

    def __init__(self, settings: Settings, holds: Holds, stop: threading.Event):
        self._settings, self._holds, self._stop = settings, holds, stop
        self._look_at = 0.0

    def work(self) -> None:
        """Look up what is due. A key whose record is not there signs no more, until it is seen again."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        if hold := self._holds.take("keys"):
            try:
                for key in signing.due():
                    if self._stop.is_set():
                        break
                    self._look(key)
            finally:
                self._holds.end_chore(hold)

    def _look(self, key: DkimKey) -> None:
        with suppress(Unanswered, NotFound):  # what was known stays; deleted meanwhile
            seen = signing.look(key.user_id, Resolver(self._settings.dns_servers), key_id=key.id)
            if seen.verdict != key.verdict:
                log.warning("key %s of %s: its record was %s, now %s", key.id, key.domain, key.verdict, seen.verdict)

"""Access tokens of accounts that sign in by consent, renewed beside the sending: no sender waits for a provider."""

import logging
import time
from collections.abc import Callable, Iterable

from blaster import oauth
from blaster.config import Settings
from blaster.queue import health

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


class Renewal:
    """`work` is called again and again by a thread of its own; `users`: whose campaigns run."""

    def __init__(self, settings: Settings, users: Callable[[], Iterable[int]]):
        self._settings, self._users = settings, users
        self._look_at = 0.0

    def work(self) -> None:
        """Renew what expires soon, and note which accounts have to wait for their owner or their provider."""
        users = list(self._users())
        if not users or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        for failure in oauth.renew_due(self._settings, users):
            account = failure.account
            reason = "needs-consent" if failure.is_final else "no-token"
            log.warning("account %s: %s: %s", account.id, reason, failure.text)
            health.record_failure(account.user_id, account.smtp_server_id, account.id, reason, failure.text)

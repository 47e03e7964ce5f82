"""One SMTP account at work: its claimed mails, its open sessions, and how long it has to rest."""

import math
import threading
import time
from collections import deque

from blaster import db, vault, windows
from blaster.mail.transport import Credentials, Endpoint, Session, open_session
from blaster.models.crm_db import SmtpAccount
from blaster.queue.rows import Row

IDLE_SECONDS = 30.0
FIRST_RATE = 20.0  # mails a second, until measured


class Lane:
    """The pool's lock guards all but the sessions' conversations."""

    def __init__(self, account: SmtpAccount):
        self.account = account
        self.rows: deque[Row] = deque()
        self.seats = 0
        self.rate = FIRST_RATE
        self.budget_left = self.limit()  # as the last claim saw it
        self.rest_until = 0.0  # its health: monotonic seconds; inf: until the user acts
        self.budget_at = 0.0  # when there is budget again: monotonic seconds; inf: never with these limits
        self._opens, self._closes = 0.0, math.inf  # its sending hours, as of the last look: monotonic seconds
        self.is_failing = False  # the health table knows failures in a row
        self._idle: list[Session] = []
        self._opening = threading.Lock()

    def is_usable(self) -> bool:
        """May what was claimed be sent through it now?"""
        now = time.monotonic()
        is_open = now >= self.rest_until and self._opens <= now < self._closes
        return self.account.is_active and is_open and self._can_sign_in()

    def may_claim(self) -> bool:
        """Is it worth asking for more mails now?"""
        return self.is_usable() and time.monotonic() >= self.budget_at

    def keep_hours(self, now: int) -> bool:
        """Look at the account's sending hours anew; True while they are closed. `now`: by the database's clock."""
        hours, here = windows.load(self.account.send_windows), time.monotonic()
        closes = windows.next_close(hours, now)
        self._opens = here + db.seconds(windows.next_open(hours, now) - now)
        self._closes = math.inf if closes is None else here + db.seconds(closes - now)
        return self._opens > here

    def rest(self, seconds: float) -> None:
        """Send nothing for so long."""
        self.rest_until = time.monotonic() + seconds

    def wake(self) -> None:
        """Its limits or its health changed: ask the database again at once."""
        self.rest_until = self.budget_at = 0.0

    def limit(self) -> int:
        """The smaller of its limits."""
        return max(1, min(self.account.hourly_limit, self.account.daily_limit))

    def used_share(self) -> float:
        """How much of the smaller limit is used."""
        return 1 - self.budget_left / self.limit()

    def open(self, endpoint: Endpoint) -> Session | None:
        """A kept session or a new one; raises transport.Refused. None when the lane was sent to rest meanwhile.

        One at a time: ten threads that try a wrong password at once lock the account.
        """
        with self._opening:
            if not self.is_usable():
                return None
            while self._idle:
                session = self._idle.pop()
                if not session.closed and time.monotonic() - session.idle_since < IDLE_SECONDS:
                    return session
                session.close()
            return open_session(endpoint, self._credentials())

    def _can_sign_in(self) -> bool:
        """By consent only with an access token that holds; the next one comes with the account."""
        return self.account.auth == "password" or bool(self.account.access)

    def _credentials(self) -> Credentials | None:
        """None without a password: a relay that trusts our address asks for none."""
        account = self.account
        if account.auth != "password":
            return Credentials(account.login or account.email, vault.decrypt(account.access), "xoauth2")
        password = vault.decrypt(account.password or "")
        return Credentials(account.login or account.email, password) if password else None

    def keep(self, session: Session) -> None:
        """Take a session back for the next mails."""
        if not session.closed:
            self._idle.append(session)

    def has_idle(self, older_than: float) -> bool:
        """Is there a session that nobody used for so many seconds?"""
        now = time.monotonic()
        return any(now - session.idle_since >= older_than for session in list(self._idle))

    def close_idle(self, *, older_than: float = 0.0) -> None:
        """Say good-bye on sessions that nobody used for so many seconds."""
        with self._opening:
            now = time.monotonic()
            stale = [s for s in self._idle if now - s.idle_since >= older_than]
            self._idle = [s for s in self._idle if s not in stale]
        for session in stale:
            session.close()

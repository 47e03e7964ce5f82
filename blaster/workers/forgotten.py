"""Sends links to those who forgot their password: not where they ask, or the answer would tell who is a user."""

import logging
import time

from blaster import audit, password_links
from blaster.config import Settings
from blaster.mail import system

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
SUBJECT = "A new password for Blaster"
TEXT = """\
Somebody, probably you, asked for a new password at {url}.

Open this page within an hour to set it:

{url}/password/{token}

If you did not ask, ignore this mail: nothing changes.
"""


class Forgotten:
    """`work` is called again and again by a thread of its own."""

    def __init__(self, settings: Settings):
        self._settings, self._due = settings, 0.0

    def work(self) -> None:
        """Whatever was asked for. One mail at most is sent for a request, whichever process sees to it."""
        if time.monotonic() < self._due or not system.is_set(self._settings):
            return
        self._due = time.monotonic() + LOOK_SECONDS
        for request in password_links.requests():
            if user := password_links.take(request):
                self._send(user)

    def _send(self, user) -> None:
        text = TEXT.format(url=self._settings.public_url, token=password_links.make(user.id, "reset"))
        trouble = system.send(self._settings, user.email, SUBJECT, text)
        audit.note(0, "link", "password", user.id, trouble and "the mail was not taken", user_id=user.id)
        if trouble:
            log.warning("link for user %s: %s", user.id, trouble)

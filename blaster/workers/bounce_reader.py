"""Reads the bounce mailboxes of all users, each by one process at a time."""

import logging
import threading
import time

from blaster import bounces, consent, mailboxes, oauth
from blaster.config import Settings
from blaster.mail import mailbox as mail
from blaster.models.bounces import Bounce, Mailbox
from blaster.queue import domains
from blaster.workers.holds import Holds

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
EVERY = 180_000  # ms between two looks into a mailbox
MOST = 500  # mails in one look, so that others get their turn
LONGEST = 120.0  # seconds of one look; then the connection is cut, however busy the server pretends to be


class BounceReader:
    """`work` is called again and again by a thread of its own."""

    def __init__(self, settings: Settings, holds: Holds, stop: threading.Event, every: int = EVERY):
        self._settings, self._holds, self._stop, self._every = settings, holds, stop, every
        self._look_at = 0.0

    def work(self) -> None:
        """Read what is due and nobody else reads."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        for waiting in mailboxes.due(self._every):
            hold = None if self._stop.is_set() else self._holds.take(f"mailbox:{waiting.id}")
            if hold:
                try:
                    self._read(waiting.id)
                finally:
                    self._holds.end_chore(hold)

    def _read(self, mailbox_id: int) -> None:
        box = mailboxes.begin(mailbox_id, self._every)
        if box is None:
            return
        error = ""
        try:
            self._read_new(box)
        except mail.Trouble as trouble:
            log.warning("mailbox %s: %s", box.id, trouble)
            error = str(trouble)
        except consent.Unreachable as trouble:  # the next look may have more luck
            error = str(trouble)
        except consent.Ended as trouble:
            log.warning("mailbox %s: needs its owner's consent: %s", box.id, trouble)
            error = f"{trouble} Sign in again, so that it can be read."
        mailboxes.note_end(box.id, error)

    def _read_new(self, box: Mailbox) -> None:
        wire = mail.open_mailbox(place(box, self._settings), *oauth.sign_in(self._settings, box))
        watch = threading.Timer(LONGEST, wire.abort)
        watch.daemon = True
        watch.start()
        try:
            after = box.last_uid if wire.validity == box.validity else 0
            known = mailboxes.known(box.id) if box.kind == "pop3" else ()
            for number, (uid, raw) in enumerate(wire.new(after, known), start=1):
                self._take(box, uid, raw, wire)
                if number >= MOST or self._stop.is_set():
                    break
        finally:
            watch.cancel()
            wire.close()

    def _take(self, box: Mailbox, uid: int | str, raw: bytes, wire) -> None:
        found = bounces.record(box.user_id, raw, key=self._settings.secret_key.encode(), mailbox_id=box.id)
        for bounce in found.bounces:
            _slow_down(bounce)
        deletes = box.kind == "pop3" and box.deletes and found.is_ours
        if box.kind == "pop3" and not deletes:
            mailboxes.remember(box.id, uid)
        elif found.is_ours:
            wire.done(uid)
        mailboxes.note_mail(box.id, uid if box.kind == "imap" else 0, wire.validity)


def _slow_down(bounce: Bounce) -> None:
    if bounce.mail_id and bounce.bounce_class == "block":
        domains.refused(bounce.user_id, domains.of(bounce.email_key), bounce.diagnostic)


def place(box: Mailbox, settings: Settings) -> mail.Place:
    """Where a stored mailbox is."""
    return mail.Place(box.kind, box.host, box.port, box.encryption, box.folder, ca_file=settings.tls_ca_file)

"""Trouble for tests to make: full disks, frozen databases, servers that hang."""

import re
import resource
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import Mail, SmtpAccount
from tests.queue_data import assert_books_balance, statuses
from tests.scripted import ScriptedServer, Talk


def received(*sinks) -> Counter:
    """How often each recipient got a mail."""
    return Counter(record.recipient for sink in sinks for record in sink.records())


def all_sent_once(mails: int, *sinks) -> None:
    """Every mail of campaign 7 is sent, each recipient has it once, and the books agree."""
    assert statuses() == {"sent": mails}, statuses()
    found = received(*sinks)
    assert (len(found), found.total()) == (mails, mails), found.most_common(5)
    assert_books_balance()


def account_of(server) -> SmtpAccount:
    """Its first account."""
    with db.session(crm_db):
        return SmtpAccount.select().where(SmtpAccount.smtp_server_id == server.id).order_by(SmtpAccount.id).first()


def mails_by_status(campaign_id: int = 7) -> dict[str, set[int]]:
    """The ids of a campaign's mails by status."""
    found: dict[str, set[int]] = {}
    with db.session(crm_db):
        for mail_id, status in Mail.select(Mail.id, Mail.status).where(Mail.campaign_id == campaign_id).tuples():
            found.setdefault(status, set()).add(mail_id)
    return found


def emails(status: str, campaign_id: int = 7) -> set[str]:
    """Whose mails of a campaign have this status."""
    with db.session(crm_db):
        found = Mail.select(Mail.email).where((Mail.campaign_id == campaign_id) & (Mail.status == status))
        return {email for (email,) in found.tuples()}


def limit_files(process, largest: int) -> None:
    """No file that this process writes grows beyond so many octets: its disk is full. -1 makes room again."""
    _, hard = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (largest, hard))


def journal_of(env: dict[str, str]) -> Path:
    """The journal of the only worker on these databases."""
    (path,) = Path(env["BLASTER_DATA_DIR"], "journal").glob("*.journal")
    return path


def settled(sink) -> int:
    """The number of mails at the sink, once it has not changed for a second and a half."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 1.5:
        if (now := len(sink.records())) != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.05)
    return seen


class Holding(ScriptedServer):
    """Takes mails of one client (a server with one connection), and answers final dots only while it does not `hold`.

    `taken`: the recipients of all mails that it has, the one whose reply is held back among them.
    """

    def __init__(self):
        self.taken: list[str] = []
        self._answers = threading.Event()
        self._answers.set()
        self.is_waiting = False
        super().__init__(self._talk)

    def hold(self) -> None:
        """From the next mail on."""
        self._answers.clear()

    def release(self) -> None:
        """Answer again, first to the mail at hand."""
        self._answers.set()

    def _talk(self, talk: Talk) -> None:
        talk.greet()
        talk.line()
        talk.say(b"235 welcome")
        with suppress(TimeoutError):  # silent for ten seconds
            while True:
                self._take(talk)

    def _take(self, talk: Talk) -> None:
        envelope = talk.until(b"DATA\r\n").decode()
        talk.say(b"250 sender", b"250 recipient", b"354 go on")
        talk.message()
        self.taken.append(re.search("RCPT TO:<(.*)>", envelope)[1])
        self.is_waiting = not self._answers.is_set()
        assert self._answers.wait(120)
        self.is_waiting = False
        talk.say(b"250 taken")


@contextmanager
def frozen():
    """Server 2 answers no query about leases, and SQLite takes no write at all."""
    with db.session(crm_db):
        crm_db.begin()
        if not db.is_sqlite(crm_db):
            crm_db.execute_sql("SELECT * FROM leases FOR UPDATE").fetchall()
        try:
            yield
        finally:
            crm_db.rollback()


class Hanging(ScriptedServer):
    """Falls silent `at` the banner or the final dot of the first mail, until `release`."""

    def __init__(self, at: str):
        self._at, self.waiting, self._released = at, threading.Event(), threading.Event()
        super().__init__(self._talk)

    def _talk(self, talk: Talk) -> None:
        if self._at == "dot" and not self._released.is_set():
            talk.greet()
            talk.line()
            talk.say(b"235 welcome")
            talk.envelope()
            talk.message()
        self.waiting.set()
        assert self._released.wait(120)

    def release(self) -> None:
        """Hang up."""
        self._released.set()

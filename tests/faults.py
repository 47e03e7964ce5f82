"""Trouble for tests to make: full disks, frozen databases, servers that hang."""

import resource
import threading
import time
from collections import Counter
from contextlib import contextmanager
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

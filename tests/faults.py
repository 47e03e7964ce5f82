"""Trouble for tests to make: full disks, frozen databases, servers that hang."""

import resource
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import Mail
from tests.scripted import ScriptedServer, Talk


def received(*sinks) -> Counter:
    """How often each recipient got a mail."""
    return Counter(record.recipient for sink in sinks for record in sink.records())


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
    """Accepts a connection, says nothing more, and hangs up on `release`."""

    def __init__(self):
        self.waiting, self._released = threading.Event(), threading.Event()
        super().__init__(self._hang)

    def _hang(self, talk: Talk) -> None:
        self.waiting.set()
        assert self._released.wait(120)

    def release(self) -> None:
        self._released.set()

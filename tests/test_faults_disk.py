"""Full disks: nothing is sent without an intent and a note, the log says why, and all goes on once there is room."""

from pathlib import Path

import pytest

from blaster.db import campaign_db
from blaster.demo.faults import Rule
from blaster.queue.leases import Hold
from blaster.workers import journal
from blaster.workers.journal import Journal
from tests.faults import journal_of, limit_files, received, settled
from tests.queue_data import assert_books_balance, running_campaign, server_with_account, statuses
from tests.test_web_campaigns import FORM
from tests.work import is_at_rest, processes, wait_until

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def server(databases, sink):
    sink.play(Rule("dot", "delay", seconds=0.01))
    running_campaign(mails=1_000)
    return server_with_account(accounts=3, host=sink.host, port=sink.port)[0]


def log_of(env: dict[str, str], name: str = "host-0") -> str:
    return Path(env["BLASTER_DATA_DIR"], f"{name}.log").read_text(errors="replace")


def fill(env, process, server) -> None:
    """In mid-run, let the disk take three octets more than the journal has: a note is torn."""
    wait_until(lambda: statuses().get("sent", 0) > 50)
    limit_files(process, journal_of(env).stat().st_size + 3)


def test_with_a_full_disk_nothing_is_sent_and_then_all(databases, server, sink):
    with processes(databases, 1) as (process,):
        fill(databases, process, server)
        at_rest = settled(sink)
        assert at_rest < 1_000
        assert statuses()["pending"] > 0
        journal.read(journal_of(databases))
        limit_files(process, -1)
        wait_until(is_at_rest)
    assert statuses() == {"sent": 1_000}
    assert set(received(sink).values()) == {1}
    assert_books_balance()


def test_a_worker_that_dies_on_a_full_disk_leaves_readable_notes(databases, server, sink):
    with processes(databases, 1, lease_seconds=3) as (process,):
        fill(databases, process, server)
        settled(sink)
        process.kill()
    sink.play()
    with processes(databases, 1, lease_seconds=3):
        wait_until(is_at_rest)
    found = statuses()
    assert found["sent"] + found.get("unknown", 0) == 1_000
    assert set(received(sink).values()) == {1}
    assert_books_balance()


@only_sqlite
def test_a_full_disk_under_the_queue_stops_the_sending_and_says_so(databases, server, sink):
    with processes(databases, 1) as (process,):
        wait_until(lambda: statuses().get("sent", 0) > 50)
        limit_files(process, 65_536)  # room for the journal, none for the database's log
        wait_until(lambda: "the disk of the database is full" in log_of(databases), what="said in the log")
        at_rest = settled(sink)
        found = statuses()
        assert found["pending"] > 0
        assert at_rest <= found["sent"] + found.get("sending", 0)
        limit_files(process, -1)
        wait_until(is_at_rest)
    assert statuses() == {"sent": 1_000}
    assert set(received(sink).values()) == {1}
    assert_books_balance()


@only_sqlite
def test_pages_say_that_the_disk_is_full(databases, alice):
    token = {"csrf_token": alice.token()}
    with campaign_db.connection_context():
        campaign_db.obj.pragma("max_page_count", campaign_db.obj.pragma("page_count"), permanent=True)
    form = {**FORM, **token, "html": "<p>Hi</p>" * 50_000}
    answer = alice.client.post("/campaigns/new", data=form)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "The disk of the database is full" in answer.text
    with campaign_db.connection_context():
        campaign_db.obj.pragma("max_page_count", 1 << 30, permanent=True)
    assert alice.client.post("/campaigns/new", data=form).status_code == 303


def test_a_note_that_does_not_fit_leaves_no_part_of_it(tmp_path):
    notes = Journal(tmp_path, "host:1:2")
    notes.dot(1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (notes.size() + 3, before[1]))
    try:
        with pytest.raises(OSError, match="No space left on device"):
            notes.dot(2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    notes.dot(3)
    found = journal.read(notes.path)
    assert (found.dotted, found.is_complete) == ({1, 3}, True)
    notes.close()


def test_a_damaged_journal_is_no_proof_and_blocks_nobody(tmp_path):
    notes = Journal(tmp_path, "host:1:2")
    notes.lease(Hold("server:1", 77))
    notes.dot(1)
    notes._lock.release()
    with open(notes.path, "ab") as file:
        file.write(b"D 1D 12\nR\n")
    (found,) = journal.left_behind(tmp_path)
    assert (found.owner, found.is_complete) == ("host:1:2", False)
    assert list(journal.left_behind(tmp_path)) == []

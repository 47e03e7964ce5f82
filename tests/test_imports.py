"""Reading an upload: by the bit, from where it stood, counted once whoever reads it, with what is to be known of it."""

import io
import threading

import pytest

from blaster import db, recipients
from blaster.errors import Conflict, Invalid, NotFound
from blaster.imports import chunks, intake, run, uploads
from blaster.models.campaign_db import Recipient, RecipientList
from blaster.models.crm_db import Suppression
from blaster.models.imports import Import, ImportChunk
from blaster.workers.holds import Holds
from blaster.workers.importer import Importer

ALICE, BOB = 1, 2
AGREED = {"consent": "event", "words": "the fair", "on": "2026-03-14"}


@pytest.fixture
def customers(databases, monkeypatch):
    monkeypatch.setattr(intake, "CHUNK", 4)
    return recipients.create_list(ALICE, "Customers")


def started(found_list, text, user_id=ALICE) -> Import:
    """An import that waits for a worker."""
    found = uploads.create(user_id, found_list.id, "people.csv", io.BytesIO(text.encode()))
    uploads.start(user_id, found.id, uploads.look(found).columns, **AGREED)
    return found


def counts(found: Import):
    now = uploads.get(found.user_id, found.id)
    return now.state, now.added, now.updated, now.duplicates, now.refused


def rows(count: int, name="r") -> str:
    return "email,city\n" + "".join(f"{name}{n}@example.com,Köln\n" for n in range(count))


def left() -> int:
    with db.session(db.campaign_db):
        return ImportChunk.select().count()


def finish(found: Import) -> None:
    for _ in run.run(found.id):
        pass


def test_every_row_is_counted_once_and_the_file_is_deleted(customers):
    recipients.import_csv(ALICE, customers.id, "email,city\nr0@example.com,Köln\nr1@example.com,\n")
    found = started(customers, rows(9) + "nobody,\nr2@example.com,Bonn\nr2@example.com,Bonn\n")
    finish(found)
    assert counts(found) == ("finished", 7, 2, 2, 1)
    assert recipients.get_list(ALICE, customers.id).size == 9
    assert left() == 0
    assert list(uploads.refusals(ALICE, found.id))[0][0] == 11


@pytest.mark.parametrize("steps", range(5))
def test_another_process_goes_on_where_one_died(customers, steps):
    found = started(customers, rows(13) + "nobody,\nr12@example.com,Bonn\n")
    dead = run.run(found.id)
    for _ in range(steps):
        next(dead, None)
    dead.close()
    finish(found)
    assert counts(found) == ("finished", 13, 1, 0, 1)
    with db.session(db.campaign_db):
        assert [row.email for row in Recipient.select().order_by(Recipient.id)][-1] == "r12@example.com"


def test_two_processes_that_read_the_same_count_no_row_twice(customers):
    found = started(customers, rows(13))
    one, other = run.run(found.id), run.run(found.id)
    next(one)
    next(other, None)
    assert list(one) or list(other)
    finish(found)
    assert counts(found) == ("finished", 13, 0, 0, 0)


def test_rows_are_not_counted_again_when_only_the_answer_to_the_commit_was_lost(customers, monkeypatch):
    found = started(customers, rows(4))
    true = db.transaction

    def repeated(database, work):
        true(database, work)
        return true(database, work)

    monkeypatch.setattr(intake.db, "transaction", repeated)
    finish(found)
    assert counts(found)[1:4] == (4, 0, 0)
    assert recipients.get_list(ALICE, customers.id).size == 4


def test_what_was_stopped_stays_stopped(customers):
    found = started(customers, rows(13))
    reading = run.run(found.id)
    next(reading)
    uploads.cancel(ALICE, found.id)
    assert list(reading) == []
    finish(found)
    assert counts(found) == ("cancelled", 4, 0, 0, 0)
    assert recipients.get_list(ALICE, customers.id).size == 4
    assert left() == 0
    with pytest.raises(Conflict):
        uploads.cancel(ALICE, found.id)


def test_suppressed_addresses_are_imported_and_counted(customers):
    with db.session(db.crm_db):
        for user_id, list_id, key in (
            (ALICE, 0, "r1@example.com"),
            (ALICE, customers.id, "r2@example.com"),
            (0, 0, "r3@example.com"),
            (ALICE, 0, "@example.org"),
            (ALICE, 0, "gone@example.com"),
            (ALICE, customers.id + 1, "r4@example.com"),
            (BOB, 0, "r5@example.com"),
        ):
            Suppression.create(user_id=user_id, list_id=list_id, email=key, email_key=key)
    found = started(customers, rows(6) + "r6@example.org,\n")
    finish(found)
    assert uploads.get(ALICE, found.id).suppressed == 4
    assert recipients.get_list(ALICE, customers.id).size == 7


def test_each_address_knows_which_import_brought_it(customers):
    recipients.import_csv(ALICE, customers.id, "r0@example.com\n")
    found = started(customers, rows(2))
    finish(found)
    brought = {row.email: row.import_id for row in recipients.list_recipients(ALICE, customers.id)}
    assert brought == {"r0@example.com": None, "r1@example.com": found.id}
    kept = uploads.get(ALICE, found.id)
    assert (kept.consent, kept.consent_words, kept.consent_date) == ("event", "the fair", "2026-03-14")


def test_a_file_that_breaks_off_says_why_and_keeps_what_was_read(customers, monkeypatch):
    monkeypatch.setattr("blaster.sheets.text.LONGEST_LINE", 400_000)
    found = started(customers, rows(20_000) + "x" * 900_000)
    monkeypatch.setattr(intake, "CHUNK", 1_000)
    finish(found)
    now = uploads.get(ALICE, found.id)
    assert now.state == "failed"
    assert "a line of more than" in now.note
    assert recipients.get_list(ALICE, customers.id).size == now.added > 0


def test_an_import_into_a_list_that_is_gone_fails_in_words(customers):
    found = started(customers, rows(2))
    with db.session(db.campaign_db):
        RecipientList.delete().execute()
    finish(found)
    assert (uploads.get(ALICE, found.id).state, uploads.get(ALICE, found.id).note) == (
        "failed",
        "The list was deleted.",
    )


def test_the_text_is_kept_in_pieces_and_read_from_anywhere(customers, monkeypatch):
    monkeypatch.setattr(chunks, "SIZE", 7)
    text = rows(20).encode()
    found = uploads.create(ALICE, customers.id, "people.csv", io.BytesIO(text))
    assert left() == -(-len(text) // 7)
    source = uploads.opened(found)
    source.seek(33)
    assert source.read() == text[33:]
    assert found.size == len(text)


def test_strangers_find_nothing(customers):
    found = uploads.create(ALICE, customers.id, "people.csv", io.BytesIO(rows(2).encode()))
    columns = uploads.look(found).columns
    for attempt in (
        lambda: uploads.create(BOB, customers.id, "people.csv", io.BytesIO(b"bob@example.com\n")),
        lambda: uploads.get(BOB, found.id),
        lambda: uploads.start(BOB, found.id, columns, **AGREED),
        lambda: uploads.cancel(BOB, found.id),
        lambda: uploads.delete(BOB, found.id),
        lambda: uploads.refusals(BOB, found.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert uploads.of_list(BOB, customers.id) == []
    assert uploads.get(ALICE, found.id).state == "ready"


def test_uploads_that_wait_are_bounded_and_forgotten_after_a_day(customers):
    for _ in range(uploads.MOST_WAITING):
        uploads.create(ALICE, customers.id, "people.csv", io.BytesIO(b"ann@example.com\n"))
    with pytest.raises(Conflict, match="20 files"):
        uploads.create(ALICE, customers.id, "people.csv", io.BytesIO(b"ann@example.com\n"))
    assert uploads.tidy() == 0
    with db.session(db.campaign_db):
        Import.update(created_at=Import.created_at - 86_400_001).execute()
    assert uploads.tidy() == uploads.MOST_WAITING
    assert left() == 0


def test_refused_rows_are_kept_for_a_while_only(customers):
    found = started(customers, "email\nann@example.com\nnobody\n")
    finish(found)
    uploads.tidy()
    assert len(list(uploads.refusals(ALICE, found.id))) == 1
    with db.session(db.campaign_db):
        Import.update(finished_at=Import.finished_at - uploads.REFUSALS_KEPT - 1).execute()
    uploads.tidy()
    assert list(uploads.refusals(ALICE, found.id)) == []
    assert uploads.get(ALICE, found.id).added == 1


def test_what_cannot_be_read_is_not_kept(customers):
    with pytest.raises(Invalid):
        uploads.create(ALICE, customers.id, "people.csv", io.BytesIO(b"name\nAnn\n"))
    assert left() == 0
    assert uploads.of_list(ALICE, customers.id) == []


def test_a_worker_reads_the_imports_of_two_users_in_turns(customers):
    theirs = recipients.create_list(BOB, "Readers")
    found = [started(customers, rows(9, "a")), started(theirs, rows(9, "b"), BOB)]
    stop = threading.Event()
    importer = Importer(Holds("here:1:1", 30_000), stop)
    importer.work()
    assert [counts(each) for each in found] == [("finished", 9, 0, 0, 0)] * 2
    with db.session(db.campaign_db):
        order = [row.email[0] for row in Recipient.select().order_by(Recipient.id)]
    assert order == [*"aaaabbbbaaaabbbbab"]


def test_a_worker_leaves_what_another_one_reads(customers):
    found = started(customers, rows(2))
    other = Holds("there:1:1", 30_000)
    hold = other.take(f"import:{found.id}")
    importer = Importer(Holds("here:1:1", 30_000), threading.Event())
    importer.work()
    assert counts(found)[0] == "waiting"
    other.end_chore(hold)
    Importer(Holds("here:1:1", 30_000), threading.Event()).work()
    assert counts(found)[0] == "finished"


def test_trouble_that_nobody_thought_of_ends_one_import_only(customers, monkeypatch, caplog):
    broken, good = started(customers, rows(2, "a")), started(customers, rows(2, "b"))
    true = run._store

    def store(found, *args):
        if found.id == broken.id:
            raise RuntimeError("a mistake of ours")
        true(found, *args)

    monkeypatch.setattr(run, "_store", store)
    Importer(Holds("here:1:1", 30_000), threading.Event()).work()
    assert counts(broken)[0] == "failed"
    assert counts(good) == ("finished", 2, 0, 0, 0)

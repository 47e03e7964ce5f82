import pytest

from blaster.mail.session import Reply
from blaster.queue.leases import Hold
from blaster.workers import journal
from blaster.workers.journal import Journal


def left_behind(directory):
    return list(journal.left_behind(directory))


def written(tmp_path) -> Journal:
    """A journal whose worker is about to die."""
    notes = Journal(tmp_path, "host:1:2")
    notes.lease(Hold("server:1", 77))
    return notes


def die(notes: Journal) -> None:
    notes._lock.release()


def test_a_dead_workers_notes_tell_dots_and_replies(tmp_path):
    notes = written(tmp_path)
    notes.dot(1)
    notes.dot(2)
    notes.replied(journal.reply_note(1, Reply("dot", 250, "2.0.0 ok\nqueued")))
    assert left_behind(tmp_path) == []  # alive
    die(notes)
    (found,) = left_behind(tmp_path)
    assert (found.owner, found.holds, found.is_complete) == ("host:1:2", [Hold("server:1", 77)], True)
    assert found.dotted == {1, 2}
    assert found.replies == {1: Reply("dot", 250, "2.0.0 ok queued")}
    assert left_behind(tmp_path) == []


def test_a_second_dot_is_in_doubt_whatever_was_said_to_the_first(tmp_path):
    notes = written(tmp_path)
    notes.dot(1)
    notes.replied(journal.reply_note(1, Reply("dot", 451, "4.3.0 later")))
    notes.dot(1)
    die(notes)
    (found,) = left_behind(tmp_path)
    assert found.dotted == {1}
    assert found.replies == {}


@pytest.fixture
def short(monkeypatch):
    """Every journal is long enough to begin anew."""
    monkeypatch.setattr(journal, "LARGEST", 0)


def test_it_begins_anew_once_all_is_settled(tmp_path, short):
    notes = written(tmp_path)
    notes.dot(1)
    notes.shorten(notes.size())
    notes.dot(2)
    die(notes)
    (found,) = left_behind(tmp_path)
    assert (found.owner, found.holds, found.is_complete) == ("host:1:2", [Hold("server:1", 77)], True)
    assert found.dotted == {2}


def test_it_forgets_nothing_that_was_noted_meanwhile(tmp_path, short):
    notes = written(tmp_path)
    size = notes.size()
    notes.dot(1)
    notes.shorten(size)
    die(notes)
    (found,) = left_behind(tmp_path)
    assert found.dotted == {1}

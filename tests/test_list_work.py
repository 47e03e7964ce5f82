import threading

import pytest

from blaster import db, recipients
from blaster.db import campaign_db
from blaster.errors import Invalid, NotFound
from blaster.lists import export, fields, work
from blaster.models.campaign_db import Recipient
from blaster.queue import leases
from blaster.workers import walker
from blaster.workers.holds import Holds

ALICE, BOB = 1, 2
WILD = 'a"b\\c\n\t{{ x }} 💌 "name": =1'


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(work, "CHUNK", 2)


@pytest.fixture
def customers(databases):
    made = recipients.create_list(ALICE, "Customers")
    rows = "email,name,city\nann@example.com,Ann,Köln\nbob@example.com,Bob,\ncy@example.com,,Rom\n"
    recipients.import_csv(ALICE, made.id, rows)
    return made


def done(begun):
    finished = work.go_on(ALICE, begun.id, 60)
    assert finished.finished_at
    return finished


def on(list_id: int) -> dict[str, dict]:
    rows = recipients.list_recipients(ALICE, list_id, limit=100)
    return {row.email[:3]: recipients.values(row.fields) for row in rows}


def give(list_id: int, email: str, **values) -> None:
    with db.session(campaign_db):
        here = (Recipient.list_id == list_id) & (Recipient.email_key == email)
        Recipient.update(fields=recipients.as_stored(values)).where(here).execute()


def test_a_copy_has_the_same_people_and_fields(customers):
    give(customers.id, "bob@example.com", name=WILD)
    begun = work.copy(ALICE, customers.id, "Copy")
    assert done(begun).done == 3
    copied = recipients.get_list(ALICE, begun.target_id)
    assert (copied.name, copied.size, recipients.field_names(copied)) == ("Copy", 3, ["name", "city"])
    assert on(copied.id) == on(customers.id)
    assert on(copied.id)["bob"] == {"name": WILD}


def test_merging_keeps_what_is_empty_in_the_other_list(customers):
    target = recipients.create_list(ALICE, "Target")
    rows = "email,name,age\nANN@example.com,Anna,41\nbob@example.com,,\ndee@example.com,Dee,\n"
    recipients.import_csv(ALICE, target.id, rows)
    done(work.merge(ALICE, customers.id, target.id))
    assert on(target.id) == {
        "ANN": {"name": "Ann", "age": "41", "city": "Köln"},
        "bob": {"name": "Bob"},
        "dee": {"name": "Dee"},
        "cy@": {"city": "Rom"},
    }
    merged = recipients.get_list(ALICE, target.id)
    assert (merged.size, recipients.field_names(merged)) == (4, ["name", "age", "city"])
    assert recipients.get_list(ALICE, customers.id).size == 3


def test_work_goes_on_where_it_stopped(customers):
    begun = work.copy(ALICE, customers.id, "Copy")
    at = work.go_on(ALICE, begun.id, 0)
    assert (at.done, at.finished_at, len(on(begun.target_id))) == (2, None, 2)
    assert [each.id for each in work.unfinished(ALICE, customers.id)] == [begun.id]
    recipients.import_csv(ALICE, customers.id, "later@example.com\n")
    assert done(begun).done == 3
    assert done(begun).done == 3
    assert "lat" not in on(begun.target_id)
    assert work.unfinished(ALICE, customers.id) == []


def test_a_worker_finishes_what_a_page_began(customers):
    holds = Holds("host:1", 30_000)
    begun = work.copy(ALICE, customers.id, "Copy")
    walker.of_lists(holds, threading.Event()).work()
    assert work.waiting() == []
    assert len(on(begun.target_id)) == 3
    begun = work.copy(ALICE, customers.id, "Another")
    hold = Holds("host:2", 30_000).take(f"list:{begun.id}")
    walker.of_lists(holds, threading.Event()).work()  # somebody else has it
    assert work.waiting() == [(ALICE, begun.id)]
    leases.release(hold)


@pytest.mark.parametrize("gone", ["source", "target"])
def test_work_ends_when_a_list_is_deleted_meanwhile(customers, gone):
    begun = work.copy(ALICE, customers.id, "Copy")
    work.go_on(ALICE, begun.id, 0)
    recipients.delete_list(ALICE, customers.id if gone == "source" else begun.target_id)
    assert done(begun).done == 2
    with db.session(campaign_db):
        assert Recipient.select().count() == (2 if gone == "source" else 3)


def test_a_field_is_renamed_in_its_place(customers):
    give(customers.id, "bob@example.com", name=WILD, city="x")
    done(work.rename_field(ALICE, customers.id, "name", "prénom"))
    assert recipients.field_names(recipients.get_list(ALICE, customers.id)) == ["prénom", "city"]
    assert on(customers.id) == {
        "ann": {"prénom": "Ann", "city": "Köln"},
        "bob": {"prénom": WILD, "city": "x"},
        "cy@": {"city": "Rom"},
    }


def test_a_value_under_the_new_name_stays(customers):
    begun = work.rename_field(ALICE, customers.id, "name", "first")
    give(customers.id, "ann@example.com", name="Ann", first="Anna")
    done(begun)
    assert on(customers.id)["ann"] == {"first": "Anna"}


def test_a_field_is_deleted_with_its_values(customers):
    done(work.rename_field(ALICE, customers.id, "city", ""))
    assert recipients.field_names(recipients.get_list(ALICE, customers.id)) == ["name"]
    assert on(customers.id) == {"ann": {"name": "Ann"}, "bob": {"name": "Bob"}, "cy@": {}}


@pytest.mark.parametrize("name", ["", "1st", "first name", "email", "name", "if", "a-b", "x" * 61])
def test_names_that_merge_tags_cannot_use_are_refused(customers, name):
    with pytest.raises(Invalid):
        fields.add(ALICE, customers.id, name)
    if name:
        with pytest.raises(Invalid):
            work.rename_field(ALICE, customers.id, "city", name)
    assert recipients.field_names(recipients.get_list(ALICE, customers.id)) == ["name", "city"]


def test_a_field_is_added(customers):
    fields.add(ALICE, customers.id, " birth_year ")
    assert recipients.field_names(recipients.get_list(ALICE, customers.id)) == ["name", "city", "birth_year"]


def test_an_export_is_imported_again_as_it_was(customers, monkeypatch):
    monkeypatch.setattr(export, "CHUNK", 2)
    chosen = recipients.get_list(ALICE, customers.id)
    assert [export.header(chosen), *export.rows(chosen)] == [
        ["email", "name", "city"],
        ["ann@example.com", "Ann", "Köln"],
        ["bob@example.com", "Bob", ""],
        ["cy@example.com", "", "Rom"],
    ]


def test_a_list_is_not_merged_into_itself(customers):
    with pytest.raises(Invalid):
        work.merge(ALICE, customers.id, customers.id)


def test_stranger_finds_nothing(customers):
    begun, his = work.copy(ALICE, customers.id, "Copy"), recipients.create_list(BOB, "His")
    for attempt in (
        lambda: work.copy(BOB, customers.id, "Mine"),
        lambda: work.merge(BOB, customers.id, his.id),
        lambda: work.merge(BOB, his.id, customers.id),
        lambda: work.rename_field(BOB, customers.id, "name", "x"),
        lambda: fields.add(BOB, customers.id, "x"),
        lambda: work.go_on(BOB, begun.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert work.unfinished(BOB, customers.id) == []
    assert [each.name for each in recipients.list_lists(BOB)] == ["His"]

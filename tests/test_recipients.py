import io
import tracemalloc

import pytest

from blaster import db, recipients
from blaster.errors import Conflict, Invalid, NotFound
from blaster.imports import intake
from blaster.models.campaign_db import Campaign, CampaignStatus, Recipient

ALICE, BOB = 1, 2


@pytest.fixture
def customers(databases):
    return recipients.create_list(ALICE, "Customers")


def _import(customers, text):
    return recipients.import_csv(ALICE, customers.id, text)


def _counts(result):
    return result.added, result.updated, result.duplicates, result.refused_count


def _on_list(customers):
    return {row.email: recipients.values(row.fields) for row in recipients.list_recipients(ALICE, customers.id)}


def test_import_adds_recipients_with_their_values(customers):
    result = _import(customers, "email,First Name,City\nann@example.com,Ann,Köln\nbob@example.com,,\n")
    assert _counts(result) == (2, 0, 0, 0)
    assert _on_list(customers) == {"ann@example.com": {"first_name": "Ann", "city": "Köln"}, "bob@example.com": {}}
    found = recipients.get_list(ALICE, customers.id)
    assert (found.size, recipients.field_names(found)) == (2, ["first_name", "city"])


def test_same_address_is_merged_and_later_values_win(customers, monkeypatch):
    monkeypatch.setattr(intake, "CHUNK", 2)
    first = (
        "email,name,city\nAnn@example.com,Ann,Köln\nann@EXAMPLE.com,Anna,\nbob@example.com,Bob,\nBOB@example.com,Bob,\n"
    )
    assert _counts(_import(customers, first)) == (2, 1, 1, 0)
    assert _on_list(customers)["Ann@example.com"] == {"name": "Anna", "city": "Köln"}
    second = "email,name,age\nann@example.com,,41\nbob@example.com,Bob,\ncy@example.com,,\n"
    assert _counts(_import(customers, second)) == (1, 1, 1, 0)
    assert _on_list(customers)["Ann@example.com"] == {"name": "Anna", "city": "Köln", "age": "41"}
    found = recipients.get_list(ALICE, customers.id)
    assert (found.size, recipients.field_names(found)) == (3, ["name", "city", "age"])


def test_addresses_that_usual_collations_confuse_stay_apart(customers):
    assert _import(customers, "zoe@example.com\nzoë@example.com\nZOE@example.com\n").added == 2


def test_refused_rows_are_listed_and_the_rest_is_imported(customers, monkeypatch):
    monkeypatch.setattr(intake, "REFUSED_SHOWN", 3)
    result = _import(customers, "email\nann@example.com\n" + "nobody\n" * 5 + "bob@example.com\n")
    assert _counts(result) == (2, 0, 0, 5)
    assert [(row.line, row.original) for row in result.refused] == [(3, "nobody"), (4, "nobody"), (5, "nobody")]


def test_rows_that_are_all_refused_leave_the_list_empty(customers, monkeypatch):
    monkeypatch.setattr(intake, "CHUNK", 2)
    assert _counts(_import(customers, "email\n" + "nobody\n" * 5)) == (0, 0, 0, 5)


def test_file_without_addresses_changes_nothing(customers):
    _import(customers, "email,name\nann@example.com,Ann\n")
    with pytest.raises(Invalid):
        _import(customers, "name,city\nBob,Bonn\n")
    found = recipients.get_list(ALICE, customers.id)
    assert (found.size, recipients.field_names(found)) == (1, ["name"])


def test_size_is_true_when_an_import_breaks_off(customers, monkeypatch):
    monkeypatch.setattr(intake, "CHUNK", 1_000)
    rows = "".join(f"r{i}@example.com\n" for i in range(3_000))
    with pytest.raises(Invalid):
        recipients.import_csv(ALICE, customers.id, io.BytesIO(rows.encode() + b"x" * 2_000_000))
    with db.session(db.campaign_db):
        stored = Recipient.select().count()
    assert recipients.get_list(ALICE, customers.id).size == stored > 0


def test_memory_does_not_grow_with_the_file(customers):
    rows = io.BytesIO(b"email\n" + b"".join(b"r%d@example.com\n" % i for i in range(40_000)))
    tracemalloc.start()
    try:
        assert recipients.import_csv(ALICE, customers.id, rows).added == 40_000
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


def test_pages_follow_each_other(customers):
    _import(customers, "".join(f"r{i}@example.com\n" for i in range(5)))
    first = recipients.list_recipients(ALICE, customers.id, limit=3)
    second = recipients.list_recipients(ALICE, customers.id, after=first[-1].id, limit=3)
    assert [row.email[:2] for row in first + second] == ["r0", "r1", "r2", "r3", "r4"]


def test_what_is_found_is_paged_by_address(customers):
    _import(customers, "cy@example.com\nnobody@example.org\nbob@example.com\nann@example.com\n")
    first = recipients.list_recipients(ALICE, customers.id, search="e.com", limit=2)
    second = recipients.list_recipients(ALICE, customers.id, search="e.com", after=first[-1].id, limit=2)
    assert [row.email for row in first + second] == ["ann@example.com", "bob@example.com", "cy@example.com"]


@pytest.mark.parametrize(("search", "found"), [("ANN", 1), ("@example", 3), ("a_n", 0), ("%", 0), ("", 3)])
def test_search_finds_parts_of_addresses(customers, search, found):
    _import(customers, "ann@example.com\nbob@example.com\ncy@example.com\n")
    assert len(recipients.list_recipients(ALICE, customers.id, search=search)) == found


def test_removed_recipient_is_gone_and_counted(customers):
    _import(customers, "ann@example.com\nbob@example.com\n")
    ann = recipients.list_recipients(ALICE, customers.id)[0]
    recipients.remove_recipient(ALICE, customers.id, ann.id)
    assert list(_on_list(customers)) == ["bob@example.com"]
    assert recipients.get_list(ALICE, customers.id).size == 1
    with pytest.raises(NotFound):
        recipients.remove_recipient(ALICE, customers.id, ann.id)


def test_list_is_renamed(customers):
    recipients.rename_list(ALICE, customers.id, " Clients ")
    assert [found.name for found in recipients.list_lists(ALICE)] == ["Clients"]
    for name in ("", "x" * 121):
        with pytest.raises(Invalid):
            recipients.rename_list(ALICE, customers.id, name)
        with pytest.raises(Invalid):
            recipients.create_list(ALICE, name)


def test_list_is_deleted_with_its_recipients_only(customers):
    other = recipients.create_list(ALICE, "Other")
    for listed in (customers, other):
        _import(listed, "ann@example.com\nbob@example.com\n")
    recipients.delete_list(ALICE, customers.id)
    assert [found.id for found in recipients.list_lists(ALICE)] == [other.id]
    with db.session(db.campaign_db):
        assert {row.list_id for row in Recipient.select()} == {other.id}


@pytest.mark.parametrize("status", ["draft", "staging", "running", "paused", "cancelled", "finished"])
def test_list_stays_while_a_campaign_needs_it(customers, status):
    with db.session(db.campaign_db):
        campaign = Campaign.create(user_id=ALICE, list_id=customers.id, name="Spring")
        CampaignStatus.create(campaign_id=campaign.campaign_id, status=status)
    if status in ("cancelled", "finished"):
        recipients.delete_list(ALICE, customers.id)
        assert recipients.list_lists(ALICE) == []
    else:
        with pytest.raises(Conflict, match="Spring"):
            recipients.delete_list(ALICE, customers.id)
        assert recipients.get_list(ALICE, customers.id)


def test_stranger_finds_nothing(customers):
    _import(customers, "ann@example.com\n")
    ann = recipients.list_recipients(ALICE, customers.id)[0]
    own = recipients.create_list(BOB, "Mine")
    for attempt in (
        lambda: recipients.get_list(BOB, customers.id),
        lambda: recipients.rename_list(BOB, customers.id, "Bob's"),
        lambda: recipients.delete_list(BOB, customers.id),
        lambda: recipients.import_csv(BOB, customers.id, "bob@example.com\n"),
        lambda: recipients.list_recipients(BOB, customers.id),
        lambda: recipients.remove_recipient(BOB, customers.id, ann.id),
        lambda: recipients.remove_recipient(BOB, own.id, ann.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert [found.id for found in recipients.list_lists(BOB)] == [own.id]
    assert list(_on_list(customers)) == ["ann@example.com"]
    assert recipients.get_list(ALICE, customers.id).name == "Customers"

"""Values that we write into statements ourselves come back from the server as they were."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaster import db, literals
from blaster.models.campaign_db import Recipient

COLUMNS = (Recipient.user_id, Recipient.list_id, Recipient.email, Recipient.email_key, Recipient.fields)
NASTY = [
    "'",
    "\\",
    "\\'",
    "''",
    '"',
    "%s",
    "%",
    "\0",
    "\x1a",
    "\n",
    "😀",
    "); DROP TABLE recipients; --",
    "{}",
    "ß\u2028",
    "",
]


def stored(values: list[str | None]) -> list[str | None]:
    with db.session(db.campaign_db):
        Recipient.delete().execute()
        db.insert(Recipient, COLUMNS, [(1, 2, "a@example.com", f"{n}", value) for n, value in enumerate(values)])
        return [value for (value,) in Recipient.select(Recipient.fields).order_by(Recipient.id).tuples()]


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES"])
@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_what_goes_in_comes_out(databases, mode):
    texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(NASTY))

    @settings(max_examples=40, deadline=None)
    @given(st.lists(texts, min_size=1, max_size=8))
    def check(values):
        assert stored(values) == values

    with db.session(db.campaign_db):
        db.campaign_db.execute_sql(f"SET SESSION sql_mode='{mode}'")
        check()
        assert stored(NASTY) == NASTY


def test_many_rows_are_written_in_several_statements(monkeypatch):
    monkeypatch.setattr(literals, "MOST", 10)
    rows = [(n, "x" * 4) for n in range(5)]
    groups = list(literals.groups(rows, connection=None))
    assert groups == ["(0,'xxxx'),(1,'xxxx')", "(2,'xxxx'),(3,'xxxx')", "(4,'xxxx')"]


@pytest.mark.parametrize(
    ("ids", "condition"),
    [
        ([7], "n IN (7)"),
        ([3, 1, 2, 4], "(n BETWEEN 1 AND 4)"),
        ([*range(1, 9), *range(20, 30)], "(n BETWEEN 1 AND 8 OR n BETWEEN 20 AND 29)"),
        ([1, 3, 5, 6], "n IN (1, 3, 5, 6)"),
    ],
)
def test_neighbours_are_searched_as_ranges(ids, condition):
    assert literals.among("n", ids) == condition

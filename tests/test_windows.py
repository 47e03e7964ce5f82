"""Zones and sending hours: where clocks jump, what is open, when it opens and closes next."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaster import windows, zones
from blaster.errors import Invalid
from blaster.windows import Windows
from tests.clock import DAY, HOUR, MINUTE, START

BERLIN = "Europe/Berlin"
WORKDAYS = Windows(BERLIN, (0, 1, 2, 3, 4), 8 * 60, 18 * 60)


def at(text: str, zone: str = BERLIN) -> int:
    return zones.instant_of(datetime.fromisoformat(text), zone)[0]


@pytest.mark.parametrize(
    ("wall", "zone", "utc", "odd"),
    [
        ("2026-11-26T08:00", BERLIN, "2026-11-26T07:00", ""),
        ("2026-03-29T02:30", BERLIN, "2026-03-29T01:00", zones.SKIPPED),
        ("2026-03-29T02:00", BERLIN, "2026-03-29T01:00", zones.SKIPPED),
        ("2026-03-29T03:00", BERLIN, "2026-03-29T01:00", ""),
        ("2026-10-25T02:30", BERLIN, "2026-10-25T00:30", zones.REPEATED),
        ("2026-10-25T03:00", BERLIN, "2026-10-25T02:00", ""),
        ("2026-03-08T02:15", "America/New_York", "2026-03-08T07:00", zones.SKIPPED),
        ("2026-11-01T01:15", "America/New_York", "2026-11-01T05:15", zones.REPEATED),
        ("2026-10-04T02:10", "Australia/Lord_Howe", "2026-10-03T15:30", zones.SKIPPED),  # half an hour only
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T10:00", zones.SKIPPED),  # a whole day
        ("2026-01-01T00:00", "Asia/Kathmandu", "2025-12-31T18:15", ""),
    ],
)
def test_what_a_wall_clock_means(wall, zone, utc, odd):
    assert zones.instant_of(datetime.fromisoformat(wall), zone) == (at(utc, "UTC"), odd)


@pytest.mark.parametrize("name", ["", "Europe", "../../etc/passwd", "Berlin", "Etc/GMT+5", "x" * 300])
def test_only_places_and_utc_can_be_chosen(name):
    assert not zones.is_known(name)


@pytest.mark.parametrize(
    ("now", "is_open", "opens", "closes"),
    [
        ("2026-11-24T07:59", False, "2026-11-24T08:00", "2026-11-24T18:00"),
        ("2026-11-24T08:00", True, "2026-11-24T08:00", "2026-11-24T18:00"),
        ("2026-11-24T17:59", True, "2026-11-24T17:59", "2026-11-24T18:00"),
        ("2026-11-24T18:00", False, "2026-11-25T08:00", "2026-11-25T18:00"),
        ("2026-11-27T18:00", False, "2026-11-30T08:00", "2026-11-30T18:00"),  # Friday evening
        ("2026-03-27T19:00", False, "2026-03-30T08:00", "2026-03-30T18:00"),  # over the change of clocks
    ],
)
def test_office_hours(now, is_open, opens, closes):
    found = (
        windows.is_open(WORKDAYS, at(now)),
        windows.next_open(WORKDAYS, at(now)),
        windows.next_close(WORKDAYS, at(now)),
    )
    assert found == (is_open, at(opens), at(closes))


def test_hours_over_midnight_belong_to_the_day_they_begin():
    night = Windows(BERLIN, (4,), 22 * 60, 6 * 60)
    assert windows.is_open(night, at("2026-11-28T05:55"))  # Saturday morning
    assert not windows.is_open(night, at("2026-11-27T05:55"))
    assert windows.next_open(night, at("2026-11-28T06:00")) == at("2026-12-04T22:00")


def test_hours_in_the_gap_open_after_it_and_those_in_the_fold_never_last_longer():
    spring = Windows(BERLIN, (6,), 2 * 60 + 30, 5 * 60)
    assert next(windows.spans(spring, at("2026-03-29T00:00"))) == (at("2026-03-29T03:00"), at("2026-03-29T05:00"))
    swallowed = Windows(BERLIN, (6,), 2 * 60, 2 * 60 + 30)
    assert windows.next_open(swallowed, at("2026-03-29T00:00")) == at("2026-04-05T02:00")
    start, end = next(windows.spans(Windows(BERLIN, (6,), 0, 2 * 60 + 30), at("2026-10-25T00:00")))
    assert end - start == 150 * MINUTE


hours = st.builds(
    Windows,
    st.sampled_from([BERLIN, "UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.integers(0, 287).map(lambda n: n * 5),
    st.integers(1, 288).map(lambda n: n * 5),
)


@settings(max_examples=150, deadline=None)
@given(hours, st.integers(0, 400 * 24 * 60).map(lambda minutes: START + minutes * MINUTE))
def test_they_open_and_close_at_the_edges_and_as_the_wall_clock_says(window, now):
    opens, closes = windows.next_open(window, now), windows.next_close(window, now)
    assert now <= opens < closes
    assert opens - now <= 14 * DAY  # a week, and another one where the clocks swallow its only hour
    assert windows.is_open(window, opens) and windows.is_open(window, closes - 1)
    assert opens == now or not windows.is_open(window, opens - 1)
    wall = zones.wall_of(opens, window.zone)
    minute = wall.hour * 60 + wall.minute
    starts = wall.weekday() if minute >= window.opens else (wall.weekday() - 1) % 7
    assert starts in window.days or window.opens == minute
    assert closes - opens <= DAY + HOUR


@pytest.mark.parametrize("window", [None, WORKDAYS])
def test_what_is_stored_comes_back(window):
    assert windows.load(windows.store(window)) == window


def test_without_hours_it_is_always_open():
    assert windows.is_open(None, START) and windows.next_open(None, START) == START
    assert windows.next_close(None, START) is None


@pytest.mark.parametrize(
    ("days", "opens", "closes", "words"),
    [
        (["0", "1", "2", "3", "4"], "08:00", "18:00", "Monday to Friday, 08:00 to 18:00 (Europe/Berlin)"),
        (["5", "6"], "00:00", "00:00", "Saturday, Sunday, all day (Europe/Berlin)"),
        ("0123456", "22:30", "06:00", "Every day, 22:30 to 06:00 (Europe/Berlin)"),
        ("0123456", "00:00", "00:00", "At any time"),
        (["2"], "09:00:00", "17:00:00", "Wednesday, 09:00 to 17:00 (Europe/Berlin)"),
    ],
)
def test_a_form_is_read_and_told_in_words(days, opens, closes, words):
    assert windows.words(windows.from_words(BERLIN, days, opens, closes)) == words


@pytest.mark.parametrize(
    ("zone", "days", "opens", "closes", "field"),
    [
        ("Berlin", ["0"], "08:00", "18:00", "zone"),
        (BERLIN, [], "08:00", "18:00", "days"),
        (BERLIN, ["7", "", "-1", "x", "12"], "08:00", "18:00", "days"),
        (BERLIN, ["0"], "25:00", "18:00", "opens"),
        (BERLIN, ["0"], "", "18:00", "opens"),
        (BERLIN, ["0"], "08:00", "soon", "closes"),
        (BERLIN, ["0"], "08:03", "18:00", "opens"),
    ],
)
def test_what_makes_no_hours_is_refused_in_its_field(zone, days, opens, closes, field):
    with pytest.raises(Invalid) as refused:
        windows.from_words(zone, days, opens, closes)
    assert set(refused.value.errors) == {field}

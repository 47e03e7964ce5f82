import time

import pytest
from flask_login import login_user

from blaster import sessions
from blaster.web import formatting
from blaster.web.auth import Person

NOON = 1_764_000_000_000  # 24 November 2025, 16:00 UTC


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (7_500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_a_duration_has_two_units(seconds, words):
    assert formatting.duration(seconds) == words


@pytest.mark.parametrize(
    "count, words", [(0, "0 bytes"), (1023, "1023 bytes"), (1500, "1.5 kB"), (100 * 1024**2, "100 MB")]
)
def test_a_size_has_its_largest_unit(count, words):
    assert formatting.size(count) == words


def test_numbers_are_grouped_and_counted():
    assert formatting.number(1234567) == "1,234,567"
    assert formatting.number(None) == "0"
    assert [formatting.plural(n, "mail") for n in (0, 1, 1200)] == ["0 mails", "1 mail", "1,200 mails"]
    assert formatting.plural(2, "address", "addresses") == "2 addresses"


@pytest.mark.parametrize("zone, shown", [("UTC", "16:00"), ("Europe/Berlin", "17:00"), ("Asia/Kolkata", "21:30")])
def test_an_instant_is_shown_in_the_users_zone(app, zone, shown):
    seen = sessions.Seen(1, "zoe@example.com", "Zoe", "user", False, zone, 1, 0, 0, None)
    with app.test_request_context():
        login_user(Person(seen, ""), force=True)
        tag = formatting.instant(NOON)
    assert f">24 Nov 2025, {shown}</time>" in tag
    assert f"24 November 2025, {shown}:00" in tag


def test_no_instant_is_a_dash(app):
    with app.test_request_context():
        assert formatting.instant(0) == formatting.clock(None) == formatting.ago(None) == "–"


def test_lately_is_told_in_minutes(app):
    now = time.time_ns() // 1_000_000
    with app.test_request_context():
        assert ">just now<" in formatting.ago(now)
        assert ">3 min ago<" in formatting.ago(now - 200_000)
        assert ">2 h 5 min ago<" in formatting.ago(now - 7_510_000)
        assert " ago" not in formatting.ago(now - 90_000_000)

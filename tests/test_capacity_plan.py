import pytest

from blaster.capacity import plan
from blaster.capacity.plan import MB, Question

GUIDE = Question(users=100, mails=10_000, kept=1, servers=1, accounts=20, hourly=50, daily=500)


def test_the_guide_figures_come_out_for_the_guide_case():
    """100 users x 10,000 mails: 500 MB, 8 GB, 100 workers, 500 connections."""
    found = plan.plan(GUIDE)
    assert found.mails == 1_000_000
    assert found.disk.guide == 500 * MB
    assert found.memory.guide == 8_000 * MB
    assert found.workers.guide == 100
    assert found.connections.guide == 500


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({}, "disk", 600 * MB),
        ({"kept": 30}, "disk", 18_000 * MB),
        ({"users": 1, "mails": 1}, "disk", 600),
        ({}, "workers", 2),
        ({"users": 2_000, "hourly": 500, "daily": 10_000}, "workers", 4),
        ({}, "memory", (600 + 2 * 58 + 1_024) * MB),
        ({"users": 1}, "memory", (256 + 2 * 58 + 1_024) * MB),
        ({}, "connections", 40),
    ],
)
def test_what_we_need(changes, name, value):
    assert getattr(plan.plan(Question(**(vars(GUIDE) | changes))), name).ours == value


@pytest.mark.parametrize(
    ("changes", "hours", "binding", "fits"),
    [
        ({}, 10, "hourly limits of the accounts", True),
        ({"accounts": 200}, 1, "hourly limits of the accounts", True),
        ({"accounts": 10}, 48, "daily limits of the accounts", False),
        ({"hourly": 100_000, "daily": 1_000_000}, 1, "hourly limits of the accounts", True),
        ({"accounts": 200, "hourly": 1, "daily": 100}, 50, "hourly limits of the accounts", False),
    ],
)
def test_how_long_a_day_of_mails_takes(changes, hours, binding, fits):
    found = plan.plan(Question(**(vars(GUIDE) | changes)))
    assert (found.binding, found.fits) == (binding, fits)
    assert found.hours == pytest.approx(hours, rel=0.01)


def test_partitions_are_for_large_installations():
    assert not plan.plan(GUIDE).is_large
    assert plan.plan(Question(users=500)).is_large

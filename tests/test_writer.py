"""The order in which the writer writes, on a real queue."""

import threading

import pytest

from blaster.queue import leases
from blaster.queue.claims import Outcome
from blaster.workers.writer import Writer
from tests import queue_data
from tests.queue_data import ALICE, running_campaign, server_with_account, statuses


@pytest.fixture
def writer(databases):
    running = Writer()
    running.start()
    yield running
    assert running.stop(10)


@pytest.fixture
def sending(writer):
    """Three mails past their intent."""
    server, account = server_with_account()
    hold = leases.take(f"server:{server.id}", "me", 60_000)
    campaign_id = running_campaign(mails=3)
    rows, _ = queue_data.claim(ALICE, server.id, account.id, campaign_id, hold, 10)
    return list(writer.intend(rows).result(10))


def test_what_is_called_sees_the_outcomes_handed_in_before(writer, sending):
    seen, called = [], threading.Event()
    writer.settle(*(Outcome(row, "sent") for row in sending))
    writer.call(lambda: (seen.append(statuses()), called.set()))
    assert called.wait(10)
    assert seen == [{"sent": 3}]


def test_it_is_not_idle_while_it_writes(writer):
    begun, go_on = threading.Event(), threading.Event()
    writer.call(lambda: (begun.set(), go_on.wait(10)))
    assert begun.wait(10)
    assert not writer.is_idle()
    go_on.set()

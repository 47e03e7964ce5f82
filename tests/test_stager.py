import threading

from blaster import config
from blaster.queue import control, staging
from blaster.workers.holds import Holds
from blaster.workers.stager import Stager
from tests.queue_data import ALICE, CONTENT, statuses
from tests.test_staging import LIST, recipients


def test_who_comes_later_waits_for_no_more_than_one_batch(databases, monkeypatch):
    recipients(60)
    for campaign_id in (7, 8):
        control.open_campaign(ALICE, campaign_id, LIST, 60, CONTENT)
    done, rows = [], {row.campaign_id: row for row in control.open_controls("staging")}
    stage = staging.stage_batch

    def and_note(row, batch):
        done.append((row.campaign_id, batch))
        if len(done) == 3:  # both have their first mails, and a large batch is under way
            control.open_campaign(ALICE, 9, LIST, 60, CONTENT)
            rows[9] = control.state(ALICE, 9)
        return stage(row, batch)

    monkeypatch.setattr(staging, "stage_batch", and_note)
    settings = config.load({**databases, "BLASTER_MIGRATION_BATCH": "40", "BLASTER_WORKER_BATCH": "10"})
    Stager(settings, Holds("host:1", 30_000), threading.Event(), rows.values).work()
    assert done[:4] == [(7, 10), (8, 10), (7, 40), (9, 10)]
    assert all(statuses(campaign_id) == {"pending": 60} for campaign_id in rows)
    assert sorted(campaign_id for campaign_id, _ in done[4:8]) == [7, 8, 8, 9], "each in its turn"


def test_one_that_another_process_has_is_left_to_it(databases):
    recipients(5)
    for campaign_id in (7, 8):
        control.open_campaign(ALICE, campaign_id, LIST, 5, CONTENT)
    rows = control.open_controls("staging")
    Holds("host:2", 30_000).take("campaign:7")
    Stager(config.load(databases), Holds("host:1", 30_000), threading.Event(), lambda: rows).work()
    assert (statuses(7), statuses(8)) == ({}, {"pending": 5})

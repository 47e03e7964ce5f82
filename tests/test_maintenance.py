"""What is tidied up at night: by which rules, how often, and by one process only."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from blaster import config, db, progress
from blaster.db import campaign_db, crm_db
from blaster.maintenance import prune, steps, tables
from blaster.models.api import IdempotencyKey
from blaster.models.archive import Upkeep
from blaster.models.bounces import Bounce, ProviderCount
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import CampaignControl, CampaignTally, Lease, Mail, SmtpUsage
from blaster.models.decisions import Decision
from blaster.models.list_work import ListWork
from blaster.models.webhooks import WebhookDelivery
from blaster.queue import recount
from blaster.workers.holds import Holds
from blaster.workers.nightly import HOUR, NAME, Nightly, is_due
from tests.queue_data import ALICE, running_campaign, server_with_account

DAY = steps.DAY
SCRIPT = Path(__file__).parent.parent / "scripts" / "maintenance.py"


def run(databases, *names, is_over=lambda: False, now=0):
    return list(steps.run(steps.Turn(config.load(databases), is_over, now), names))


def test_old_charges_go_and_those_that_claims_read_stay(databases, monkeypatch):
    monkeypatch.setattr(prune, "CHUNK", 7)
    _, account = server_with_account()
    with db.session(crm_db):
        now = db.now(crm_db)
        rows = [(account.id, now - now % 300_000 - 300_000 * (i * 288 + 1), 1) for i in range(200)]
        db.insert(SmtpUsage, (SmtpUsage.smtp_account_id, SmtpUsage.bucket, SmtpUsage.taken), rows)
    assert run(databases, "prune") == ["Deleted 110 old charges to accounts."]
    with db.session(crm_db):
        assert SmtpUsage.select().count() == 90 and SmtpUsage.select().where(SmtpUsage.bucket > now - DAY).exists()
    assert run(databases, "prune") == []


@pytest.mark.parametrize("engine", ["sqlite"])
def test_other_old_rows(databases):
    with db.session(crm_db), db.session(campaign_db):
        now = db.now(crm_db)
        about = {"user_id": 1, "kind": "bounce", "bounce_class": "soft"}
        for number, age, mail_id in ((1, 91, None), (2, 91, 5), (3, 1, None)):
            Bounce.create(**about, digest=str(number), mail_id=mail_id, created_at=now - age * DAY)
        for age in (31, 1):
            ListWork.create(user_id=1, kind="copy", list_id=1, finished_at=now - age * DAY)
        ListWork.create(user_id=1, kind="copy", list_id=1)
        for age in (401, 1):
            ProviderCount.create(user_id=1, from_domain="a.b", provider="gmail", day=now // DAY - age)
        decision = {"user_id": 1, "campaign_id": 7, "kind": "try-again", "classes": "[]"}
        for finished_at in (now - 31 * DAY, now - DAY, None):
            Decision.create(**decision, finished_at=finished_at)
        event = {"user_id": 1, "webhook_id": 1, "event": "campaign.finished", "body": "{}"}
        for message_id, age, state in (("old", 31, "delivered"), ("waits", 31, "pending"), ("new", 29, "given-up")):
            WebhookDelivery.create(**event, message_id=message_id, state=state, created_at=now - age * DAY)
        for age in (8, 6):
            key = {"user_id": 1, "key": str(age), "digest": "", "campaign_id": 7}
            IdempotencyKey.create(**key, created_at=now - age * DAY)
    assert len(run(databases, "prune")) == 6
    with db.session(crm_db), db.session(campaign_db):
        assert {row.digest for row in Bounce.select()} == {"2", "3"}
        assert ListWork.select().count() == 2 and ProviderCount.select().count() == 1
        assert Decision.select().count() == 2 and IdempotencyKey.get().key == "6"
        assert {row.message_id for row in WebhookDelivery.select()} == {"waits", "new"}


def test_wrong_counters_are_put_right_and_shown(databases):
    running_campaign(ALICE, 7, 10)
    with db.session(crm_db), db.session(campaign_db):
        CampaignStatus.create(campaign_id=7, status="running")
        CampaignTally.update(pending=4, sent=3).execute()
        progress.publish()
    run(databases, "counters")
    assert recount.difference(7) == {}
    with db.session(campaign_db):
        status = CampaignStatus.get()
    assert (status.pending_emails, status.sent_emails) == (10, 0)
    assert run(databases, "counters") == []


def test_rows_that_move_meanwhile_are_no_difference(databases):
    """A row and its tally move together, whenever it is counted."""
    running_campaign(ALICE, 7, 200)
    over, seen = threading.Event(), []

    def move():
        for i in range(1, 101):
            db.transaction(crm_db, lambda i=i: (
                Mail.update(status="sent").where(Mail.recipient_id == i).execute(),
                CampaignTally.update(pending=CampaignTally.pending - 1, sent=CampaignTally.sent + 1).execute(),
            ))  # fmt: skip
        over.set()

    thread = threading.Thread(target=move)
    thread.start()
    while not over.is_set():
        seen.append(recount.difference(7))
    thread.join()
    assert seen and not any(seen)


def test_statistics_and_room(databases, monkeypatch, engine):
    monkeypatch.setattr(tables, "FREE", -1)
    monkeypatch.setattr(tables, "PART", -1)
    running_campaign(ALICE, 7, 10)
    assert run(databases, "analyze") == ["Statistics renewed."]
    assert run(databases, "optimize") == []  # somebody sends
    with db.session(crm_db):
        CampaignControl.update(run_state="paused").execute()
    said = run(databases, "optimize")
    assert len(said) == 2 if engine == "sqlite" else any(line.startswith("mail_blaster") for line in said)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_it_stops_between_two_chunks_and_goes_on_there(databases, monkeypatch):
    monkeypatch.setattr(prune, "CHUNK", 5)
    _, account = server_with_account()
    with db.session(crm_db):
        rows = [(account.id, 300_000 * i, 1) for i in range(20)]
        db.insert(SmtpUsage, (SmtpUsage.smtp_account_id, SmtpUsage.bucket, SmtpUsage.taken), rows)
    asked = iter([False, False, False, *[True] * 20])
    run(databases, "prune", is_over=lambda: next(asked))
    with db.session(crm_db):
        assert SmtpUsage.select().count() == 10
    run(databases, "prune")
    with db.session(crm_db):
        assert SmtpUsage.select().count() == 0


MIDNIGHT = 20_000 * DAY
WHEN = [  # hour, last begun, now, is it due?
    (2, -DAY + 2 * HOUR, 1 * HOUR, False),
    (2, -DAY + 2 * HOUR, 2 * HOUR, True),
    (2, -DAY + 2 * HOUR, 5 * HOUR, True),
    (2, -DAY + 2 * HOUR, 7 * HOUR, False),  # the night is over
    (2, -3 * DAY, 12 * HOUR, True),  # it slept for several
    (2, 2 * HOUR, 3 * HOUR, False),
    (23, -DAY, 1 * HOUR, True),  # 23:00 of yesterday
    (0, -1 * HOUR, 0, True),
]


@pytest.mark.parametrize(("hour", "last", "now", "due"), WHEN)
def test_when_it_is_due(hour, last, now, due):
    assert is_due(hour, MIDNIGHT + last, MIDNIGHT + now) is due


@pytest.mark.parametrize("engine", ["sqlite"])
def test_one_process_does_it_once_a_night(databases, clock):
    settings = config.load({**databases, "BLASTER_MAINTENANCE_HOUR": "2"})
    clock.at = MIDNIGHT + HOUR
    workers = [Nightly(settings, Holds(f"h:{n}:1", 30_000), threading.Event()) for n in range(2)]

    def work():
        for worker in workers:
            worker._look_at = 0.0
            worker.work()
        with db.session(crm_db):
            return Upkeep.get(Upkeep.name == NAME)

    assert work().finished_at == 0  # a new installation
    clock.at += 2 * HOUR
    assert (work().began_at, work().finished_at) == (clock.at, clock.at)
    clock.at += HOUR
    assert work().finished_at == clock.at - HOUR
    with db.session(crm_db):
        assert Lease.select().count() == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_script(databases):
    done = subprocess.run(
        [sys.executable, SCRIPT, "prune", "analyze"], env={**os.environ, **databases}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "Statistics renewed.\n"), done.stderr

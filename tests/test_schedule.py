"""A campaign starts when its time has come, once, and never long after; nothing is sent outside sending hours."""

from datetime import UTC, datetime

import pytest

from blaster import audit, campaigns, db, recipients, schedule, servers, suspension, windows
from blaster.db import crm_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.campaign_db import CampaignStatus
from blaster.queue import claims, control, leases
from blaster.queue.claims import Outcome
from blaster.windows import Windows
from blaster.workers import hours, starting
from tests import queue_data
from tests.clock import DAY, HOUR, MINUTE, START
from tests.queue_data import ALICE, BOB, known_sender, running_campaign, server_with_account, statuses
from tests.work import wait_until, worker

PUBLIC_URL = "https://mail.example.com"
NEVER_NOW = Windows("UTC", (0,), 0, 5)


def draft(user_id=ALICE, **changes):
    made = recipients.create_list(user_id, "Readers")
    recipients.import_csv(user_id, made.id, "email\nzoe@example.com\n")
    fields = {"name": "News", "subject": "News", "text": "Hello", "list_id": made.id, **changes}
    return campaigns.create_campaign(user_id, **fields).campaign_id


def wall(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant / 1000, UTC):%Y-%m-%dT%H:%M}"


def status_of(campaign_id, user_id=ALICE) -> CampaignStatus:
    return campaigns.get_campaign(user_id, campaign_id).status


def scheduled(at: int) -> int:
    campaign_id = draft()
    schedule.schedule(ALICE, campaign_id, wall(at), "UTC")
    return campaign_id


NEXT = START - START % MINUTE + HOUR


@pytest.fixture
def account(clock):
    known_sender()
    server_with_account()


def test_it_starts_when_its_time_has_come_and_only_once(clock, account):
    campaign_id = scheduled(NEXT)
    clock.at = NEXT - 1
    starting.start_due(PUBLIC_URL)
    assert status_of(campaign_id).status == "scheduled" and not schedule.due()
    clock.at = NEXT
    found = schedule.due()
    assert [(each.user_id, each.campaign_id, each.start_at) for each in found] == [(ALICE, campaign_id, NEXT)]
    starting.start_due(PUBLIC_URL)
    assert (status_of(campaign_id).status, status_of(campaign_id).started_at) == ("staging", NEXT)
    with pytest.raises(Conflict):
        campaigns.start(ALICE, campaign_id, due_at=NEXT)  # another process that saw the same
    schedule.hold(found[0], "too late to say so")
    assert status_of(campaign_id).note == ""
    (opening,) = campaigns.started()
    assert opening["campaign_id"] == campaign_id
    (noted,) = audit.search(audit.Asked(ALICE))
    assert (noted.actor_id, noted.act, noted.target_id) == (0, "start", campaign_id)


def test_the_recipients_are_those_of_the_start(clock, account):
    campaign_id = scheduled(NEXT)
    list_id = campaigns.get_campaign(ALICE, campaign_id).list_id
    recipients.import_csv(ALICE, list_id, "email\nada@example.com\n")
    clock.at = NEXT + 30_000
    starting.start_due(PUBLIC_URL)
    assert status_of(campaign_id).total_emails == 2


@pytest.mark.parametrize(("late", "starts"), [(59 * MINUTE, True), (HOUR, True), (HOUR + 1, False), (DAY, False)])
def test_a_start_that_is_long_overdue_waits_for_a_click(clock, account, late, starts):
    campaign_id = scheduled(NEXT)
    clock.at = NEXT + late
    assert schedule.is_held(status_of(campaign_id)) is not starts
    starting.start_due(PUBLIC_URL)
    assert status_of(campaign_id).status == ("staging" if starts else "scheduled")
    if not starts:
        campaigns.start(ALICE, campaign_id)  # the click
        assert status_of(campaign_id).status == "staging"


def test_it_does_not_start_while_its_owner_is_suspended_nor_by_itself_afterwards(clock, account):
    campaign_id = scheduled(NEXT)
    suspension.suspend(ALICE)
    clock.at = NEXT
    starting.start_due(PUBLIC_URL)
    status = status_of(campaign_id)
    assert status.status == "scheduled" and schedule.is_held(status) and "suspended" in status.note
    suspension.lift(ALICE)
    starting.start_due(PUBLIC_URL)
    assert status_of(campaign_id).status == "scheduled"


def test_what_is_missing_by_then_holds_it(clock, account):
    campaign_id = scheduled(NEXT)
    with db.session(crm_db):
        servers.set_account_active(ALICE, servers.list_accounts(ALICE)[0].id, False)
    clock.at = NEXT
    starting.start_due(PUBLIC_URL)
    status = status_of(campaign_id)
    assert status.status == "scheduled" and schedule.is_held(status) and "SMTP accounts" in status.note
    assert schedule.due() == []
    schedule.schedule(ALICE, campaign_id, wall(NEXT + HOUR), "UTC")
    assert not schedule.is_held(status_of(campaign_id))


def test_it_goes_back_to_the_drafts_and_is_not_started_then(clock, account):
    campaign_id = scheduled(NEXT)
    clock.at = NEXT
    (found,) = schedule.due()
    schedule.unschedule(ALICE, campaign_id)
    with pytest.raises(Conflict):
        starting._start(found, PUBLIC_URL)
    assert status_of(campaign_id).status == "draft" and status_of(campaign_id).start_at is None
    campaigns.delete_campaign(ALICE, campaign_id)


def test_another_time_replaces_the_first(clock, account):
    campaign_id = scheduled(NEXT)
    schedule.schedule(ALICE, campaign_id, wall(NEXT + 2 * HOUR), "UTC")
    clock.at = NEXT
    assert schedule.due() == []
    with pytest.raises(Conflict):
        campaigns.start(ALICE, campaign_id, due_at=NEXT)


def test_what_is_scheduled_stays_as_it_is(clock, account):
    campaign_id = scheduled(NEXT)
    with pytest.raises(Conflict):
        campaigns.delete_campaign(ALICE, campaign_id)
    campaigns.start(ALICE, campaign_id)
    for change in (schedule.unschedule, lambda *a: schedule.schedule(*a, wall(NEXT), "UTC")):
        with pytest.raises(Conflict):
            change(ALICE, campaign_id)


@pytest.mark.parametrize(
    ("wall_clock", "zone", "field"),
    [
        ("2020-01-01T08:00", "UTC", "start_at"),
        ("soon", "UTC", "start_at"),
        ("", "UTC", "start_at"),
        ("9999-12-31T23:59", "America/New_York", "start_at"),
        ("2027-01-01T08:00", "Mars/Olympus", "zone"),
    ],
)
def test_a_time_that_cannot_be_is_refused(clock, wall_clock, zone, field):
    with pytest.raises(Invalid) as refused:
        schedule.schedule(ALICE, draft(), wall_clock, zone)
    assert set(refused.value.errors) == {field}


@pytest.mark.parametrize(
    ("wall_clock", "words", "utc"),
    [
        ("2027-03-28T02:30", "02:30 does not exist on that day", "2027-03-28T01:00"),
        ("2026-10-25T02:30", "It starts the first time (CEST)", "2026-10-25T00:30"),
        ("2026-10-25T08:00", "", "2026-10-25T07:00"),
    ],
)
def test_an_odd_time_is_said(clock, wall_clock, words, utc):
    campaign_id = draft()
    said = schedule.schedule(ALICE, campaign_id, wall_clock, "Europe/Berlin")
    assert words in said and bool(words) == bool(said)
    assert wall(status_of(campaign_id).start_at) == utc
    assert status_of(campaign_id).start_zone == "Europe/Berlin"


def test_strangers_find_nothing(clock):
    campaign_id = draft()
    for change in (
        lambda: schedule.schedule(BOB, campaign_id, wall(NEXT), "UTC"),
        lambda: schedule.unschedule(BOB, campaign_id),
        lambda: schedule.set_windows(BOB, campaign_id, None),
    ):
        with pytest.raises(NotFound):
            change()
    assert status_of(campaign_id).status == "draft"


def test_hours_go_along_with_the_start_and_change_under_way(clock, account):
    campaign_id = draft()
    assert not schedule.set_windows(ALICE, campaign_id, NEVER_NOW)
    campaigns.start(ALICE, campaign_id)
    with pytest.raises(Conflict):
        schedule.set_windows(ALICE, campaign_id, None)
    control.open_campaign(**campaigns.started()[0])
    assert windows.load(control.state(ALICE, campaign_id).send_windows) == NEVER_NOW
    campaigns.mirror(ALICE, campaign_id, "running")
    assert schedule.set_windows(ALICE, campaign_id, None)
    control.set_windows(ALICE, campaign_id, None)
    assert control.state(ALICE, campaign_id).send_windows is None
    with pytest.raises(NotFound):
        control.set_windows(BOB, campaign_id, None)


def test_no_claim_and_no_intent_outside_the_hours(clock):
    _, account = server_with_account()
    campaign_id = running_campaign(mails=5)
    opens = Windows("UTC", tuple(range(7)), 8 * 60, 9 * 60)
    control.set_windows(ALICE, campaign_id, windows.store(opens))
    hold = leases.take(f"server:{account.smtp_server_id}", "host:1", 10 * DAY)

    def claim(n):
        return queue_data.claim(ALICE, account.smtp_server_id, account.id, campaign_id, hold, n)[0]

    start = windows.next_open(opens, clock.at)
    clock.at = start - 1
    assert claim(2) == [] and hours.within(control.open_controls("running")) == []
    clock.at = start
    rows = claim(2)
    assert len(rows) == 2 and len(hours.within(control.open_controls("running"))) == 1
    clock.at = start + HOUR - 1
    assert claims.intend(rows[:1]) == set(rows[:1])
    clock.at = start + HOUR
    assert claims.intend(rows[1:]) == set()
    claims.settle([Outcome(rows[0], "sent"), Outcome(rows[1], "pending")])
    assert statuses() == {"sent": 1, "pending": 4}


def test_workers_send_within_the_hours_of_the_account_and_not_outside(databases, sink):
    _, account = server_with_account(port=sink.port)
    running_campaign(mails=20)
    set_hours(account.id, NEVER_NOW if not windows.is_open(NEVER_NOW, db.now(crm_db)) else Windows("UTC", (3,), 0, 5))
    with worker(databases) as orchestrator:
        wait_until(lambda: bool(orchestrator.pools), what="a pool")
        wait_until(lambda: all(lane._opens > 0 for pool in orchestrator.pools.values() for lane in pool.lanes.values()))
        assert statuses() == {"pending": 20}
        set_hours(account.id, None)
        wait_until(lambda: statuses() == {"sent": 20}, what="sent")


def set_hours(account_id: int, window: Windows | None) -> None:
    with db.session(crm_db):
        servers.set_windows(ALICE, account_id, windows.store(window))

import pytest

from blaster import campaigns, db, progress, recipients
from blaster.errors import NotFound
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import control, staging, tally
from tests.queue_data import running_campaign

ALICE, BOB = 1, 2


@pytest.fixture
def started(databases):
    """A campaign of three recipients, handed over to Server 2; nothing is staged yet."""
    customers = recipients.create_list(ALICE, "Customers")
    recipients.import_csv(ALICE, customers.id, "ann@example.com\nbob@example.com\ncy@example.com\n")
    draft = campaigns.create_campaign(ALICE, name="Spring", list_id=customers.id, subject="Hi", html="Hi")
    campaigns.start(ALICE, draft.campaign_id)
    control.open_campaign(**campaigns.started()[0])
    return draft.campaign_id


@pytest.fixture
def running(started):
    while not staging.stage_batch(control.state(ALICE, started), 100):
        pass
    return started


def _status(campaign_id):
    return campaigns.get_campaign(ALICE, campaign_id).status


def _counts(campaign_id):
    status = _status(campaign_id)
    counts = {state: getattr(status, f"{state}_emails") for state in progress.STATES}
    assert sum(counts.values()) == status.total_emails
    return {state: n for state, n in counts.items() if n}


def _move(campaign_id, before, after, mails):
    with db.session(db.crm_db):
        tally.add(campaign_id, 9, {before: -mails, after: mails})


def _now():
    with db.session(db.crm_db):
        return db.now(db.crm_db)


def test_states_add_up_before_during_and_after_staging(started):
    progress.publish()
    assert (_status(started).status, _counts(started)) == ("staging", {"pending": 3})
    staging.stage_batch(control.state(ALICE, started), 2)
    progress.publish()
    assert (_status(started).status, _counts(started)) == ("running", {"pending": 3})
    while not staging.stage_batch(control.state(ALICE, started), 2):
        pass
    progress.publish()
    assert (_status(started).status, _counts(started)) == ("running", {"pending": 3})


def test_counters_are_the_sums_over_all_slots(running):
    _move(running, "pending", "active", 2)
    with db.session(db.crm_db):
        tally.add(running, 4, {"active": -2, "sent": 1, "failed": 1})
    assert progress.publish() == 1
    assert _counts(running) == {"pending": 1, "sent": 1, "failed": 1}


def test_nothing_is_written_while_nothing_changes(running):
    now = _now()
    assert progress.publish(now) == 1
    assert progress.publish(now + 1_000) == 0
    assert progress.publish(now + progress.REFRESH + 1) == 1


def test_total_is_what_was_staged(running):
    _move(running, "pending", "sent", 1)
    with db.session(db.crm_db):
        tally.add(running, 0, {"pending": -1})
    progress.publish()
    assert _status(running).total_emails == 2


def test_older_snapshot_never_wins(running):
    now = _now()
    progress.publish(now)
    _move(running, "pending", "sent", 3)
    progress.publish(now - 1)
    assert _counts(running) == {"pending": 3}
    progress.publish(now + 1)
    assert _counts(running) == {"sent": 3}


def test_pause_that_was_mirrored_survives_an_older_snapshot(running):
    now = _now()
    control.pause(ALICE, running)
    campaigns.mirror(ALICE, running, "paused", "by hand")
    with db.session(db.crm_db):
        CampaignControl.update(run_state="running").execute()  # as an older snapshot saw it
    progress.publish(now - 1)
    assert (_status(running).status, _status(running).note) == ("paused", "by hand")


def test_pause_by_a_worker_is_shown_with_its_reason(running):
    control.pause(ALICE, running, "The provider refused the message.")
    progress.publish()
    assert (_status(running).status, _status(running).note) == ("paused", "The provider refused the message.")


def test_rate_follows_the_last_seconds(running):
    now = _now()
    with db.session(db.crm_db):
        tally.add(running, 0, {"pending": 100_000})
    progress.publish(now)
    assert _status(running).emails_per_minute == 0
    for second in range(1, 61):
        _move(running, "pending", "sent", 10)
        progress.publish(now + second * 1_000)
    assert _status(running).emails_per_minute == 600
    for second in range(61, 101):
        progress.publish(now + second * 1_000)
    assert _status(running).emails_per_minute < 100


def test_rate_is_not_an_average_over_idle_hours(running):
    with db.session(db.crm_db):
        tally.add(running, 0, {"pending": 100_000})
    now = _now()
    for second in range(0, 3_600, 10):
        progress.publish(now + second * 1_000)
    _move(running, "pending", "sent", 1_000)
    progress.publish(now + 3_600_000)
    assert _status(running).emails_per_minute > 1_000


def test_campaign_with_nothing_left_is_finished(running):
    assert progress.finish() == 0
    _move(running, "pending", "active", 3)
    assert progress.finish() == 0
    _move(running, "active", "sent", 2)
    _move(running, "active", "unknown", 1)
    started_at = _status(running).started_at
    assert progress.finish(started_at + 60_000) == 1
    assert progress.finish() == 0
    progress.publish()
    status = _status(running)
    assert (status.status, status.finished_at, status.emails_per_minute) == ("finished", started_at + 60_000, 3)
    assert _counts(running) == {"sent": 2, "unknown": 1}


def test_a_campaign_waits_for_what_a_sleeping_worker_may_tell(running):
    _move(running, "pending", "unknown", 3)
    with db.session(db.crm_db):
        Mail.update(status="unknown", lease_token=77, due_at=db.now(db.crm_db)).execute()
    assert progress.finish(last_word=60_000) == 0
    assert progress.finish(last_word=0) == 1


def test_a_campaign_does_not_wait_for_replies_that_never_come(running):
    _move(running, "pending", "unknown", 3)
    with db.session(db.crm_db):
        Mail.update(status="unknown", lease_token=None, due_at=db.now(db.crm_db)).execute()
    assert progress.finish(last_word=60_000) == 1


@pytest.mark.parametrize("run_state", ["staging", "paused", "cancelling", "cancelled"])
def test_only_a_running_campaign_finishes(running, run_state):
    _move(running, "pending", "sent", 3)
    with db.session(db.crm_db):
        CampaignControl.update(run_state=run_state).execute()
    assert progress.finish() == 0
    assert control.state(ALICE, running).run_state == run_state


def test_campaign_that_is_not_wholly_staged_does_not_finish(running):
    _move(running, "pending", "sent", 3)
    with db.session(db.crm_db):
        CampaignControl.update(is_staged=False).execute()
    assert progress.finish() == 0


def test_only_the_campaign_with_nothing_left_finishes(running):
    running_campaign(BOB, campaign_id=running + 1)
    _move(running, "pending", "sent", 3)
    assert progress.finish() == 1
    assert control.state(BOB, running + 1).run_state == "running"


def test_ended_campaign_is_published_until_its_last_mail_is_settled(running):
    progress.publish()
    control.cancel(ALICE, running)
    campaigns.mirror(ALICE, running, "cancelled")
    while not control.close_cancelled(running):
        pass
    assert progress.publish() == 1
    assert (_status(running).status, _counts(running)) == ("cancelled", {"cancelled": 3})
    assert _status(running).finished_at == control.state(ALICE, running).changed_at
    assert progress.publish(_now() + progress.REFRESH + 1) == 0


def test_drafts_and_campaigns_unknown_to_server_2_are_left_alone(databases):
    draft = campaigns.create_campaign(ALICE, name="Idea")
    assert progress.publish() == 0
    assert _status(draft.campaign_id).status == "draft"


def _settle(campaign_id, status, count, due_at):
    with db.session(db.crm_db):
        pending = Mail.select(Mail.id).where((Mail.campaign_id == campaign_id) & (Mail.status == "pending"))
        ids = [row_id for (row_id,) in pending.order_by(Mail.id).limit(count).tuples()]
        Mail.update(status=status, due_at=due_at, smtp_text=f"{status} {due_at}").where(Mail.id.in_(ids)).execute()


def test_last_errors_are_the_newest_of_both_kinds(databases):
    campaign_id = running_campaign(ALICE, mails=100)
    for due_at, status in enumerate(["failed", "unknown", "sent", "failed"], start=1):
        _settle(campaign_id, status, 3, due_at)
    found = progress.last_errors(ALICE, campaign_id, limit=7)
    assert [mail.smtp_text for mail in found] == ["failed 4"] * 3 + ["unknown 2"] * 3 + ["failed 1"]
    assert found[0].email.endswith("@example.net")


def test_next_attempt_is_the_earliest(databases):
    campaign_id = running_campaign(ALICE, mails=2)
    with db.session(db.crm_db):
        Mail.update(due_at=5_000).execute()
        Mail.update(due_at=4_000).where(Mail.recipient_id == 2).execute()
    assert progress.next_attempt(ALICE, campaign_id) == 4_000
    _settle(campaign_id, "sent", 2, 6_000)
    assert progress.next_attempt(ALICE, campaign_id) is None


def test_stranger_finds_nothing(running):
    for attempt in (progress.last_errors, progress.next_attempt):
        with pytest.raises(NotFound):
            attempt(BOB, running)
        attempt(ALICE, running)

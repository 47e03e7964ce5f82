"""Counters and run states from Server 2 to the screens on Server 1; always absolute values, as of one snapshot."""

import logging
from collections.abc import Iterable
from math import exp

from peewee import JOIN, fn

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.errors import NotFound
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import CampaignControl, CampaignTally, Mail
from blaster.models.minutes import CampaignMinute
from blaster.webhooks import outbox

log = logging.getLogger(__name__)

STATES = ("pending", "active", "sent", "failed", "unknown", "suppressed", "cancelled")
ENDED = ("finished", "cancelled")
GOING_ON = ("staging", "running")
RATE_SECONDS = 10  # the rate shown is an average over about this time
REFRESH = 10_000  # ms
AHEAD = 60_000  # ms; a snapshot that far in the future was taken before the clock was set back
RESTORED = (
    "The queue knows of fewer sent mails than were counted here before ({sent} instead of {before}): was its database"
    " restored from a backup? What was sent since would be sent again."
)
_NONE = dict.fromkeys(STATES, 0)
_COUNTERS = tuple(getattr(CampaignStatus, f"{state}_emails") for state in STATES)
_COLUMNS = (
    CampaignStatus.status,
    CampaignStatus.total_emails,
    *_COUNTERS,
    CampaignStatus.emails_per_minute,
    CampaignStatus.note,
    CampaignStatus.finished_at,
    CampaignStatus.snapshot_at,
)
_MINUTE_COLUMNS = tuple(
    getattr(CampaignMinute, name) for name in ("campaign_id", "minute", "sent", "failed", "unknown")
)
_TRIED = slice(5, 8)  # sent, failed and unknown in a row of _publish: behind key, status, total, pending and active


def finish(now: int | None = None, last_word: int = 0) -> int:
    """Mark running campaigns with nothing left to send as finished; returns how many.

    A mail that recovery put in doubt less than `last_word` ms ago holds its campaign open: its worker, when it wakes,
    or its journal may still tell that it was never sent, and then it can be sent as long as the campaign runs.
    """
    ids = _without_open_mails()
    if ids:
        ids = set(ids) - _may_be_told(ids, last_word)

    def work():
        mine = CampaignControl.campaign_id.in_(ids) & (CampaignControl.run_state == "running")
        columns = (CampaignControl.campaign_id, CampaignControl.user_id)
        held = dict(db.locked(CampaignControl.select(*columns).where(mine)).tuples())
        # Counted again under the lock: mails may have been put back to pending meanwhile.
        done = set(held) & set(_without_open_mails())
        values = {"run_state": "finished", "changed_at": now or db.now(crm_db)}
        CampaignControl.update(**values).where(CampaignControl.campaign_id.in_(done)).execute()
        for campaign_id in done:
            _tell(held[campaign_id], campaign_id, values["changed_at"])
        return done

    finished = db.transaction(crm_db, work) if ids else ()
    for campaign_id in sorted(finished):
        log.info("campaign %s: finished", campaign_id)
    return len(finished)


def _tell(user_id: int, campaign_id: int, finished_at: int) -> None:
    """It may finish several times, when its owner lets failures be tried again."""
    data = {"campaign_id": campaign_id, **_counts([campaign_id])[campaign_id]}
    outbox.emit(user_id, "campaign.finished", f"{campaign_id} {finished_at}", data)


def _without_open_mails() -> list[int]:
    open_mails = fn.COALESCE(fn.SUM(CampaignTally.pending + CampaignTally.active), 0)
    same = CampaignTally.campaign_id == CampaignControl.campaign_id
    query = (
        CampaignControl.select(CampaignControl.campaign_id)
        .join(CampaignTally, JOIN.LEFT_OUTER, on=same)
        .where((CampaignControl.run_state == "running") & CampaignControl.is_staged)
        .group_by(CampaignControl.campaign_id)
        .having(open_mails == 0)
    )
    with db.session(crm_db):
        return [campaign_id for (campaign_id,) in query.tuples()]


def _may_be_told(campaign_ids: list[int], last_word: int) -> set[int]:
    in_doubt = Mail.campaign_id.in_(campaign_ids) & (Mail.status == "unknown") & Mail.lease_token.is_null(False)
    with db.session(crm_db):
        lately = in_doubt & (Mail.due_at > db.now(crm_db) - last_word)
        return {campaign_id for (campaign_id,) in Mail.select(Mail.campaign_id).where(lately).distinct().tuples()}


def _counts(campaign_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    sums = [fn.SUM(getattr(CampaignTally, state)) for state in STATES]
    query = CampaignTally.select(CampaignTally.campaign_id, *sums).where(CampaignTally.campaign_id.in_(campaign_ids))
    rows = query.group_by(CampaignTally.campaign_id).tuples()
    return {row[0]: {state: int(n) for state, n in zip(STATES, row[1:], strict=True)} for row in rows}


def publish(now: int | None = None) -> int:
    """Copy state and counters of campaigns that are not settled yet; returns how many changed.

    Several processes may do this at once: an older snapshot never overwrites a newer one. Pauses campaigns of which
    Server 2 has forgotten sent mails: to resume them is its owner's decision.
    """
    return _publish(_unsettled(), now)


def refresh(user_id: int, campaign_id: int) -> None:
    """Copy state and counters of this campaign at once, even after its end: its owner has decided about mails.

    Raises NotFound before the start and for strangers.
    """
    _control(user_id, campaign_id)
    with db.session(campaign_db):
        status = CampaignStatus.get_by_id(campaign_id)
    _publish({campaign_id: status}, None)


def _publish(shown: dict[int, CampaignStatus], now: int | None) -> int:
    if not shown:
        return 0
    with db.session(crm_db):
        now = now or db.now(crm_db)
        controls = list(CampaignControl.select().where(CampaignControl.campaign_id.in_(list(shown))))
        counts = _counts([control.campaign_id for control in controls])
        for control in controls:
            _pause_if_restored(shown[control.campaign_id], control, counts.get(control.campaign_id, _NONE), now)
    rows = [
        _row(shown[control.campaign_id], control, counts.get(control.campaign_id, _NONE), now) for control in controls
    ]
    rows = [row for row in rows if _is_news(row, shown[row[0]])]
    if rows:
        is_newer = f"t.snapshot_at<{now:d} OR t.snapshot_at>{now + AHEAD:d}"
        minutes = [_minute(row, now) for row in rows if _moved(row, shown[row[0]])]

        def work():
            db.update_rows(CampaignStatus, _COLUMNS, rows, is_newer)
            if minutes:
                db.upsert(CampaignMinute, _MINUTE_COLUMNS, minutes, replace=_MINUTE_COLUMNS[2:])

        db.transaction(campaign_db, work)
    return len(rows)


def _minute(row: tuple, now: int) -> tuple:
    return (row[0], now - now % 60_000, *row[_TRIED])


def _moved(row: tuple, status: CampaignStatus) -> bool:
    return row[_TRIED] != (status.sent_emails, status.failed_emails, status.unknown_emails)


def _pause_if_restored(status: CampaignStatus, control: CampaignControl, counts: dict[str, int], now: int) -> None:
    """A sent mail stays sent: where there are fewer than in an older snapshot, they are pending in the queue again."""
    if counts["sent"] >= status.sent_emails:
        return
    note = RESTORED.format(sent=counts["sent"], before=status.sent_emails)
    paused = {"run_state": "paused", "note": note, "changed_at": now}
    goes_on = (CampaignControl.campaign_id == control.campaign_id) & CampaignControl.run_state.in_(GOING_ON)
    if db.transaction(crm_db, CampaignControl.update(**paused).where(goes_on).execute):
        control.run_state, control.note, control.changed_at = paused.values()


def _is_news(row: tuple, status: CampaignStatus) -> bool:
    """An old snapshot is renewed even if nothing changed, or the next rate would be an average over the idle time."""
    before = (status.campaign_id, *(getattr(status, column.name) for column in _COLUMNS))
    return row[:-1] != before[:-1] or row[-1] - before[-1] > REFRESH


def _unsettled() -> dict[int, CampaignStatus]:
    """Started campaigns that have not ended, or have with mails still on their way when we last looked, or that run
    again since."""
    with db.session(crm_db):
        running = CampaignControl.select(CampaignControl.campaign_id).where(CampaignControl.run_state == "running")
        ids = [campaign_id for (campaign_id,) in running.tuples()]
    open_mails = CampaignStatus.pending_emails + CampaignStatus.active_emails > 0
    started = ~CampaignStatus.status.in_(["draft", "scheduled", *ENDED])
    with db.session(campaign_db):
        ended = CampaignStatus.status.in_(ENDED) & (open_mails | CampaignStatus.campaign_id.in_(ids))
        return {status.campaign_id: status for status in CampaignStatus.select().where(started | ended)}


def _row(status: CampaignStatus, control: CampaignControl, counts: dict[str, int], now: int) -> tuple:
    total = sum(counts.values())
    if not control.is_staged:
        # What is not in the queue yet is pending as well, so that the states add up from the first moment.
        total = max(total, status.total_emails)
        counts = counts | {"pending": counts["pending"] + total - sum(counts.values())}
    finished_at = control.changed_at if control.run_state in ENDED else None
    return (
        control.campaign_id,
        control.run_state,
        total,
        *(counts[state] for state in STATES),
        _rate(status, control, counts, now),
        control.note,
        finished_at,
        now,
    )


def _rate(status: CampaignStatus, control: CampaignControl, counts: dict[str, int], now: int) -> int:
    """Mails a minute: smoothed while it runs, the average over its whole time at the end."""
    tried = _tried(counts)
    if control.run_state in ENDED:
        return _per_minute(tried, control.changed_at - (status.started_at or control.changed_at))
    if control.run_state != "running" or not status.snapshot_at:
        return 0
    elapsed = max(0, now - status.snapshot_at)
    newest = _per_minute(tried - _tried({s: getattr(status, f"{s}_emails") for s in STATES}), elapsed)
    weight = 1 - exp(-elapsed / 1000 / RATE_SECONDS) if status.emails_per_minute else 1
    return round(status.emails_per_minute + weight * (newest - status.emails_per_minute))


def _tried(counts: dict[str, int]) -> int:
    return counts["sent"] + counts["failed"] + counts["unknown"]


def _per_minute(mails: int, milliseconds: int) -> int:
    return max(0, round(mails * 60_000 / milliseconds)) if milliseconds > 0 else 0


def last_errors(user_id: int, campaign_id: int, limit: int = 10) -> list[Mail]:
    """The newest failed or unknown mails: `email`, `status`, `reply_class`, `smtp_code`, `smtp_text`, `due_at` (when).

    Raises NotFound before the start and for strangers.
    """
    _control(user_id, campaign_id)
    found = []
    with db.session(crm_db):
        for status in ("failed", "unknown"):  # one at a time: the index gives each in order, without a sort
            mine = (Mail.campaign_id == campaign_id) & (Mail.status == status) & (Mail.user_id == user_id)
            found.extend(Mail.select().where(mine).order_by(Mail.due_at.desc(), Mail.id.desc()).limit(limit))
    return sorted(found, key=lambda mail: (mail.due_at, mail.id), reverse=True)[:limit]


def next_attempt(user_id: int, campaign_id: int) -> int | None:
    """When the first pending mail is due; in the past: as soon as an account is free. None: none is pending.

    Raises NotFound before the start and for strangers.
    """
    _control(user_id, campaign_id)
    pending = (Mail.campaign_id == campaign_id) & (Mail.status == "pending") & (Mail.user_id == user_id)
    with db.session(crm_db):
        return Mail.select(Mail.due_at).where(pending).order_by(Mail.due_at).limit(1).scalar()


def _control(user_id: int, campaign_id: int) -> CampaignControl:
    mine = (CampaignControl.campaign_id == campaign_id) & (CampaignControl.user_id == user_id)
    with db.session(crm_db):
        found = CampaignControl.get_or_none(mine)
    if found is None:
        raise NotFound("No such campaign.")
    return found

"""What the workers may do with a campaign: opened at the start, paused, resumed, cancelled. Decided here first."""

import logging
from contextlib import suppress

from blaster import db, windows
from blaster.db import crm_db
from blaster.errors import Conflict, NotFound
from blaster.models.attachments import CampaignAttachment
from blaster.models.crm_db import CampaignContent, CampaignControl, Mail
from blaster.models.ranges import ClaimedRange
from blaster.models.tracking import CampaignLink
from blaster.queue import quota, ranges, tally

log = logging.getLogger(__name__)

SLICE = 1_000
OPEN = ("staging", "running", "paused", "cancelling")
CONTENT = ("subject", "sender_name", "sender_email", "reply_to", "html", "text")
_FOOTER = ("organisation", "postal_address")
_TRACKING = ("tracks_opens", "tracks_clicks")
_FILE = ("campaign_id", "position", "filename", "content_type", "data")


def open_campaign(
    user_id: int, campaign_id: int, list_id: int, stage_until: int, content: dict, send_windows: str | None = None
) -> None:
    """Hand a started campaign over to the workers, with its message frozen: `content` has the CONTENT fields, who
    sends (`organisation`, `postal_address`), what is counted (`tracks_opens`, `tracks_clicks`, the addresses of
    `links`), and `attachments` as (filename, content type, bytes).

    `stage_until`: the last recipient id that belongs to it; `send_windows`: as stored. Safe to repeat.
    """

    def work():
        columns = ("campaign_id", "user_id", "list_id", *CONTENT, *_FOOTER, *_TRACKING)
        said = (*(content[name] for name in CONTENT), *(content.get(name, "") for name in _FOOTER))
        said += tuple(content.get(name, False) for name in _TRACKING)
        row = (campaign_id, user_id, list_id, *said)
        _insert(CampaignContent, columns, row)
        for position, file in enumerate(content.get("attachments", ())):
            _insert(CampaignAttachment, _FILE, (campaign_id, position, *file))
        if links := [(campaign_id, *link) for link in enumerate(content.get("links", ()), 1)]:
            db.insert_new(CampaignLink, (CampaignLink.campaign_id, CampaignLink.number, CampaignLink.url), links)
        columns = ("campaign_id", "user_id", "list_id", "stage_until", "send_windows", "run_state", "changed_at")
        row = (campaign_id, user_id, list_id, stage_until, send_windows, "staging", db.now(crm_db))
        _insert(CampaignControl, columns, row)

    db.transaction(crm_db, work)
    log.info("campaign %s of user %s: handed over to the workers", campaign_id, user_id)


def _insert(model, columns, row) -> None:
    db.insert_new(model, [getattr(model, name) for name in columns], [row])


def state(user_id: int, campaign_id: int) -> CampaignControl:
    """The campaign as the workers see it; raises NotFound before its start and for strangers."""
    with db.session(crm_db):
        mine = (CampaignControl.campaign_id == campaign_id) & (CampaignControl.user_id == user_id)
        control = CampaignControl.get_or_none(mine)
    if control is None:
        raise NotFound(f"campaign {campaign_id}")
    return control


def pause(user_id: int, campaign_id: int, note: str = "") -> None:
    """No intent follows once this returns; mails already past their intent still go out."""
    _change(user_id, campaign_id, ("staging", "running"), "paused", note, "Only a running campaign can be paused.")


def pause_if_running(user_id: int, campaign_id: int, note: str) -> None:
    """As `pause`, by a worker; nothing happens when the campaign does not run any more."""
    with suppress(Conflict):
        pause(user_id, campaign_id, note)


def resume(user_id: int, campaign_id: int) -> str:
    """Go on where the campaign stopped; returns its new state."""
    to = "running" if state(user_id, campaign_id).is_staged else "staging"
    _change(user_id, campaign_id, ("paused",), to, "", "Only a paused campaign can be resumed.")
    return to


def cancel(user_id: int, campaign_id: int) -> None:
    """End the campaign; the workers mark what was not sent as cancelled."""
    of = ("staging", "running", "paused")
    _change(user_id, campaign_id, of, "cancelling", "", "This campaign has ended already.")


def _change(user_id: int, campaign_id: int, of: tuple, to: str, note: str, otherwise: str) -> None:
    state(user_id, campaign_id)

    def work():
        return (
            CampaignControl.update(run_state=to, note=note[:500], changed_at=db.now(crm_db))
            .where(
                (CampaignControl.campaign_id == campaign_id)
                & (CampaignControl.user_id == user_id)
                & CampaignControl.run_state.in_(of)
            )
            .execute()
        )

    if not db.transaction(crm_db, work) and state(user_id, campaign_id).run_state != to:
        raise Conflict(otherwise)
    log.info("campaign %s of user %s: %s", campaign_id, user_id, to)


def set_windows(user_id: int, campaign_id: int, send_windows: str | None) -> None:
    """New sending hours for a campaign under way; no intent outside them follows. Raises NotFound."""
    state(user_id, campaign_id)

    def work():
        mine = (CampaignControl.campaign_id == campaign_id) & (CampaignControl.user_id == user_id)
        CampaignControl.update(send_windows=send_windows).where(mine).execute()

    db.transaction(crm_db, work)


def open_controls(*states: str) -> list[CampaignControl]:
    """All campaigns in these states, oldest first (for workers, which serve every user)."""
    with db.session(crm_db):
        query = CampaignControl.select().where(CampaignControl.run_state.in_(states))
        return list(query.order_by(CampaignControl.campaign_id))


def are_running(campaign_ids, user_id: int | None = None) -> set[int]:
    """Those that run now, within their sending hours, locked in share mode: a pause waits for the caller's transaction
    and then holds. Other users' are left out where `user_id` is given."""
    rows = _in_states(("running",), campaign_ids)
    hours = {row[0]: windows.load(row[2]) for row in rows if row[2]}
    now = db.now(crm_db) if hours else 0
    return {row[0] for row in rows if user_id in (None, row[1]) and windows.is_open(hours.get(row[0]), now)}


def are_open(campaign_ids) -> set[int]:
    """Those that have not ended, locked in share mode: none ends before the caller's transaction does."""
    return {row[0] for row in _in_states(OPEN, campaign_ids)}


def _in_states(states: tuple, campaign_ids) -> list[tuple[int, int, str | None]]:
    """(id, user, sending hours) in the order of the ids."""
    if not campaign_ids:
        return []
    query = "SELECT campaign_id, user_id, send_windows FROM campaign_control WHERE campaign_id IN (%s)"
    query += " AND run_state IN (%s)"
    query %= (", ".join(["%s"] * len(campaign_ids)), ", ".join(["%s"] * len(states)))
    return db.execute(crm_db, query + " ORDER BY campaign_id {share}", *campaign_ids, *states).fetchall()


def counts(campaign_id: int) -> dict[str, int]:
    """Exact rows by status (`active` = claimed + sending)."""
    with db.session(crm_db):
        return tally.counts(campaign_id)


def close_cancelled(campaign_id: int) -> bool:
    """Mark the next slice of a cancelled campaign's rows; True when none is left and the campaign is `cancelled`."""
    with db.session(crm_db):
        held = ranges.of_campaign(campaign_id)
    for each in held:
        db.transaction(crm_db, lambda r=each: _cancel_range(r))

    def work():
        open_rows = (Mail.campaign_id == campaign_id) & Mail.status.in_(("pending", "claimed"))
        columns = (Mail.id, Mail.status, Mail.smtp_account_id, Mail.bucket)
        rows = list(db.locked(Mail.select(*columns).where(open_rows).limit(SLICE)).tuples())
        if rows:
            ids = [row[0] for row in rows]
            changed = {"status": "cancelled", "due_at": db.now(crm_db), "bucket": None}
            Mail.update(**changed).where(Mail.id.in_(ids)).execute()
            quota.move((account_id, bucket, None) for _, _, account_id, bucket in rows)
            pending = sum(status == "pending" for _, status, _, _ in rows)
            changes = {"pending": -pending, "active": pending - len(rows), "cancelled": len(rows)}
            tally.add(campaign_id, 0, changes)
            return False
        left = tally.counts(campaign_id)
        if left["pending"] or left["active"]:
            return False  # mails still on their way: their outcome comes first
        ended = {"run_state": "cancelled", "changed_at": db.now(crm_db)}
        CampaignControl.update(**ended).where(
            (CampaignControl.campaign_id == campaign_id) & (CampaignControl.run_state == "cancelling")
        ).execute()
        return True

    is_over = db.transaction(crm_db, work)
    if is_over:
        log.info("campaign %s: cancelled", campaign_id)
    return is_over


def _cancel_range(held: ClaimedRange) -> None:
    mails = ranges.end(held, db.now(crm_db), status="cancelled")
    tally.add(held.campaign_id, 0, {"active": -mails, "cancelled": mails})

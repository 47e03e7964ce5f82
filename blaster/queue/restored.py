"""The queue after it was put back to an earlier state: whatever may have been sent since is `unknown`, and nothing goes
on by itself.

For a restore alone: no worker may be there.
"""

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import Recipient
from blaster.models.crm_db import CampaignControl, Lease, Mail
from blaster.models.decisions import Decision
from blaster.models.ranges import ClaimedRange
from blaster.queue import control, ranges, tally

SLICE = 1_000
WORDS = "The backup does not know what became of it."
_HELD, _OPEN = ("claimed", "sending"), ("pending", "claimed", "sending")
_DOUBT = {"status": "unknown", "reply_class": "unknown", "smtp_text": WORDS}


def let_nobody_work() -> int:
    """The leases are of processes that are gone, and what they held may have been sent long ago: `unknown`, whatever a
    journal of theirs says. Decisions under way were carried out since: they end. Returns how many mails were held."""
    with db.session(crm_db):
        Lease.delete().execute()
        Decision.update(finished_at=db.now(crm_db)).where(Decision.finished_at.is_null()).execute()
        ids = [campaign_id for (campaign_id,) in CampaignControl.select(CampaignControl.campaign_id).tuples()]
        held = list(ClaimedRange.select())
    in_ranges = sum(db.transaction(crm_db, lambda r=each: _doubt_range(r)) for each in held)
    return in_ranges + sum(_doubt(campaign_id, _HELD) for campaign_id in ids)


def finish(campaign_id: int) -> int:
    """A campaign that is known to have finished: what is open in it here was tried. Returns how many mails."""
    doubted = _doubt(campaign_id, _OPEN)
    _set(campaign_id, run_state="finished", is_staged=True)
    return doubted


def cancel(campaign_id: int) -> None:
    """A campaign that is known to have been cancelled: workers mark the rest of its mails."""
    _set(campaign_id, run_state="cancelling")


def hold(note: str) -> tuple[int, int]:
    """Pause all that could send and say why; also what was paused already, since it may have been resumed. All that
    waited in them is in doubt, as are recipients who were not in the queue yet. Returns how many campaigns and mails.
    """
    with db.session(crm_db):
        going = CampaignControl.run_state.in_(("staging", "running", "paused"))
        changes = {"run_state": "paused", "note": note[:500], "changed_at": db.now(crm_db)}
        CampaignControl.update(**changes).where(going).execute()
    held = control.open_controls("paused")
    return len(held), sum(_doubt(each.campaign_id, _OPEN) + _stage(each) for each in held)


def _set(campaign_id: int, **values) -> None:
    with db.session(crm_db):
        mine = CampaignControl.campaign_id == campaign_id
        CampaignControl.update(**values, changed_at=db.now(crm_db)).where(mine).execute()


def _doubt(campaign_id: int, states: tuple[str, ...]) -> int:
    done = 0
    while slice_done := db.transaction(crm_db, lambda: _doubt_slice(campaign_id, states)):
        done += slice_done
    return done


def _doubt_range(held: ClaimedRange) -> int:
    charge = {"smtp_account_id": held.smtp_account_id, "bucket": held.bucket}
    mails = ranges.end(held, db.now(crm_db), **_DOUBT, **charge)
    tally.add(held.campaign_id, 0, {"active": -mails, "unknown": mails})
    return mails


def _doubt_slice(campaign_id: int, states: tuple[str, ...]) -> int:
    """Charges stay: the mails may have been sent. Those that were pending have none, and their account is not known."""
    chosen = (Mail.campaign_id == campaign_id) & Mail.status.in_(states)
    rows = list(Mail.select(Mail.id, Mail.status).where(chosen).limit(SLICE).tuples())
    ids = [mail_id for mail_id, _ in rows]
    if ids:
        changes = _DOUBT | {"due_at": db.now(crm_db), "lease_token": None, "claim_id": None}
        Mail.update(**changes).where(Mail.id.in_(ids)).execute()
        active = sum(status in _HELD for _, status in rows)
        tally.add(campaign_id, 0, {"active": -active, "pending": active - len(ids), "unknown": len(ids)})
    return len(ids)


def _stage(held: CampaignControl) -> int:
    """Copy the recipients that `staging` would have copied, in doubt from the start."""
    done = 0
    while recipients := _waiting(held):
        done += db.transaction(crm_db, lambda chosen=recipients: _stage_slice(held, chosen))
        held.staged_to = recipients[-1][0]
    _set(held.campaign_id, is_staged=True)
    return done


def _waiting(held: CampaignControl) -> list[tuple]:
    mine = (Recipient.list_id == held.list_id) & (Recipient.user_id == held.user_id)
    here = mine & (Recipient.id > held.staged_to) & (Recipient.id <= held.stage_until)
    columns = (Recipient.id, Recipient.email, Recipient.email_key, Recipient.fields)
    with db.session(campaign_db):
        return list(Recipient.select(*columns).where(here).order_by(Recipient.id).limit(SLICE).tuples())


def _stage_slice(held: CampaignControl, recipients: list[tuple]) -> int:
    """An address that came with an earlier recipient is in the queue already."""
    columns = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key, Mail.fields)
    columns += (Mail.due_at, *(getattr(Mail, name) for name in _DOUBT))
    doubt = (db.now(crm_db), *_DOUBT.values())
    db.insert_new(Mail, columns, [(held.user_id, held.campaign_id, *row, *doubt) for row in recipients])
    between = Mail.recipient_id.between(held.staged_to + 1, recipients[-1][0])
    new = Mail.select().where((Mail.campaign_id == held.campaign_id) & between).count()
    mark = CampaignControl.update(staged_to=recipients[-1][0])
    mark.where(CampaignControl.campaign_id == held.campaign_id).execute()
    tally.add(held.campaign_id, 0, {"unknown": new})
    return new

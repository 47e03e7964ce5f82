"""Copies a started campaign's recipients from Server 1 to the queue on Server 2: in batches, idempotent, resumable."""

from contextlib import suppress

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import Recipient
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import tally

STATES = ("staging", "running")  # of campaigns that take recipients in
_COLUMNS = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key, Mail.fields)


class _Overtaken(Exception):
    """The campaign was paused or ended meanwhile, or another process has staged this batch."""


def stage_batch(control: CampaignControl, batch: int) -> bool:
    """Copy the next `batch` recipients; the campaign runs from the first ones on. True when all are there.

    The mark `staged_to` is moved in the transaction that inserts the rows, so a batch interrupted anywhere is repeated
    as a whole or not at all. Returns False too when somebody else moved the mark first, or the campaign's state:
    `control` shows both as they are now. Intents of the campaign wait only while the mark is moved.
    """
    rows = _recipients(control, batch)

    def work():
        if rows:
            db.insert_new(Mail, _COLUMNS, rows)
        if not _move_mark(control, rows):
            raise _Overtaken
        if rows:
            tally.add(control.campaign_id, 0, {"pending": _inserted(control, rows)})

    with suppress(_Overtaken):
        db.transaction(crm_db, work)
    _look_again(control)
    return control.is_staged


def _move_mark(control: CampaignControl, rows: list[tuple]) -> int:
    changes = {"staged_to": rows[-1][2]} if rows else {"is_staged": True}
    if control.run_state != "running":
        changes["changed_at"] = db.now(crm_db)
    mine = (CampaignControl.campaign_id == control.campaign_id) & (CampaignControl.staged_to == control.staged_to)
    return (
        CampaignControl.update(run_state="running", **changes)
        .where(mine & CampaignControl.run_state.in_(STATES))
        .execute()
    )


def _look_again(control: CampaignControl) -> None:
    with db.session(crm_db):
        now = CampaignControl.get_by_id(control.campaign_id)
    control.staged_to, control.is_staged, control.run_state = now.staged_to, now.is_staged, now.run_state


def _recipients(control: CampaignControl, batch: int) -> list[tuple]:
    here = (
        (Recipient.list_id == control.list_id)
        & (Recipient.user_id == control.user_id)
        & (Recipient.id > control.staged_to)
        & (Recipient.id <= control.stage_until)
    )
    columns = (Recipient.id, Recipient.email, Recipient.email_key, Recipient.fields)
    with db.session(campaign_db):
        query = Recipient.select(*columns).where(here).order_by(Recipient.id).limit(batch).tuples()
        return [(control.user_id, control.campaign_id, *row) for row in query.iterator()]


def _inserted(control: CampaignControl, rows: list[tuple]) -> int:
    """How many of the batch are new: an address that came with an earlier recipient is in the queue already."""
    between = Mail.recipient_id.between(rows[0][2], rows[-1][2])
    return Mail.select().where((Mail.campaign_id == control.campaign_id) & between).count()

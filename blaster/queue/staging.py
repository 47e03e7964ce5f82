"""Copies a started campaign's recipients from Server 1 to the queue on Server 2: in batches, idempotent, resumable."""

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import Recipient
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import tally

_COLUMNS = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key, Mail.fields)


def stage_batch(control: CampaignControl, batch: int) -> bool:
    """Copy the next `batch` recipients; True when the campaign is complete and running.

    The mark `staged_to` is moved in the transaction that inserts the rows, so a batch interrupted anywhere is repeated
    as a whole or not at all. Returns False too when another process moved the mark first (call again) and when the
    campaign is not being staged any more.
    """
    rows = _recipients(control, batch)

    def work():
        here = db.locked(CampaignControl.select().where(CampaignControl.campaign_id == control.campaign_id)).get()
        if here.run_state != "staging" or here.staged_to != control.staged_to:
            return here.is_staged
        if not rows:
            _update(control, is_staged=True, run_state="running", changed_at=db.now(crm_db))
            return True
        db.insert_new(Mail, _COLUMNS, rows)
        tally.add(control.campaign_id, 0, {"pending": _inserted(control, rows)})
        _update(control, staged_to=rows[-1][2])
        return False

    done = db.transaction(crm_db, work)
    with db.session(crm_db):
        control.staged_to = CampaignControl.get_by_id(control.campaign_id).staged_to
    return done


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


def _update(control: CampaignControl, **values) -> None:
    CampaignControl.update(**values).where(CampaignControl.campaign_id == control.campaign_id).execute()

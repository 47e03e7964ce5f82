"""Copies a started campaign's recipients from Server 1 to the queue on Server 2: in batches, idempotent, resumable."""

from contextlib import suppress

from peewee import fn

from blaster import db, trial
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import Recipient
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import tally
from blaster.queue.control import pause_if_running

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
    last = _last(control, batch)
    if unverified := last and trial.strangers(control.user_id, control.list_id, after=control.staged_to, until=last):
        # An address was changed after the start, which had looked at all of them.
        pause_if_running(control.user_id, control.campaign_id, trial.sentence(unverified))
        _look_again(control)
        return False
    source = db.neighbour(Recipient, crm_db)
    rows = [] if source else _recipients(control, last)

    def work():
        if last:
            _copy(control, last, source) if source else db.insert_new(Mail, _COLUMNS, rows)
        if not _move_mark(control, last):
            raise _Overtaken
        if last:
            tally.add(control.campaign_id, 0, {"pending": _inserted(control, last)})

    with suppress(_Overtaken):
        db.transaction(crm_db, work)
    _look_again(control)
    return control.is_staged


def _last(control: CampaignControl, batch: int) -> int | None:
    """The last recipient of the next batch; None when there is none left."""
    ids = Recipient.select(Recipient.id).where(_waiting(control, control.stage_until)).order_by(Recipient.id)
    with db.session(campaign_db):
        chosen = ids.limit(batch)
        return Recipient.select(fn.MAX(chosen.c.id)).from_(chosen).scalar()


def _waiting(control: CampaignControl, last: int):
    mine = (Recipient.list_id == control.list_id) & (Recipient.user_id == control.user_id)
    return mine & (Recipient.id > control.staged_to) & (Recipient.id <= last)


def _recipients(control: CampaignControl, last: int | None) -> list[tuple]:
    columns = (Recipient.id, Recipient.email, Recipient.email_key, Recipient.fields)
    with db.session(campaign_db):
        rows = Recipient.select(*columns).where(_waiting(control, last or 0)).order_by(Recipient.id).tuples()
        return [(control.user_id, control.campaign_id, *row) for row in rows.iterator()]


def _copy(control: CampaignControl, last: int, source: str) -> None:
    """Where both are schemas of one server nothing has to leave it: a third of the time."""
    query = (
        "INSERT INTO mail_blaster (user_id, campaign_id, recipient_id, email, email_key, fields)"
        f" SELECT user_id, %s, id, email, email_key, fields FROM {source} AS r"
        " WHERE list_id=%s AND user_id=%s AND id>%s AND id<=%s ORDER BY id"
        " ON DUPLICATE KEY UPDATE mail_blaster.user_id=mail_blaster.user_id"
    )
    chosen = (control.list_id, control.user_id, control.staged_to, last)
    db.execute(crm_db, query, control.campaign_id, *chosen)


def _move_mark(control: CampaignControl, last: int | None) -> int:
    changes = {"staged_to": last} if last else {"is_staged": True}
    if control.run_state != "running":
        changes["changed_at"] = db.now(crm_db)
    mine = (CampaignControl.campaign_id == control.campaign_id) & (CampaignControl.staged_to == control.staged_to)
    here = mine & CampaignControl.run_state.in_(STATES)
    return CampaignControl.update(run_state="running", **changes).where(here).execute()


def _look_again(control: CampaignControl) -> None:
    with db.session(crm_db):
        now = CampaignControl.get_by_id(control.campaign_id)
    control.staged_to, control.is_staged, control.run_state = now.staged_to, now.is_staged, now.run_state


def _inserted(control: CampaignControl, last: int) -> int:
    """How many of the batch are new: an address that came with an earlier recipient is in the queue already."""
    between = Mail.recipient_id.between(control.staged_to + 1, last)
    return Mail.select().where((Mail.campaign_id == control.campaign_id) & between).count()

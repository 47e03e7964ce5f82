"""Mails of campaigns that ended long ago leave the queue: rows to a file, number and address key to a small table.

The campaign's row in `campaign_control` is locked for each chunk, as decisions lock it: once a campaign has begun to
leave, nothing of it is sent again.
"""

from collections.abc import Callable, Sequence

from peewee import JOIN

from blaster import db
from blaster.db import crm_db
from blaster.models.archive import ArchivedMail, CampaignArchive
from blaster.models.attachments import CampaignAttachment
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import hits

CHUNK = 1_000
ENDED = ("finished", "cancelled")
COLUMNS = (
    *(Mail.id, Mail.recipient_id, Mail.email, Mail.status, Mail.smtp_account_id, Mail.due_at),
    *(Mail.attempts, Mail.reply_class, Mail.smtp_code, Mail.smtp_text),
)
_KEPT = (ArchivedMail.id, ArchivedMail.user_id, ArchivedMail.campaign_id, ArchivedMail.email_key, ArchivedMail.status)
_MAILS = (Mail.id, Mail.user_id, Mail.campaign_id, Mail.email_key, Mail.status)

Write = Callable[[str, int, Sequence[tuple]], int]


def due(before: int) -> list[CampaignControl]:
    """Campaigns that ended before that instant (ms) and are not archived, or not wholly; the oldest first."""
    same = (CampaignArchive.campaign_id == CampaignControl.campaign_id) & CampaignArchive.finished_at.is_null(False)
    ended = CampaignControl.run_state.in_(ENDED) & (CampaignControl.changed_at < before)
    query = CampaignControl.select().join(CampaignArchive, JOIN.LEFT_OUTER, on=same)
    with db.session(crm_db):
        return list(query.where(ended & CampaignArchive.campaign_id.is_null()).order_by(CampaignControl.campaign_id))


def is_archived(campaign_id: int) -> bool:
    """True once its mails have begun to leave the queue."""
    with db.session(crm_db):
        return CampaignArchive.select().where(CampaignArchive.campaign_id == campaign_id).exists()


def move(campaign: CampaignControl, host: str, file: str, write: Write) -> int:
    """Move the next chunk; returns its rows, 0 when none is left and the campaign is archived, or runs again.

    `write(file, octets, rows)` puts rows of COLUMNS behind the first `octets` of the file, so that they outlive a power
    loss, and returns the new length. It is called again if the transaction is.
    """

    def work():
        mine = CampaignControl.campaign_id == campaign.campaign_id
        held = db.locked(CampaignControl.select().where(mine)).first()
        if held is None or held.run_state not in ENDED:
            return 0
        archive = _archive(held, host, file)
        here = Mail.select(*COLUMNS).where(Mail.campaign_id == held.campaign_id)
        rows = list(here.order_by(Mail.recipient_id).limit(CHUNK).tuples())
        if not rows:
            _finish(held.campaign_id)
            return 0
        _keep(held.campaign_id, [row[0] for row in rows])
        octets = write(archive.file, archive.octets, rows)
        changes = {"octets": octets, "mails": archive.mails + len(rows)}
        CampaignArchive.update(**changes).where(_of(held.campaign_id, host)).execute()
        return len(rows)

    return db.transaction(crm_db, work)


def _of(campaign_id: int, host: str):
    return (CampaignArchive.campaign_id == campaign_id) & (CampaignArchive.host == host)


def _archive(held: CampaignControl, host: str, file: str) -> CampaignArchive:
    found = CampaignArchive.get_or_none(_of(held.campaign_id, host))
    made = {"campaign_id": held.campaign_id, "host": host, "user_id": held.user_id, "file": file}
    if found is None:
        hits.finish(held.campaign_id)
    return found or CampaignArchive.create(**made, began_at=db.now(crm_db))


def _keep(campaign_id: int, ids: list[int]) -> None:
    """Opens and clicks are counted for good by now: who it was goes with the mails."""
    hits.forget(campaign_id, ids)
    chosen = Mail.id.in_(ids)
    ArchivedMail.insert_from(Mail.select(*_MAILS).where(chosen), _KEPT).execute()
    Mail.delete().where(chosen).execute()


def _finish(campaign_id: int) -> None:
    """Its files go too: those of the draft stay on Server 1."""
    CampaignAttachment.delete().where(CampaignAttachment.campaign_id == campaign_id).execute()
    CampaignArchive.update(finished_at=db.now(crm_db)).where(CampaignArchive.campaign_id == campaign_id).execute()


def stale(host: str) -> list[CampaignArchive]:
    """Whole files on this host in which addresses stand that were erased since."""
    mine = (CampaignArchive.host == host) & CampaignArchive.finished_at.is_null(False)
    with db.session(crm_db):
        return list(CampaignArchive.select().where(mine & (CampaignArchive.erasures > 0)))


def erased_among(ids: Sequence[int], prefix: str) -> set[int]:
    """Those of these archived mails whose address was erased (its key begins with `prefix`)."""
    query = ArchivedMail.select(ArchivedMail.id).where(ArchivedMail.id.in_(list(ids)))
    with db.session(crm_db):
        return {mail_id for (mail_id,) in query.where(ArchivedMail.email_key.startswith(prefix)).tuples()}


def rewritten(archive: CampaignArchive) -> None:
    """What `stale` said of the file is done; an erasure since then is not, and comes up again."""
    mine = _of(archive.campaign_id, archive.host)
    with db.session(crm_db):
        CampaignArchive.update(erasures=CampaignArchive.erasures - archive.erasures).where(mine).execute()


def hide(user_id: int, key: str, hidden: str) -> int:
    """Put `hidden` in place of the address key of a person's archived mails; returns how many there were."""

    def work():
        mine = (ArchivedMail.user_id == user_id) & (ArchivedMail.email_key == key)
        campaigns = {c for (c,) in ArchivedMail.select(ArchivedMail.campaign_id).where(mine).distinct().tuples()}
        if not campaigns:
            return 0
        CampaignArchive.update(erasures=CampaignArchive.erasures + 1).where(
            CampaignArchive.campaign_id.in_(campaigns)
        ).execute()
        return ArchivedMail.update(email_key=hidden).where(mine).execute()

    return db.transaction(crm_db, work)

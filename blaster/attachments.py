"""Files of a campaign's draft. They go along with each of its mails, so they are few and small."""

import mimetypes
import re

from peewee import fn

from blaster import db
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.attachments import Attachment
from blaster.models.campaign_db import Campaign, CampaignStatus

LIMIT = 5 * 1024 * 1024  # bytes of all files of a campaign together; encoded they are a third more
MOST = 10
# Mail programs and providers refuse mail with these, whatever is in them.
REFUSED = frozenset(
    "bat chm cmd com cpl dll exe hta iso jar js jse lnk mde msc msi msp pif ps1 scr vb vbe vbs wsf".split()
)
_SUMMARY = [field for field in Attachment._meta.sorted_fields if field.name != "data"]
_UNSAFE = re.compile(r'[\s\x00-\x1f\x7f-\x9f"\\/:*?<>|]+')
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


def list_attachments(user_id: int, campaign_id: int) -> list[Attachment]:
    """The campaign's files without their bytes, in the order they were added. Raises NotFound."""
    with db.session(campaign_db):
        if not Campaign.select().where(_owned(user_id, campaign_id)).exists():
            raise NotFound("No such campaign.")
        mine = Attachment.select(*_SUMMARY).where(_of(user_id, campaign_id))
        return list(mine.order_by(Attachment.id))


def _owned(user_id: int, campaign_id: int):
    return (Campaign.campaign_id == campaign_id) & (Campaign.user_id == user_id)


def _of(user_id: int, campaign_id: int):
    return (Attachment.campaign_id == campaign_id) & (Attachment.user_id == user_id)


def add_attachment(user_id: int, campaign_id: int, filename: str, data: bytes) -> None:
    """Add a file to a draft. Its type is told by its name. Raises Invalid, NotFound, Conflict after the start."""
    name = _name(filename)
    _refuse(name, data)
    values = {"filename": name, "content_type": _type(name), "size": len(data), "data": data}

    def work():
        _lock_draft(user_id, campaign_id)
        count, size = (
            Attachment.select(fn.COUNT(Attachment.id), fn.SUM(Attachment.size))
            .where(_of(user_id, campaign_id))
            .tuples()
            .first()
        )
        if count >= MOST:
            raise Invalid({"file": f"A mail can carry {MOST} files at most."})
        if int(size or 0) + len(data) > LIMIT:
            raise Invalid({"file": f"All files together may have {LIMIT // 1024**2} MB. Link to large ones instead."})
        now = db.now(campaign_db)
        Attachment.create(user_id=user_id, campaign_id=campaign_id, created_at=now, **values)

    db.transaction(campaign_db, work)


def _name(filename: str) -> str:
    """As it may stand in a header and in a file system: no path, no quotes; its ending is kept."""
    name = _UNSAFE.sub(" ", filename.replace("\\", "/").rpartition("/")[2]).strip(" .")
    stem, dot, ending = name.rpartition(".")
    return name if len(name) <= 120 or not dot else stem[: 119 - len(ending[:20])] + dot + ending[:20]


def _refuse(name: str, data: bytes) -> None:
    ending = name.rpartition(".")[2].lower()
    if not name:
        raise Invalid({"file": "Choose a file."})
    if not data:
        raise Invalid({"file": f"“{name}” is empty."})
    if ending in REFUSED:
        raise Invalid({"file": f"Mail servers refuse .{ending} files. Put it on a web page and link to it."})
    if len(name) > 120:
        raise Invalid({"file": "The name of the file is too long."})


def _type(name: str) -> str:
    guessed = (mimetypes.guess_type(name)[0] or "").lower()
    # A message inside a message has rules of its own (RFC 2046 section 5.2.1), and a multipart has a boundary.
    usable = _TYPE.fullmatch(guessed) and not guessed.startswith(("message/", "multipart/"))
    return guessed if usable else "application/octet-stream"


def _lock_draft(user_id: int, campaign_id: int) -> None:
    """Nobody can start the campaign until the transaction ends."""
    mine = Campaign.select().where(_owned(user_id, campaign_id)).exists()
    status = db.locked(CampaignStatus.select().where(CampaignStatus.campaign_id == campaign_id)).first()
    if not mine or status is None:
        raise NotFound("No such campaign.")
    if status.status == "scheduled":
        raise Conflict("This campaign is scheduled. Take it back to the drafts first.")
    if status.status != "draft":
        raise Conflict("A campaign that was started keeps its files. Copy it to change them.")


def remove_attachment(user_id: int, campaign_id: int, attachment_id: int) -> None:
    """Take a file off a draft. Raises NotFound, Conflict after the start."""
    chosen = _of(user_id, campaign_id) & (Attachment.id == attachment_id)

    def work():
        if not Attachment.select().where(chosen).exists():
            raise NotFound("No such file.")
        _lock_draft(user_id, campaign_id)
        Attachment.delete().where(chosen).execute()

    db.transaction(campaign_db, work)


def get_attachment(user_id: int, campaign_id: int, attachment_id: int) -> Attachment:
    """One file with its bytes. Raises NotFound."""
    with db.session(campaign_db):
        found = Attachment.get_or_none(_of(user_id, campaign_id) & (Attachment.id == attachment_id))
    if found is None:
        raise NotFound("No such file.")
    return found


def files(user_id: int, campaign_id: int) -> tuple[tuple[str, str, bytes], ...]:
    """Name, content type and bytes of each file, in the order they were added."""
    columns = (Attachment.filename, Attachment.content_type, Attachment.data)
    with db.session(campaign_db):
        rows = Attachment.select(*columns).where(_of(user_id, campaign_id)).order_by(Attachment.id).tuples()
        return tuple((name, kind, bytes(data)) for name, kind, data in rows)

"""Campaigns of a user: drafts are written, reviewed, started; from then on this side mirrors Server 2."""

import re

from blaster import addresses, db
from blaster.db import campaign_db, crm_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.campaign_db import Campaign, CampaignStatus, Recipient, RecipientList
from blaster.models.crm_db import CampaignControl
from blaster.review import Review, look_over

LONGEST = {"name": 120, "subject": 500, "sender_name": 120, "html": 2_000_000, "text": 2_000_000}
CONTENT = ("subject", "sender_name", "sender_email", "reply_to", "html", "text")
_SUMMARY = [field for field in Campaign._meta.sorted_fields if field.name not in ("html", "text")]
# In a header these would begin a new line or hide something.
_CONTROL = re.compile("[\x00-\x1f\x7f\u0085\u2028\u2029]")


def list_campaigns(user_id: int) -> list[Campaign]:
    """All campaigns of the user without their bodies, newest first, each with its `.status`."""
    with db.session(campaign_db):
        mine = _with_status(*_SUMMARY).where(Campaign.user_id == user_id)
        return list(mine.order_by(Campaign.campaign_id.desc()))


def get_campaign(user_id: int, campaign_id: int) -> Campaign:
    """The campaign with its `.status` (a CampaignStatus). Raises NotFound."""
    with db.session(campaign_db):
        found = _with_status(Campaign).where(_owned(user_id, campaign_id)).first()
    if found is None:
        raise NotFound("No such campaign.")
    return found


def _with_status(*columns):
    same = CampaignStatus.campaign_id == Campaign.campaign_id
    return Campaign.select(*columns, CampaignStatus).join(CampaignStatus, on=same, attr="status")


def _owned(user_id: int, campaign_id: int):
    return (Campaign.campaign_id == campaign_id) & (Campaign.user_id == user_id)


def create_campaign(user_id: int, **fields) -> Campaign:
    """A draft. Fields: name; list_id, subject, sender_name, sender_email, reply_to, html, text may be left for later.

    Raises Invalid, and NotFound for a stranger's list.
    """
    values = _draft(user_id, **fields)

    def work():
        now = db.now(campaign_db)
        draft = Campaign.create(user_id=user_id, created_at=now, updated_at=now, **values)
        CampaignStatus.create(campaign_id=draft.campaign_id)
        return draft

    return db.transaction(campaign_db, work)


def edit_campaign(user_id: int, campaign_id: int, **fields) -> None:
    """Replace all fields of a draft, as for `create_campaign`. Raises Invalid, NotFound, Conflict after the start."""
    values = _draft(user_id, **fields)

    def work():
        _lock_draft(user_id, campaign_id, "A campaign that was started keeps its message. Copy it to change it.")
        values["updated_at"] = db.now(campaign_db)
        Campaign.update(**values).where(_owned(user_id, campaign_id)).execute()

    db.transaction(campaign_db, work)


def _draft(
    user_id: int,
    *,
    name: str,
    list_id: int | None = None,
    subject: str = "",
    sender_name: str = "",
    sender_email: str = "",
    reply_to: str = "",
    html: str = "",
    text: str = "",
) -> dict:
    errors: dict[str, str] = {}
    values = {
        "name": name.strip(),
        "subject": subject.strip(),
        "sender_name": sender_name.strip(),
        "sender_email": _address(sender_email, "sender_email", errors),
        "reply_to": _address(reply_to, "reply_to", errors),
        "html": html or "",
        "text": text or "",
    }
    errors |= _troubles(values)
    if errors:
        raise Invalid(errors)
    if list_id is not None:
        _list_of(user_id, list_id)
    return values | {"list_id": list_id}


def _troubles(values: dict[str, str]) -> dict[str, str]:
    errors = {} if values["name"] else {"name": "Give the campaign a name; only you see it."}
    for field in ("name", "subject", "sender_name"):
        if _CONTROL.search(values[field]):
            errors[field] = "Line breaks and control characters cannot be sent here."
    for field, longest in LONGEST.items():
        if len(values[field]) > longest:
            errors[field] = f"This has {len(values[field]):,} characters; at most {longest:,} can be kept."
    return errors


def _address(text: str, field: str, errors: dict[str, str]) -> str:
    try:
        return addresses.normalise(text)[0] if text.strip() else ""
    except ValueError as error:
        errors[field] = str(error)
        return text


def _list_of(user_id: int, list_id: int) -> RecipientList:
    with db.session(campaign_db):
        found = RecipientList.get_or_none((RecipientList.id == list_id) & (RecipientList.user_id == user_id))
    if found is None:
        raise NotFound("No such list.")
    return found


def _lock_draft(user_id: int, campaign_id: int, otherwise: str) -> Campaign:
    """The draft; nobody can start or delete it until the transaction ends."""
    draft = Campaign.get_or_none(_owned(user_id, campaign_id))
    status = draft and db.locked(CampaignStatus.select().where(CampaignStatus.campaign_id == campaign_id)).first()
    if status is None:
        raise NotFound("No such campaign.")
    if status.status != "draft":
        raise Conflict(otherwise)
    return draft


def copy_campaign(user_id: int, campaign_id: int) -> Campaign:
    """A new draft with the same message and list, unless the list is gone. Raises NotFound."""
    source = get_campaign(user_id, campaign_id)
    fields = {name: getattr(source, name) for name in (*CONTENT, "list_id")}
    with db.session(campaign_db):
        if not RecipientList.select().where(RecipientList.id == source.list_id).exists():
            fields["list_id"] = None
    return create_campaign(user_id, name=f"Copy of {source.name}"[: LONGEST["name"]], **fields)


def delete_campaign(user_id: int, campaign_id: int) -> None:
    """Delete a draft. Raises NotFound, and Conflict after the start: what was sent stays on record."""

    def work():
        _lock_draft(user_id, campaign_id, "A campaign that was started stays on record. Only drafts can be deleted.")
        CampaignStatus.delete().where(CampaignStatus.campaign_id == campaign_id).execute()
        Campaign.delete().where(_owned(user_id, campaign_id)).execute()

    db.transaction(campaign_db, work)


def review(user_id: int, campaign_id: int, *, accounts, warn_at: int = 5) -> Review:
    """The last look before the start. `accounts`: those of the user that may send; `warn_at`: the setting
    `campaigns_warning`. Raises NotFound."""
    campaign = get_campaign(user_id, campaign_id)
    with db.session(campaign_db):
        mine = (RecipientList.id == campaign.list_id) & (RecipientList.user_id == user_id)
        chosen = RecipientList.get_or_none(mine)
        first = Recipient.select().where(Recipient.list_id == campaign.list_id).order_by(Recipient.id).first()
        open_ones = _with_status(Campaign.campaign_id).where(
            (Campaign.user_id == user_id) & CampaignStatus.status.in_(["staging", "running"])
        )
        return look_over(campaign, chosen, first, accounts, open_ones.count(), warn_at)


def start(user_id: int, campaign_id: int) -> Campaign:
    """draft -> staging. The recipients on the list now are those of the campaign: `.stage_until` is the last one's id.

    The caller hands it over to Server 2 (`queue.control.open_campaign`); if it cannot, the workers find it by
    `started`. Raises NotFound, and Conflict where there is nothing to start.
    """

    def work():
        draft = _lock_draft(user_id, campaign_id, "This campaign was started already.")
        now = db.now(campaign_db)
        draft.stage_until = _last_recipient(draft.list_id, now)
        total = Recipient.select().where(_staged(draft)).count()
        if not total:
            raise Conflict("Choose a list with recipients first.")
        values = {"status": "staging", "total_emails": total, "pending_emails": total, "started_at": now}
        CampaignStatus.update(**values).where(CampaignStatus.campaign_id == campaign_id).execute()
        return draft

    return db.transaction(campaign_db, work)


def _last_recipient(list_id: int | None, started_at: int) -> int:
    """The same whenever it is asked, though the list may grow: later recipients carry a later instant."""
    query = Recipient.select(Recipient.id).where((Recipient.list_id == list_id) & (Recipient.created_at <= started_at))
    return query.order_by(Recipient.id.desc()).limit(1).scalar() or 0


def _staged(campaign: Campaign):
    return (Recipient.list_id == campaign.list_id) & (Recipient.id <= campaign.stage_until)


def started() -> list[dict]:
    """For workers: campaigns that were started but are unknown to Server 2, as arguments of `control.open_campaign`."""
    waiting = CampaignStatus.select(CampaignStatus.campaign_id).where(CampaignStatus.status == "staging")
    with db.session(campaign_db):
        ids = {campaign_id for (campaign_id,) in waiting.tuples()}
    if not ids:
        return []
    with db.session(crm_db):
        known = CampaignControl.select(CampaignControl.campaign_id).where(CampaignControl.campaign_id.in_(ids))
        ids -= {campaign_id for (campaign_id,) in known.tuples()}
    with db.session(campaign_db):
        return [_opening(campaign) for campaign in _with_status(Campaign).where(Campaign.campaign_id.in_(ids))]


def _opening(campaign: Campaign) -> dict:
    return {
        "user_id": campaign.user_id,
        "campaign_id": campaign.campaign_id,
        "list_id": campaign.list_id,
        "stage_until": _last_recipient(campaign.list_id, campaign.status.started_at),
        "content": {name: getattr(campaign, name) for name in CONTENT},
    }


def mirror(user_id: int, campaign_id: int, status: str, note: str = "") -> None:
    """Show at once what Server 2 has just decided; a snapshot that a worker took before that is ignored."""
    get_campaign(user_id, campaign_id)
    with db.session(crm_db):
        decided_at = db.now(crm_db)
    with db.session(campaign_db):
        CampaignStatus.update(status=status, note=note[:500], snapshot_at=decided_at).where(
            (CampaignStatus.campaign_id == campaign_id) & (CampaignStatus.status != "draft")
        ).execute()

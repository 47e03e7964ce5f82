"""Campaigns of a user: drafts are written, reviewed, started; from then on this side mirrors Server 2."""

import logging
from dataclasses import replace

from peewee import IntegrityError, Value

from blaster import allowance, db, drafts, idempotency, trial
from blaster.db import campaign_db, crm_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.idempotency import Once
from blaster.mail import tracking
from blaster.models.attachments import Attachment
from blaster.models.campaign_db import Campaign, CampaignStatus, Recipient, RecipientList, User
from blaster.models.crm_db import CampaignControl
from blaster.review import Problem, Review, about_sender, look_over

log = logging.getLogger(__name__)

SENDER = ("sender_name", "sender_email", "reply_to")
TRACKING = ("tracks_opens", "tracks_clicks")
_TEXTS = ("subject", "preheader", "html", "text", *SENDER)
_SUMMARY = [field for field in Campaign._meta.sorted_fields if field.name not in ("html", "text", "rich")]


def list_campaigns(user_id: int, *, before: int = 0, limit: int | None = None) -> list[Campaign]:
    """All campaigns of the user without their bodies, newest first, each with its `.status`; with `before` those with
    a lower id."""
    chosen = Campaign.user_id == user_id
    if before:
        chosen &= Campaign.campaign_id < before
    with db.session(campaign_db):
        return list(_with_status(*_SUMMARY).where(chosen).order_by(Campaign.campaign_id.desc()).limit(limit))


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


def create_campaign(user_id: int, *, once: Once | None = None, **fields) -> Campaign:
    """A draft. Fields: name; list_id, subject, preheader, sender_name, sender_email, reply_to, html, text may be left
    for later; rich: HTML of the rich-text editor, which `html` is made from. `once`: a key that makes one draft only,
    however often it comes.

    `tracks_opens` and `tracks_clicks` are off unless they are True. Raises Invalid, and NotFound for a stranger's list.
    """
    values = _draft(user_id, **fields)

    def work():
        if once and (made := idempotency.find(user_id, once)):
            return get_campaign(user_id, made)
        now = db.now(campaign_db)
        draft = Campaign.create(user_id=user_id, created_at=now, updated_at=now, **values)
        CampaignStatus.create(campaign_id=draft.campaign_id)
        if once:
            idempotency.note(user_id, once, draft.campaign_id)
        return draft

    try:
        return db.transaction(campaign_db, work)
    except IntegrityError:  # the same key, in another thread or process: its draft is there now
        return db.transaction(campaign_db, work)


def edit_campaign(user_id: int, campaign_id: int, *, seen: int | None = None, tab: str = "", **fields) -> int:
    """Replace all fields of a draft, as for `create_campaign`; returns its new `updated_at`.

    `seen`: the `updated_at` that the editor in browser tab `tab` began with; Invalid (field `seen`) where another tab
    has saved the draft since. Raises Invalid, NotFound, Conflict after the start.
    """
    values = _draft(user_id, **fields)

    def work():
        draft = _lock_draft(
            user_id, campaign_id, "A campaign that was started keeps its message. Copy it to change it."
        )
        if seen not in (None, draft.updated_at) and not (tab and tab == draft.saved_by):
            raise Invalid({"seen": "This draft was changed in another window since you opened it here."})
        now = max(db.now(campaign_db), draft.updated_at + 1)
        Campaign.update(**values, updated_at=now, saved_by=tab).where(_owned(user_id, campaign_id)).execute()
        return now

    return db.transaction(campaign_db, work)


def _draft(user_id: int, *, name: str, list_id: int | None = None, rich: str | None = None, **texts) -> dict:
    tracked = {name: bool(texts.pop(name, False)) for name in TRACKING}
    unknown = set(texts) - set(_TEXTS)
    if unknown:
        raise TypeError(f"a campaign has no {', '.join(unknown)}")
    values = drafts.checked({"name": name, "rich": rich, **dict.fromkeys(_TEXTS, ""), **texts}, "campaign")
    if list_id is not None:
        _list_of(user_id, list_id)
    return values | tracked | {"list_id": list_id}


def _list_of(user_id: int, list_id: int) -> RecipientList:
    with db.session(campaign_db):
        found = RecipientList.get_or_none(_list(user_id, list_id))
    if found is None:
        raise NotFound("No such list.")
    return found


def _list(user_id: int, list_id: int):
    return (RecipientList.id == list_id) & (RecipientList.user_id == user_id)


def _lock(user_id: int, campaign_id: int) -> Campaign:
    """The campaign with its `.status`, which nobody else changes until the transaction ends. Raises NotFound."""
    status = db.locked(CampaignStatus.select().where(CampaignStatus.campaign_id == campaign_id)).first()
    found = status and Campaign.get_or_none(_owned(user_id, campaign_id))
    if found is None:
        raise NotFound("No such campaign.")
    found.status = status
    return found


def _lock_draft(user_id: int, campaign_id: int, otherwise: str) -> Campaign:
    draft = _lock(user_id, campaign_id)
    if draft.status.status == "scheduled":
        raise Conflict("This campaign is scheduled. Take it back to the drafts first.")
    if draft.status.status != "draft":
        raise Conflict(otherwise)
    return draft


def copy_campaign(user_id: int, campaign_id: int) -> Campaign:
    """A new draft with the same message, files, tracking and list, unless the list is gone. Raises NotFound."""
    source = get_campaign(user_id, campaign_id)
    fields = {name: getattr(source, name) for name in (*drafts.MESSAGE, *SENDER, *TRACKING, "list_id")}
    with db.session(campaign_db):
        if not RecipientList.select().where(_list(user_id, source.list_id)).exists():
            fields["list_id"] = None
    copied = create_campaign(user_id, name=f"Copy of {source.name}"[: drafts.LONGEST["name"]], **fields)
    _copy_files(source, copied)
    return copied


def _copy_files(source: Campaign, to: Campaign) -> None:
    same = (Attachment.filename, Attachment.content_type, Attachment.size, Attachment.data)
    new = (Value(to.user_id), Value(to.campaign_id), Value(to.created_at))
    with db.session(campaign_db):
        files = Attachment.select(*same, *new).where(_files(source)).order_by(Attachment.id)
        columns = (*same, Attachment.user_id, Attachment.campaign_id, Attachment.created_at)
        Attachment.insert_from(files, columns).execute()


def _files(of: Campaign):
    return (Attachment.campaign_id == of.campaign_id) & (Attachment.user_id == of.user_id)


def delete_campaign(user_id: int, campaign_id: int) -> None:
    """Delete a draft. Raises NotFound, and Conflict after the start: what was sent stays on record."""

    def work():
        otherwise = "A campaign that was started stays on record. Only drafts can be deleted."
        Attachment.delete().where(_files(_lock_draft(user_id, campaign_id, otherwise))).execute()
        CampaignStatus.delete().where(CampaignStatus.campaign_id == campaign_id).execute()
        Campaign.delete().where(_owned(user_id, campaign_id)).execute()

    db.transaction(campaign_db, work)


def review(user_id: int, campaign_id: int, *, accounts, public_url: str, warn_at: int = 5) -> Review:
    """The last look before the start. `accounts`: those of the user that may send; `public_url` and `warn_at`: the
    settings `public_url` and `campaigns_warning`. Raises NotFound."""
    campaign = get_campaign(user_id, campaign_id)
    with db.session(campaign_db):
        chosen = RecipientList.get_or_none(_list(user_id, campaign.list_id))
        first = Recipient.select().where(Recipient.list_id == campaign.list_id).order_by(Recipient.id).first()
        found = look_over(campaign, chosen, first, accounts, under_way(user_id), warn_at)
        owner = User.get_or_none(User.id == user_id)
        unverified = trial.strangers(user_id, campaign.list_id)
        on_trial = [Problem(trial.sentence(unverified), "addresses")] if unverified else []
        refused = allowance.refusal(user_id, chosen.size if chosen else 0)
        on_trial += [Problem(refused, "")] if refused else []
        return replace(found, problems=[*found.problems, *on_trial, *about_sender(owner, public_url)])


def under_way(user_id: int) -> int:
    """How many campaigns of the user are sent at once."""
    going = (Campaign.user_id == user_id) & CampaignStatus.status.in_(["staging", "running"])
    with db.session(campaign_db):
        return _with_status(Campaign.campaign_id).where(going).count()


def start(user_id: int, campaign_id: int, *, due_at: int | None = None, warn_at: int = 5) -> Campaign:
    """draft or scheduled -> staging. The recipients on the list now are those of the campaign: `.stage_until` is the
    last one's id. `due_at`: only if it is scheduled for this instant still. `warn_at`: so many at once are logged.

    The caller hands it over to Server 2 (`queue.control.open_campaign`); if it cannot, the workers find it by
    `started`. Raises NotFound, and Conflict where there is nothing to start.
    """

    def work():
        draft = _lock(user_id, campaign_id)
        if draft.status.status not in ("draft", "scheduled"):
            raise Conflict("This campaign was started already.")
        if due_at and (draft.status.status, draft.status.start_at) != ("scheduled", due_at):
            raise Conflict("This campaign was scheduled anew.")
        now = db.now(campaign_db)
        draft.stage_until = _last_recipient(draft.list_id, now)
        total = Recipient.select().where(_staged(draft)).count()
        if not total:
            raise Conflict("Choose a list with recipients first.")
        db.locked(User.select(User.id).where(User.id == user_id)).first()  # two at once must not both be the last
        if refused := allowance.refusal(user_id, total):
            raise Conflict(refused)
        if unverified := trial.strangers(user_id, draft.list_id, until=draft.stage_until):
            raise Conflict(trial.sentence(unverified))
        counts = {"total_emails": total, "pending_emails": total}
        values = {"status": "staging", **counts, "started_at": now, "note": ""}
        CampaignStatus.update(**values).where(CampaignStatus.campaign_id == campaign_id).execute()
        return draft

    campaign = db.transaction(campaign_db, work)
    log.info("campaign %s of user %s: started", campaign_id, user_id)
    if (number := under_way(user_id)) >= warn_at:
        log.warning("user %s: %s campaigns at once; the guide recommends 3 to 5 at most", user_id, number)
    return campaign


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
        "content": content(campaign),
        "send_windows": campaign.send_windows,
    }


def content(campaign: Campaign) -> dict:
    """What Server 2 keeps of the message at the start, as `control.open_campaign` takes it."""
    columns = (Attachment.filename, Attachment.content_type, Attachment.data)
    with db.session(campaign_db):
        files = list(Attachment.select(*columns).where(_files(campaign)).order_by(Attachment.id).tuples())
        owner = User.select(User.organisation, User.postal_address).where(User.id == campaign.user_id).dicts().first()
    message = drafts.frozen(campaign)
    same = {name: getattr(campaign, name) for name in (*SENDER, *TRACKING)}
    links = tracking.links(message["html"]) if campaign.tracks_clicks else []
    return {**message, **same, **(owner or {}), "attachments": files, "links": links}


def mirror(user_id: int, campaign_id: int, status: str, note: str = "") -> None:
    """Show at once what Server 2 has just decided; a snapshot that a worker took before that is ignored."""
    get_campaign(user_id, campaign_id)
    with db.session(crm_db):
        decided_at = db.now(crm_db)
    with db.session(campaign_db):
        CampaignStatus.update(status=status, note=note[:500], snapshot_at=decided_at).where(
            (CampaignStatus.campaign_id == campaign_id) & (CampaignStatus.status != "draft")
        ).execute()

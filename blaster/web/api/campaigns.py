"""Campaigns: drafts, and what they do once they are started."""

from datetime import datetime
from typing import Annotated

from flask import request
from pydantic import Field

from blaster import campaigns, drafts
from blaster.errors import Conflict
from blaster.idempotency import once
from blaster.models.campaign_db import Campaign as Row
from blaster.queue import control, guard
from blaster.web import launch
from blaster.web.api.models import HIGHEST, Answer, Limit, Next, Query, Taken, instant
from blaster.web.api.operation import KEY, operation


class Campaign(Answer):
    id: int
    name: str
    status: Annotated[str, Field(description="draft, scheduled, staging, running, paused, cancelling, …")]
    note: Annotated[str, Field(description="Why it is paused, in words.")]
    list_id: int | None
    subject: str
    sender_name: str
    sender_email: str
    reply_to: str
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class Campaigns(Answer):
    items: list[Campaign]
    next: Next


class Newest(Query):
    before: Annotated[int, Field(ge=0, le=HIGHEST, description="Only campaigns older than this id.")] = 0
    limit: Limit = 100


class NewCampaign(Taken):
    name: Annotated[str, Field(max_length=drafts.LONGEST["name"])]
    list_id: Annotated[int, Field(ge=1, le=HIGHEST)] | None = None
    subject: str = ""
    preheader: str = ""
    sender_name: str = ""
    sender_email: Annotated[str, Field(description="Empty: the address of each account that sends.")] = ""
    reply_to: str = ""
    html: Annotated[str, Field(description="With merge tags, as in {{ first_name }}.")] = ""
    text: Annotated[str, Field(description="Empty: made from the HTML.")] = ""


class Progress(Answer):
    """Counts of mails; they add up to `total`."""

    status: str
    note: str
    total: int
    pending: int
    active: int
    sent: int
    failed: int
    unknown: int
    suppressed: int
    cancelled: int
    per_minute: int


_COUNTS = ("total", "pending", "active", "sent", "failed", "unknown", "suppressed", "cancelled")


def shown(row: Row) -> Campaign:
    """As programs see it."""
    texts = ("name", "list_id", "subject", "sender_name", "sender_email", "reply_to")
    status = row.status
    return Campaign(
        id=row.campaign_id,
        status=status.status,
        note=status.note,
        created_at=instant(row.created_at),
        started_at=instant(status.started_at),
        finished_at=instant(status.finished_at),
        **{name: getattr(row, name) for name in texts},
    )


def _look(user_id: int, campaign_id: int) -> Campaign:
    return shown(campaigns.get_campaign(user_id, campaign_id))


@operation("GET", "/campaigns", "read", asks=Newest, answers=Campaigns)
def list_campaigns(user_id: int, query: Newest) -> Campaigns:
    """Campaigns, the newest first, a page at a time.

    Send `next` as `before`.
    """
    rows = campaigns.list_campaigns(user_id, before=query.before, limit=query.limit + 1)
    items = [shown(row) for row in rows[: query.limit]]
    return Campaigns(items=items, next=items[-1].id if len(rows) > query.limit else None)


@operation("POST", "/campaigns", "write", takes=NewCampaign, answers=Campaign, status=201, repeats=True)
def create_campaign(user_id: int, body: NewCampaign) -> Campaign:
    """Make a draft.

    With an Idempotency-Key the same call makes one draft, however often it is repeated within a week; another body
    under the same key is refused with 422.
    """
    key = request.headers.get(KEY)
    asked = once(key, body.model_dump_json().encode()) if key is not None else None
    return _look(user_id, campaigns.create_campaign(user_id, once=asked, **body.model_dump()).campaign_id)


@operation("GET", "/campaigns/<int:campaign_id>", "read", answers=Campaign)
def get_campaign(user_id: int, campaign_id: int) -> Campaign:
    """One campaign."""
    return _look(user_id, campaign_id)


@operation("GET", "/campaigns/<int:campaign_id>/progress", "read", answers=Progress)
def get_progress(user_id: int, campaign_id: int) -> Progress:
    """How far a campaign is. At most a few seconds old."""
    status = campaigns.get_campaign(user_id, campaign_id).status
    counts = {name: getattr(status, f"{name}_emails") for name in _COUNTS}
    return Progress(status=status.status, note=status.note, per_minute=status.emails_per_minute, **counts)


@operation("POST", "/campaigns/<int:campaign_id>/start", "send", answers=Campaign)
def start_campaign(user_id: int, campaign_id: int) -> Campaign:
    """Start a draft. 409 where something is missing, in the words of the review page."""
    if problems := launch.look_over(user_id, campaign_id).problems:
        raise Conflict(" ".join(each.text for each in problems))
    launch.start(user_id, campaign_id)
    return _look(user_id, campaign_id)


@operation("POST", "/campaigns/<int:campaign_id>/pause", "send", answers=Campaign)
def pause_campaign(user_id: int, campaign_id: int) -> Campaign:
    """Pause a running campaign. Mails that are on their way still arrive."""
    control.pause(user_id, campaign_id)
    return _changed(user_id, campaign_id, "paused")


@operation("POST", "/campaigns/<int:campaign_id>/resume", "send", answers=Campaign)
def resume_campaign(user_id: int, campaign_id: int) -> Campaign:
    """Let a paused campaign go on.

    409 where it was paused because too much came back: a person has to say on its page that it may go on.
    """
    control.state(user_id, campaign_id)
    if held := guard.outlook(user_id, campaign_id)[1]:
        raise Conflict(f"It was paused for its rate ({held}). Say on its page that it shall go on.")
    return _changed(user_id, campaign_id, control.resume(user_id, campaign_id))


@operation("POST", "/campaigns/<int:campaign_id>/cancel", "send", answers=Campaign)
def cancel_campaign(user_id: int, campaign_id: int) -> Campaign:
    """End a campaign. What is not sent yet stays unsent; this cannot be taken back."""
    control.cancel(user_id, campaign_id)
    return _changed(user_id, campaign_id, "cancelling")


def _changed(user_id: int, campaign_id: int, status: str) -> Campaign:
    campaigns.mirror(user_id, campaign_id, status)
    return _look(user_id, campaign_id)

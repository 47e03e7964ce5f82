"""The ledger of a campaign: what became of each recipient, page by page and as a whole, at any size.

Each question has an index of its own and goes on behind the last row seen, so the last page costs what the first does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from peewee import fn

from blaster import addresses, db
from blaster.db import crm_db
from blaster.errors import NotFound
from blaster.models.archive import CampaignArchive
from blaster.models.crm_db import CampaignControl, Mail

STATES = {
    "pending": ("pending",),
    "active": ("claimed", "sending"),
    **{state: (state,) for state in ("sent", "failed", "unknown", "suppressed", "cancelled")},
}
CHUNK = 5_000
_COLUMNS = [field for field in Mail._meta.sorted_fields if field.name != "fields"]


@dataclass(frozen=True)
class Question:
    """What to show: mails in a state, failures of a reply class, addresses that contain a text; empty is any."""

    state: str = ""
    reply_class: str = ""
    search: str = ""

    @property
    def key(self) -> str:
        """The text to look for in address keys."""
        return self.search.strip().casefold()


def page(user_id: int, campaign_id: int, asked: Question, after: str = "", limit: int = 50) -> list[Mail]:
    """Up to `limit` mails behind the position `after` ("" is the start; see `position`), without their merge values.

    Found by a search: in the order of the addresses. In a state: those that have it longest come last, but pending
    ones that are due first come first. All: in the order of the list. Raises NotFound for strangers and before the
    start.
    """
    _check(user_id, campaign_id)
    with db.session(crm_db):
        return _page(campaign_id, asked, after, limit)


def archived_at(user_id: int, campaign_id: int) -> int | None:
    """When its mails began to leave the queue (ms); None while they are all there. Raises as `page`."""
    _check(user_id, campaign_id)
    with db.session(crm_db):
        began = CampaignArchive.select(fn.MIN(CampaignArchive.began_at))
        return began.where(CampaignArchive.campaign_id == campaign_id).scalar()


def position(asked: Question, mail: Mail) -> str:
    """Where `page` goes on behind this mail."""
    if asked.key:
        return mail.email_key
    return f"{mail.due_at}-{mail.id}" if _states(asked) else str(mail.recipient_id)


def every(user_id: int, campaign_id: int, asked: Question) -> Iterator[Mail]:
    """All mails that `page` would show, for an export. Reads in chunks: no transaction lasts as long as a download."""
    _check(user_id, campaign_id)
    return _chunks(campaign_id, asked)


def _chunks(campaign_id: int, asked: Question) -> Iterator[Mail]:
    after = ""
    while True:
        with db.session(crm_db):
            mails = _page(campaign_id, asked, after, CHUNK)
        yield from mails
        if len(mails) < CHUNK:
            return
        after = position(asked, mails[-1])


def _check(user_id: int, campaign_id: int) -> None:
    mine = (CampaignControl.campaign_id == campaign_id) & (CampaignControl.user_id == user_id)
    with db.session(crm_db):
        if not CampaignControl.select().where(mine).exists():
            raise NotFound("No such campaign, or it has not been started.")


def _page(campaign_id: int, asked: Question, after: str, limit: int) -> list[Mail]:
    here = Mail.campaign_id == campaign_id
    if asked.reply_class:
        here &= Mail.reply_class == asked.reply_class
    if asked.key:
        return list(_found(here, asked, after).limit(limit))
    if states := _states(asked):
        pages = [_in_state(here, state, after, limit) for state in states]
        # One state at a time: the index gives each in order, without a sort.
        return list(islice(merge(*pages, key=_order(states[0])), limit))
    behind = Mail.recipient_id > _numbers(after, 1)[0] if after else Mail.recipient_id >= 0
    return list(Mail.select(*_COLUMNS).where(here & behind).order_by(Mail.recipient_id).limit(limit))


def _states(asked: Question) -> tuple[str, ...]:
    return ("failed",) if asked.reply_class else STATES.get(asked.state, ())


def _found(here, asked: Question, after: str):
    try:
        here &= Mail.email_key == addresses.normalise(asked.search)[1]
    except ValueError:
        here &= Mail.email_key.contains(asked.key)
    if states := _states(asked):
        # COALESCE hides the status from the optimizer: the index of addresses finds fewer rows than that of states.
        here &= fn.COALESCE(Mail.status, "").in_(states)
    return Mail.select(*_COLUMNS).where(here & (Mail.email_key > after)).order_by(Mail.email_key)


def _in_state(here, state: str, after: str, limit: int) -> list[Mail]:
    """First the ids, which the index alone has: with more columns MariaDB takes it for cheaper to walk over all rows
    of the state, from the first one (0.7 s instead of 2 ms in the middle of a million)."""
    here &= Mail.status == state
    due, last = _numbers(after, 2)
    if state == "pending":
        # Not (due_at, id) > (…, …): MySQL and MariaDB do not use the index for that.
        behind = (Mail.due_at > due) | ((Mail.due_at == due) & (Mail.id > last))
        order = (Mail.due_at, Mail.id)
    else:
        behind = (Mail.due_at < due) | ((Mail.due_at == due) & (Mail.id < last))
        order = (Mail.due_at.desc(), Mail.id.desc())
    query = Mail.select(Mail.id).where(here & behind if after else here).order_by(*order).limit(limit)
    ids = [mail_id for (mail_id,) in query.tuples()]
    return sorted(Mail.select(*_COLUMNS).where(Mail.id.in_(ids)), key=_order(state))


def _order(state: str):
    sign = 1 if state == "pending" else -1
    return lambda mail: (sign * mail.due_at, sign * mail.id)


def _numbers(after: str, count: int) -> list[int]:
    """The numbers of a position; zeros where it is none of ours."""
    parts = after.split("-")
    fits = len(parts) == count and all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts)
    return [int(part) for part in parts] if fits else [0] * count

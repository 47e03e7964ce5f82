"""Addresses that get no mail."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from blaster import erased, suppressions
from blaster.models.crm_db import Suppression as Row
from blaster.web.api.models import HIGHEST, Answer, Limit, Next, Query, Taken, instant
from blaster.web.api.operation import operation

Address = Annotated[str, Field(min_length=1, max_length=254)]


class Suppression(Answer):
    id: int
    address: Annotated[str, Field(description="An address, or a domain as @example.com.")]
    reason: str
    list_id: Annotated[int | None, Field(description="The one list that it holds for; null: all.")]
    created_at: datetime | None


class Suppressions(Answer):
    items: list[Suppression]
    next: Next


class Newest(Query):
    before: Annotated[int, Field(ge=0, le=HIGHEST, description="Only entries older than this id.")] = 0
    limit: Limit = 100


class Asked(Query):
    address: Address


class Found(Answer):
    suppressed: Annotated[bool, Field(description="No list of yours gets mail to it.")]
    entries: list[Suppression]


class Addresses(Taken):
    addresses: Annotated[list[Address], Field(min_length=1, max_length=1000)]


class AddedSuppressions(Answer):
    """Each of the addresses is counted once."""

    added: int
    known: int
    refused: list[str]


def shown(row: Row) -> Suppression:
    """As programs see it; of an erased address only that it is one."""
    address = "" if row.reason == suppressions.ERASED else row.email
    made = instant(row.created_at)
    return Suppression(id=row.id, address=address, reason=row.reason, list_id=row.list_id or None, created_at=made)


@operation("GET", "/suppressions", "read", asks=Newest, answers=Suppressions)
def list_suppressions(user_id: int, query: Newest) -> Suppressions:
    """Addresses and domains that get no mail, the newest first, a page at a time.

    Send `next` as `before`.
    """
    rows = suppressions.search(user_id, before=query.before, limit=query.limit + 1)
    items = [shown(row) for row in rows[: query.limit]]
    return Suppressions(items=items, next=items[-1].id if len(rows) > query.limit else None)


@operation("POST", "/suppressions", "write", takes=Addresses, answers=AddedSuppressions)
def add_suppressions(user_id: int, body: Addresses) -> AddedSuppressions:
    """Let up to 1,000 addresses, or domains as @example.com, get no mail any more. Safe to repeat."""
    done = suppressions.add_all(user_id, body.addresses)
    return AddedSuppressions(added=done.added, known=done.known, refused=[each.original for each in done.refused])


@operation("GET", "/suppressions/check", "read", asks=Asked, answers=Found)
def check_suppression(user_id: int, query: Asked) -> Found:
    """Whether an address gets mail.

    Asks for the address and for its domain, of yours and of the whole installation.
    """
    rows = suppressions.about(user_id, query.address)
    mine = [shown(row) for row in rows if row.user_id == user_id]
    is_erased = erased.among(user_id, [suppressions.key_of(query.address)])
    return Found(suppressed=bool(is_erased) or any(not row.list_id for row in rows), entries=mine)

"""People on lists."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from blaster import recipients
from blaster.errors import NotFound
from blaster.lists import people
from blaster.models.campaign_db import Recipient as Row
from blaster.web.api.models import Answer, Next, Page, Taken, instant
from blaster.web.api.operation import operation

Value = Annotated[str, Field(max_length=people.LONGEST)]


class Recipient(Answer):
    id: int
    email: str
    fields: dict[str, str]
    created_at: datetime | None


class Recipients(Answer):
    items: list[Recipient]
    next: Next


class Search(Page):
    search: Annotated[str, Field(max_length=254, description="Only addresses that contain this.")] = ""


class Person(Taken):
    email: Annotated[str, Field(max_length=1000)]
    fields: Annotated[dict[str, Value], Field(max_length=recipients.MOST_FIELDS)] = {}


class People(Taken):
    recipients: Annotated[list[Person], Field(min_length=1, max_length=1000)]


class AddedRecipients(Answer):
    """Each of the recipients is counted once."""

    class Refused(Answer):
        position: Annotated[int, Field(description="In the list that was sent, from 1; 0: not told.")]
        detail: str

    added: int
    updated: Annotated[int, Field(description="Were there already and got new values.")]
    unchanged: int
    refused: list[Refused]


def shown(row: Row) -> Recipient:
    """As programs see it."""
    values = recipients.values(row.fields)
    return Recipient(id=row.id, email=row.email, fields=values, created_at=instant(row.created_at))


@operation("GET", "/lists/<int:list_id>/recipients", "read", asks=Search, answers=Recipients)
def list_recipients(user_id: int, list_id: int, query: Search) -> Recipients:
    """The people on a list, a page at a time.

    In the order they came; with `search` in the order of their addresses. Follow `next` with the same `search`.
    """
    how = {"after": query.after, "limit": query.limit + 1, "search": query.search}
    rows = recipients.list_recipients(user_id, list_id, **how)
    items = [shown(row) for row in rows[: query.limit]]
    return Recipients(items=items, next=items[-1].id if len(rows) > query.limit else None)


@operation("POST", "/lists/<int:list_id>/recipients", "write", takes=People, answers=AddedRecipients)
def add_recipients(user_id: int, list_id: int, body: People) -> AddedRecipients:
    """Put up to 1,000 people on a list.

    Values that are not empty replace those of an address that is there already. Safe to repeat.
    """
    done = recipients.put(user_id, list_id, [(person.email, person.fields) for person in body.recipients])
    refused = [AddedRecipients.Refused(position=each.line, detail=each.reason) for each in done.refused]
    return AddedRecipients(added=done.added, updated=done.updated, unchanged=done.duplicates, refused=refused)


def _on(user_id: int, list_id: int, recipient_id: int) -> Row:
    row = people.get(user_id, recipient_id)
    if row.list_id != list_id:
        raise NotFound("No such recipient.")
    return row


@operation("GET", "/lists/<int:list_id>/recipients/<int:recipient_id>", "read", answers=Recipient)
def get_recipient(user_id: int, list_id: int, recipient_id: int) -> Recipient:
    """One person on a list."""
    return shown(_on(user_id, list_id, recipient_id))


@operation("DELETE", "/lists/<int:list_id>/recipients/<int:recipient_id>", "write", status=204)
def remove_recipient(user_id: int, list_id: int, recipient_id: int) -> None:
    """Take a person off a list. Campaigns that have started keep them: suppress the address to stop those."""
    recipients.remove_recipient(user_id, list_id, recipient_id)

"""Lists of recipients."""

from datetime import datetime

from blaster import recipients
from blaster.models.campaign_db import RecipientList
from blaster.web.api.models import Answer, Name, Taken, instant
from blaster.web.api.operation import operation


class List(Answer):
    id: int
    name: str
    size: int
    fields: list[str]
    created_at: datetime | None


class Lists(Answer):
    items: list[List]


class NewList(Taken):
    name: Name


def shown(found: RecipientList) -> List:
    """As programs see it."""
    fields = recipients.field_names(found)
    return List(id=found.id, name=found.name, size=found.size, fields=fields, created_at=instant(found.created_at))


@operation("GET", "/lists", "read", answers=Lists)
def list_lists(user_id: int) -> Lists:
    """All lists, by name."""
    return Lists(items=[shown(each) for each in recipients.list_lists(user_id)])


@operation("POST", "/lists", "write", takes=NewList, answers=List, status=201)
def create_list(user_id: int, body: NewList) -> List:
    """Make an empty list."""
    return shown(recipients.create_list(user_id, body.name))


@operation("GET", "/lists/<int:list_id>", "read", answers=List)
def get_list(user_id: int, list_id: int) -> List:
    """One list: its size and its merge fields."""
    return shown(recipients.get_list(user_id, list_id))


@operation("DELETE", "/lists/<int:list_id>", "write", status=204)
def delete_list(user_id: int, list_id: int) -> None:
    """Delete a list with its recipients. Not while a campaign needs it."""
    recipients.delete_list(user_id, list_id)

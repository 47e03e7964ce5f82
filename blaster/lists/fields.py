"""The merge fields of a list: the names behind its tags, in the order that pages and files show them."""

import json
from collections.abc import Callable, Iterable

from blaster import db, recipients
from blaster.db import campaign_db
from blaster.errors import Invalid, NotFound
from blaster.mail.merge import KEYWORDS
from blaster.models.campaign_db import RecipientList

MOST = recipients.MOST_FIELDS


def add(user_id: int, list_id: int, name: str) -> None:
    """A field that people may get values for. Raises Invalid, NotFound."""
    _change(user_id, list_id, lambda names: [*names, _new(name, names)])


def replace(user_id: int, list_id: int, old: str, new: str) -> None:
    """Put `new` in the place of `old`, or nothing if it is empty; values stay as they are. Raises Invalid, NotFound."""

    def replaced(names: list[str]) -> list[str]:
        if old not in names:
            raise NotFound("No such field.")
        put = [_new(new, names)] if new else []
        return [kept for name in names for kept in (put if name == old else [name])]

    _change(user_id, list_id, replaced)


def include(chosen: RecipientList, names: Iterable[str]) -> None:
    """Add the names that the list does not have, without saving it."""
    chosen.field_names = json.dumps(list(dict.fromkeys([*recipients.field_names(chosen), *names])))


def _new(name: str, taken: list[str]) -> str:
    name = name.strip()
    if not recipients.FIELD_NAME.fullmatch(name) or name in KEYWORDS or name == "email":
        raise Invalid({"name": "Use letters, digits and _ and begin with a letter, as in first_name."})
    if name in taken:
        raise Invalid({"name": f"The list has a field {name} already."})
    if len(taken) >= MOST:
        raise Invalid({"name": f"A list has at most {MOST} fields."})
    return name


def _change(user_id: int, list_id: int, change: Callable[[list[str]], list[str]]) -> None:
    mine = (RecipientList.id == list_id) & (RecipientList.user_id == user_id)

    def work():
        found = db.locked(RecipientList.select().where(mine)).first()
        if found is None:
            raise NotFound("No such list.")
        found.field_names = json.dumps(change(recipients.field_names(found)))
        found.save(only=[RecipientList.field_names])

    db.transaction(campaign_db, work)

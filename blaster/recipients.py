"""Lists of recipients. An address is on a list once, found by its key; its values serve as merge fields."""

import json
import re
from collections.abc import Iterable
from typing import BinaryIO

from blaster import addresses, db, replica, sheets
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.imports import intake
from blaster.imports.intake import ImportResult
from blaster.mail.merge import KEYWORDS
from blaster.models.campaign_db import Campaign, CampaignStatus, Recipient, RecipientList

MOST_FIELDS = 100
LARGE = 5_000  # rows at once: for a file, no screen shows them
FIELD_NAME = re.compile(r"[^\W\d]\w{0,59}")


def list_lists(user_id: int) -> list[RecipientList]:
    """The user's lists by name."""
    with db.session(campaign_db):
        return list(RecipientList.select().where(RecipientList.user_id == user_id).order_by(RecipientList.name))


def get_list(user_id: int, list_id: int) -> RecipientList:
    """Raises NotFound."""
    with db.session(campaign_db):
        found = RecipientList.get_or_none(_owned(user_id, list_id))
    if found is None:
        raise NotFound("No such list.")
    return found


def _owned(user_id: int, list_id: int):
    return (RecipientList.id == list_id) & (RecipientList.user_id == user_id)


def create_list(user_id: int, name: str) -> RecipientList:
    """An empty list. Raises Invalid."""
    name = _name(name)
    with db.session(campaign_db):
        return RecipientList.create(user_id=user_id, name=name, created_at=db.now(campaign_db))


def _name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= 120:
        raise Invalid({"name": "Give the list a name of up to 120 characters."})
    return name


def rename_list(user_id: int, list_id: int, name: str) -> None:
    """Raises Invalid, NotFound."""
    name = _name(name)
    with db.session(campaign_db):
        if not RecipientList.update(name=name).where(_owned(user_id, list_id)).execute():
            raise NotFound("No such list.")


def delete_list(user_id: int, list_id: int) -> None:
    """Delete a list and its recipients in small transactions. Raises NotFound; Conflict while a campaign needs it."""
    get_list(user_id, list_id)
    _refuse_if_used(list_id)
    while _delete_some(list_id):
        pass
    # Last, so that a deletion that was interrupted can be repeated; SQLite may give the id to the next list.
    with db.session(campaign_db):
        RecipientList.delete().where(_owned(user_id, list_id)).execute()


def _refuse_if_used(list_id: int) -> None:
    over = CampaignStatus.status.in_(["finished", "cancelled"])
    with db.session(campaign_db):
        campaign = (
            Campaign.select(Campaign.name)
            .join(CampaignStatus, on=(CampaignStatus.campaign_id == Campaign.campaign_id))
            .where((Campaign.list_id == list_id) & ~over)
            .first()
        )
    if campaign:
        raise Conflict(f"The campaign “{campaign.name}” needs this list. Finish or delete the campaign first.")


def _delete_some(list_id: int) -> int:
    chosen = Recipient.select(Recipient.id).where(Recipient.list_id == list_id).order_by(Recipient.id).limit(10_000)

    def work():
        ids = [row_id for (row_id,) in chosen.tuples()]
        if ids:
            Recipient.delete().where((Recipient.list_id == list_id) & Recipient.id.between(ids[0], ids[-1])).execute()
        return len(ids)

    return db.transaction(campaign_db, work)


def import_csv(user_id: int, list_id: int, source: BinaryIO | str) -> ImportResult:
    """Add the rows of a file or a pasted text; values that are not empty replace those already there.

    Streams: memory does not grow with the file. Raises Invalid, NotFound. What was stored before an error stays.
    """
    get_list(user_id, list_id)
    return intake.take_in(user_id, list_id, sheets.read(source))


def put(user_id: int, list_id: int, people: Iterable[tuple[str, dict[str, str]]]) -> ImportResult:
    """Add people as (address, values); values that are not empty replace those already there. `refused` counts from 1.

    Raises Invalid for a name that no merge field can have, and NotFound.
    """
    get_list(user_id, list_id)
    people = list(people)
    names = list(dict.fromkeys(name for _, given in people for name in given))
    if wrong := [name for name in names if not FIELD_NAME.fullmatch(name) or name in (*KEYWORDS, "email")]:
        raise Invalid({"fields": f"“{wrong[0]}” is no name of a field: use letters, digits and _, as in first_name."})
    if len(names) > MOST_FIELDS:
        raise Invalid({"fields": f"A list has at most {MOST_FIELDS} fields."})
    rows = (_row(position, *person) for position, person in enumerate(people, start=1))
    return intake.take_in(user_id, list_id, sheets.Sheet(names, rows))


def _row(position: int, address: str, given: dict[str, str]) -> sheets.Row | sheets.Refusal:
    try:
        email, key = addresses.normalise(address)
    except ValueError as error:
        return sheets.Refusal(position, str(error), address)
    return sheets.Row(email, key, as_stored({name: text.strip() for name, text in given.items() if text.strip()}))


def values(fields: str | None) -> dict[str, str]:
    """The merge fields of a recipient, from the column `fields`."""
    return json.loads(fields) if fields else {}


def as_stored(fields: dict[str, str]) -> str | None:
    """The column `fields` for these values."""
    return intake.write_json(fields) if fields else None


def field_names(found: RecipientList) -> list[str]:
    """The merge fields that recipients of the list may have, in the order they were imported."""
    return json.loads(found.field_names or "[]")


def list_recipients(user_id: int, list_id: int, *, after: int = 0, limit: int = 50, search: str = ""):
    """Up to `limit` recipients behind the one with the id `after`, in the order they came.

    With `search` those whose address contains it, in the order of the addresses. Raises NotFound.
    """
    get_list(user_id, list_id)
    here = Recipient.list_id == list_id
    if text := search.strip().casefold():
        return replica.read(lambda database: _search(database, here, text, after, limit))
    query = Recipient.select().where(here & (Recipient.id > after)).order_by(Recipient.id).limit(limit)
    if limit >= LARGE:
        return replica.read(lambda database: list(query.execute(database)))
    with db.session(campaign_db):
        return list(query)


def _search(database, here, text: str, after: int, limit: int) -> list[Recipient]:
    """Through the index of addresses: the one of ids takes five times as long to find nobody."""
    last = Recipient.select(Recipient.email_key).where(here & (Recipient.id == after)).scalar(database) or ""
    here &= Recipient.email_key.contains(text) & (Recipient.email_key > last)
    return list(Recipient.select().where(here).order_by(Recipient.email_key).limit(limit).execute(database))


def _lock(user_id: int, list_id: int) -> None:
    """Its rows change in one transaction at a time."""
    if db.locked(RecipientList.select(RecipientList.id).where(_owned(user_id, list_id))).first() is None:
        raise NotFound("No such list.")


def remove_recipient(user_id: int, list_id: int, recipient_id: int) -> None:
    """Take an address off the list; campaigns that have started keep it. Raises NotFound."""

    def work():
        _lock(user_id, list_id)
        chosen = (Recipient.id == recipient_id) & (Recipient.list_id == list_id)
        if not Recipient.delete().where(chosen).execute():
            raise NotFound("No such recipient.")
        RecipientList.update(size=RecipientList.size - 1).where(_owned(user_id, list_id)).execute()

    db.transaction(campaign_db, work)

"""Lists of recipients. An address is on a list once, found by its key; its values serve as merge fields."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from peewee import SQL

from blaster import csv_import, db
from blaster.csv_import import Refusal, Row
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.campaign_db import Campaign, CampaignStatus, Recipient, RecipientList

CHUNK = 5_000
REFUSED_SHOWN = 1_000
_COLUMNS = (
    Recipient.user_id,
    Recipient.list_id,
    Recipient.email,
    Recipient.email_key,
    Recipient.fields,
    Recipient.created_at,
)
_write_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass
class ImportResult:
    """What became of the rows: each is counted once."""

    added: int = 0
    updated: int = 0  # the address was there, the row brought new values
    duplicates: int = 0  # the address was there with the same values
    refused_count: int = 0
    refused: list[Refusal] = field(default_factory=list)  # the first thousand


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
    """Add the rows of a CSV file or a pasted text; values that are not empty replace those already there.

    Streams: memory does not grow with the file. Raises Invalid, NotFound. What was stored before an error stays.
    """
    get_list(user_id, list_id)
    sheet = csv_import.read(source)
    result = ImportResult()
    try:
        for rows in _chunks(sheet.rows, result):
            _store(user_id, list_id, rows, result)
    finally:
        _recount(user_id, list_id, sheet.names)
    return result


def _chunks(sheet: Iterator[Row | Refusal], result: ImportResult) -> Iterator[list[Row]]:
    while chunk := list(islice(sheet, CHUNK)):
        refused = [row for row in chunk if type(row) is Refusal]
        result.refused_count += len(refused)
        result.refused += refused[: REFUSED_SHOWN - len(result.refused)]
        if rows := [row for row in chunk if type(row) is Row]:
            yield rows


def _store(user_id: int, list_id: int, rows: list[Row], result: ImportResult) -> None:
    def work():
        _lock(user_id, list_id)
        changed, added, updated = _merge(_stored(list_id, [row.key for row in rows]), rows)
        now = db.now(campaign_db)
        new = [(user_id, list_id, email, key, as_stored(fields), now) for key, (email, fields) in changed.items()]
        if new:
            db.upsert(Recipient, _COLUMNS, new, replace=(Recipient.fields,))
        return added, updated

    added, updated = db.transaction(campaign_db, work)
    result.added += added
    result.updated += updated
    result.duplicates += len(rows) - added - updated


def _lock(user_id: int, list_id: int) -> None:
    """One import at a time for a list: values are read, merged and written back."""
    if db.locked(RecipientList.select(RecipientList.id).where(_owned(user_id, list_id))).first() is None:
        raise NotFound("No such list.")


def _stored(list_id: int, keys: list[str]) -> dict[str, str | None]:
    """The values of those addresses that are on the list already, as stored."""
    # Not `in_`: thousands of keys take peewee 7 us each, which is a fifth of the import.
    among = SQL(f"email_key IN ({', '.join([campaign_db.param] * len(keys))})", keys)
    rows = Recipient.select(Recipient.email_key, Recipient.fields).where((Recipient.list_id == list_id) & among)
    return dict(rows.tuples())


def _merge(stored: dict[str, str | None], rows: list[Row]) -> tuple[dict[str, tuple[str, dict]], int, int]:
    """What must be written, by key, and how many rows added an address or changed its values."""
    changed: dict[str, tuple[str, dict]] = {}
    added = updated = 0
    for email, key, fields in rows:
        if key in changed:
            email, before = changed[key]  # as it was first spelled
        elif key in stored:
            before = values(stored[key])
        else:
            changed[key] = email, fields
            added += 1
            continue
        merged = before | fields
        if merged != before:
            changed[key] = email, merged
            updated += 1
    return changed, added, updated


def values(fields: str | None) -> dict[str, str]:
    """The merge fields of a recipient, from the column `fields`."""
    return json.loads(fields) if fields else {}


def as_stored(fields: dict[str, str]) -> str | None:
    """The column `fields` for these values."""
    return _write_json(fields) if fields else None


def field_names(found: RecipientList) -> list[str]:
    """The merge fields that recipients of the list may have, in the order they were imported."""
    return json.loads(found.field_names or "[]")


def _recount(user_id: int, list_id: int, names: list[str] = ()) -> None:
    """Make `size` exact, and add to the field names."""

    def work():
        found = db.locked(RecipientList.select().where(_owned(user_id, list_id))).first()
        if found:
            found.field_names = json.dumps(list(dict.fromkeys([*field_names(found), *names])))
            found.size = Recipient.select().where(Recipient.list_id == list_id).count()
            found.save(only=[RecipientList.field_names, RecipientList.size])

    db.transaction(campaign_db, work)


def list_recipients(user_id: int, list_id: int, *, after: int = 0, limit: int = 50, search: str = ""):
    """Up to `limit` recipients with an id above `after`, whose address contains `search`. Raises NotFound."""
    get_list(user_id, list_id)
    chosen = (Recipient.list_id == list_id) & (Recipient.id > after)
    if search := search.strip().casefold():
        chosen &= Recipient.email_key.contains(search)
    with db.session(campaign_db):
        return list(Recipient.select().where(chosen).order_by(Recipient.id).limit(limit))


def remove_recipient(user_id: int, list_id: int, recipient_id: int) -> None:
    """Take an address off the list; campaigns that have started keep it. Raises NotFound."""

    def work():
        _lock(user_id, list_id)
        chosen = (Recipient.id == recipient_id) & (Recipient.list_id == list_id)
        if not Recipient.delete().where(chosen).execute():
            raise NotFound("No such recipient.")
        RecipientList.update(size=RecipientList.size - 1).where(RecipientList.id == list_id).execute()

    db.transaction(campaign_db, work)

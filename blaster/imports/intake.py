"""Puts rows onto a list. An address is on it once, found by its key; values that are not empty replace those there."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import peewee
from peewee import SQL

from blaster import db, erased
from blaster.db import campaign_db
from blaster.errors import NotFound
from blaster.models.campaign_db import Recipient, RecipientList
from blaster.sheets import Refusal, Row, Sheet

CHUNK = 10_000
REFUSED_SHOWN = 1_000
_COLUMNS = (
    Recipient.user_id,
    Recipient.list_id,
    Recipient.email,
    Recipient.email_key,
    Recipient.fields,
    Recipient.created_at,
    Recipient.import_id,
)
write_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass
class ImportResult:
    """What became of the rows: each is counted once."""

    added: int = 0
    updated: int = 0  # the address was there, the row brought new values
    duplicates: int = 0  # the address was there with the same values
    refused_count: int = 0
    refused: list[Refusal] = field(default_factory=list)  # the first thousand


@dataclass
class Chunk:
    """So many rows of a sheet."""

    rows: list[Row]
    refused: list[Refusal]


def chunks(rows: Iterator[Row | Refusal]) -> Iterator[Chunk]:
    """The sheet in pieces that fit a transaction."""
    while some := list(islice(rows, CHUNK)):
        yield Chunk([row for row in some if type(row) is Row], [row for row in some if type(row) is Refusal])


def without_erased(user_id: int, chunk: Chunk) -> Chunk:
    """Who was erased is refused, and the refusal does not say who it was."""
    gone = erased.among(user_id, [row.key for row in chunk.rows])
    if not gone:
        return chunk
    rows = [row for row in chunk.rows if row.key not in gone]
    refused = [Refusal(0, erased.SENTENCE, "")] * (len(chunk.rows) - len(rows))
    return Chunk(rows, chunk.refused + refused)


def take_in(user_id: int, list_id: int, sheet: Sheet) -> ImportResult:
    """All rows of a sheet, at once. Memory does not grow with it. What was stored before an error stays."""
    result, target = ImportResult(), Target(user_id, list_id, sheet.names)
    for chunk in chunks(sheet.rows):
        chunk = without_erased(user_id, chunk)
        added, updated = target.put(chunk.rows) if chunk.rows else (0, 0)
        result.added += added
        result.updated += updated
        result.duplicates += len(chunk.rows) - added - updated
        result.refused_count += len(chunk.refused)
        result.refused += chunk.refused[: REFUSED_SHOWN - len(result.refused)]
    return result


class Target:
    """A list that takes rows in. `names`: their merge fields."""

    def __init__(self, user_id: int, list_id: int, names: Iterable[str], import_id: int | None = None):
        self.user_id, self.list_id, self.import_id = user_id, list_id, import_id
        self.names = list(names)
        self._all_new = True  # to ask which addresses are there takes longer than to write them

    def put(self, rows: list[Row], then: Callable[[int, int], None] = lambda added, updated: None) -> tuple[int, int]:
        """How many rows added an address or changed its values. `then` runs in the same transaction.

        Raises NotFound when the list is gone.
        """
        if self._all_new:
            try:
                return db.transaction(campaign_db, lambda: self._put(rows, {}, then))
            except peewee.IntegrityError:  # somebody is on the list already
                self._all_new = False
        keys = [row.key for row in rows]
        stored: dict[str, str | None] = {}

        def work():
            self._lock()
            stored.update(self._stored(keys))
            return self._put(rows, stored, then)

        counts = db.transaction(campaign_db, work)
        self._all_new = not stored
        return counts

    def _put(self, rows: list[Row], stored: dict, then: Callable[[int, int], None]) -> tuple[int, int]:
        found = self._lock()
        changed, added, updated = merge(stored, rows)
        now = db.now(campaign_db)
        new = [
            (self.user_id, self.list_id, email, key, fields, now, self.import_id)
            for key, (email, fields) in changed.items()
        ]
        if stored:
            db.upsert(Recipient, _COLUMNS, new, replace=(Recipient.fields,))
        else:
            db.insert(Recipient, _COLUMNS, new)
        self._grow(found, added)
        then(added, updated)
        return added, updated

    def _lock(self) -> RecipientList:
        """One chunk at a time for a list: values are read, merged and written back."""
        found = db.locked(RecipientList.select().where(self._owned())).first()
        if found is None:
            raise NotFound("No such list.")
        return found

    def _owned(self):
        return (RecipientList.id == self.list_id) & (RecipientList.user_id == self.user_id)

    def _stored(self, keys: list[str]) -> dict[str, str | None]:
        """The values of those addresses that are on the list already, as stored."""
        # Not `in_`: thousands of keys take peewee 7 us each, which is a fifth of the import.
        among = SQL(f"email_key IN ({', '.join([campaign_db.param] * len(keys))})", keys)
        rows = Recipient.select(Recipient.email_key, Recipient.fields).where(
            (Recipient.list_id == self.list_id) & among
        )
        return dict(rows.tuples())

    def _grow(self, found: RecipientList, added: int) -> None:
        names = json.dumps(list(dict.fromkeys([*json.loads(found.field_names or "[]"), *self.names])))
        changes = {RecipientList.size: RecipientList.size + added, RecipientList.field_names: names}
        RecipientList.update(changes).where(self._owned()).execute()


def merge(stored: dict[str, str | None], rows: list[Row]) -> tuple[dict[str, tuple[str, str | None]], int, int]:
    """What must be written, by key, and how many rows added an address or changed its values."""
    changed: dict[str, tuple[str, str | None]] = {}
    added = updated = 0
    for email, key, fields in rows:
        if key in changed:
            email, before = changed[key]  # as it was first spelled
        elif key in stored:
            before = stored[key]
        else:
            changed[key] = email, fields
            added += 1
            continue
        if not fields or fields == before:
            continue
        old = json.loads(before or "{}")
        merged = old | json.loads(fields)
        if merged != old:
            changed[key] = email, write_json(merged)
            updated += 1
    return changed, added, updated

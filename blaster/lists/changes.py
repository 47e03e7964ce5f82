"""What long work does to one chunk of a list, inside the transaction that moves its mark."""

from collections.abc import Iterable

from peewee import fn

from blaster import db, recipients
from blaster.db import campaign_db
from blaster.models.campaign_db import Recipient
from blaster.models.list_work import ListWork

_OTHERS = [field for field in Recipient._meta.sorted_fields if field.name not in ("id", "list_id", "created_at")]


def next_chunk(work: ListWork, size: int) -> tuple[int, int]:
    """(id of the last recipient in it, how many they are)"""
    waiting = (Recipient.list_id == work.list_id) & Recipient.id.between(work.walked_to + 1, work.walk_until)
    chunk = Recipient.select(Recipient.id).where(waiting).order_by(Recipient.id).limit(size)
    last, count = Recipient.select(fn.MAX(chunk.c.id), fn.COUNT(chunk.c.id)).from_(chunk).tuples().get()
    return last or 0, count


def apply(work: ListWork, last: int) -> None:
    """The chunk that ends with the recipient `last`."""
    if work.kind == "copy":
        _join_values(work, last)
        _add_missing(work, last)
    else:
        _rename(work, last)


def _between(table, work: ListWork, last: int):
    return (table.list_id == work.list_id) & (table.id > work.walked_to) & (table.id <= last)


def _join_values(work: ListWork, last: int) -> None:
    """Of those who are on both lists with different values: the incoming ones win, as with an import."""
    source = Recipient.alias()
    same = (Recipient.list_id == work.target_id) & (Recipient.email_key == source.email_key)
    differs = source.fields.is_null(False) & (Recipient.fields.is_null() | (Recipient.fields != source.fields))
    query = Recipient.select(Recipient, source.fields.alias("incoming")).join(source, on=same)
    rows = query.where(_between(source, work, last) & differs).objects()
    _write((row, recipients.values(row.fields) | recipients.values(row.incoming)) for row in rows)


def _add_missing(work: ListWork, last: int) -> None:
    """In one statement, whatever columns recipients have: nothing leaves the database."""
    names = ", ".join(field.column_name for field in _OTHERS)
    picked = ", ".join(f"s.{field.column_name}" for field in _OTHERS)
    query = (
        f"INSERT INTO recipients (list_id, created_at, {names}) SELECT %s, %s, {picked} FROM recipients AS s"
        " WHERE s.list_id=%s AND s.id>%s AND s.id<=%s AND NOT EXISTS"
        " (SELECT 1 FROM recipients AS t WHERE t.list_id=%s AND t.email_key=s.email_key) ORDER BY s.id"
    )
    chosen = (work.list_id, work.walked_to, last, work.target_id)
    db.execute(campaign_db, query, work.target_id, db.now(campaign_db), *chosen)


def _rename(work: ListWork, last: int) -> None:
    """A value that came under the new name meanwhile stays."""
    has_it = Recipient.fields.contains(f'"{work.old}"')
    rows = Recipient.select().where(_between(Recipient, work, last) & has_it)
    _write((row, _renamed(recipients.values(row.fields), work.old, work.new)) for row in rows)


def _renamed(values: dict[str, str], old: str, new: str) -> dict[str, str]:
    if not new or new in values:
        return {name: value for name, value in values.items() if name != old}
    return {new if name == old else name: value for name, value in values.items()}


def _write(rows: Iterable[tuple[Recipient, dict[str, str]]]) -> None:
    columns = Recipient._meta.sorted_fields[1:]  # all but the id
    changed = []
    for row, values in rows:
        row.fields = recipients.as_stored(values)
        changed.append(tuple(getattr(row, field.name) for field in columns))
    if changed:
        db.upsert(Recipient, columns, changed, replace=(Recipient.fields,))

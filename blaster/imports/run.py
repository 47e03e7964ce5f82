"""Reads an upload bit by bit. Each bit moves the mark of how far it came in the transaction that puts its rows onto the
list, so a process may die anywhere and another goes on, and two that meet do not count a row twice."""

from collections.abc import Iterator
from itertools import islice

from peewee import SQL

from blaster import db, sheets
from blaster.db import campaign_db, crm_db
from blaster.errors import Invalid, NotFound
from blaster.imports import chunks, intake, uploads
from blaster.imports.intake import Chunk, Target
from blaster.models.crm_db import Suppression
from blaster.models.imports import Import, ImportRefusal
from blaster.sheets.columns import load

_REFUSAL = (ImportRefusal.import_id, ImportRefusal.line, ImportRefusal.reason, ImportRefusal.original)


class _Overtaken(Exception):
    """It was cancelled, or another process reads it."""


def waiting() -> list[int]:
    """The imports that have something to do, in the order they came."""
    with db.session(campaign_db):
        rows = Import.select(Import.id).where(Import.state.in_(["waiting", "running"])).order_by(Import.id)
        return [import_id for (import_id,) in rows.tuples()]


def run(import_id: int) -> Iterator[None]:
    """Go on with it where it stands: some thousand rows at each step."""
    found = _begin(import_id)
    if found is None:
        return
    try:
        yield from _read(found)
        _end(found, "finished")
    except Invalid as refusal:
        _end(found, "failed", str(refusal))
    except NotFound:
        _end(found, "failed", "The list was deleted.")
    except (_Overtaken, chunks.Gone):
        return


def fail(import_id: int, note: str) -> None:
    """Give it up; what is on the list already stays."""
    with db.session(campaign_db):
        found = Import.get_or_none(Import.id == import_id)
    if found:
        _end(found, "failed", note)


def _begin(import_id: int) -> Import | None:
    is_open = (Import.id == import_id) & Import.state.in_(["waiting", "running"])
    with db.session(campaign_db):
        Import.update(state="running").where(is_open).execute()
        return Import.get_or_none(is_open)


def _read(found: Import) -> Iterator[None]:
    source = uploads.opened(found)
    sheet = sheets.read(source, load(found.columns))
    next(islice(sheet.rows, found.rows_read, found.rows_read), None)
    target = Target(found.user_id, found.list_id, sheet.names, found.id)
    for chunk in intake.chunks(sheet.rows):
        _store(found, target, intake.without_erased(found.user_id, chunk), source.raw.tell())
        yield


def _store(found: Import, target: Target, chunk: Chunk, octets: int) -> None:
    rows_read = found.rows_read + len(chunk.rows) + len(chunk.refused)
    suppressed = _suppressed(found, [row.key for row in chunk.rows])

    def count(added: int, updated: int) -> None:
        if not _is_ours(found, rows_read):
            return
        changes = {
            Import.rows_read: rows_read,
            Import.octets_read: octets,
            Import.added: Import.added + added,
            Import.updated: Import.updated + updated,
            Import.duplicates: Import.duplicates + len(chunk.rows) - added - updated,
            Import.suppressed: Import.suppressed + suppressed,
            Import.refused: Import.refused + len(chunk.refused),
        }
        Import.update(changes).where(Import.id == found.id).execute()
        if chunk.refused:
            db.insert(ImportRefusal, _REFUSAL, [(found.id, line, why[:300], was) for line, why, was in chunk.refused])

    if chunk.rows:
        target.put(chunk.rows, count)
    else:
        db.transaction(campaign_db, lambda: count(0, 0))
    found.rows_read = rows_read


def _is_ours(found: Import, rows_read: int) -> bool:
    """False where these rows are counted already: the answer to the COMMIT was lost. Raises _Overtaken."""
    now = db.locked(Import.select().where(Import.id == found.id)).first()
    if now is None or now.state != "running" or now.rows_read not in (found.rows_read, rows_read):
        raise _Overtaken
    return now.rows_read == found.rows_read


def _suppressed(found: Import, keys: list[str]) -> int:
    """How many of these will get no mail: suppressed by address or domain, for the list, the user or everybody."""
    mine = Suppression.user_id.in_([found.user_id, 0]) & Suppression.list_id.in_([found.list_id, 0])
    with db.session(crm_db):
        if not keys or not Suppression.select().where(mine).exists():
            return 0
        asked = [*keys, *{_domain(key) for key in keys}]
        among = SQL(f"email_key IN ({', '.join([crm_db.param] * len(asked))})", asked)
        there = {key for (key,) in Suppression.select(Suppression.email_key).where(mine & among).tuples()}
    return sum(key in there or _domain(key) in there for key in keys) if there else 0


def _domain(key: str) -> str:
    return key[key.rindex("@") :]


def _end(found: Import, state: str, note: str = "") -> None:
    with db.session(campaign_db):
        changes = {"state": state, "note": note[:300], "finished_at": db.now(campaign_db)}
        Import.update(changes).where((Import.id == found.id) & (Import.state == "running")).execute()
    chunks.delete(found.id)

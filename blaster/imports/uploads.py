"""What a user does about an import: brings a file, says what its columns mean and how people agreed, starts, stops."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import BufferedReader
from typing import BinaryIO

from blaster import db, sheets
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.imports import chunks
from blaster.models.campaign_db import RecipientList
from blaster.models.imports import Import, ImportChunk, ImportRefusal
from blaster.sheets import Look, workbook
from blaster.sheets.columns import Columns

CONSENT = {
    "form": "They signed up with a form",
    "customer": "They are customers",
    "event": "They left their address at an event",
    "other": "In another way",
}
MOST_WAITING = 20  # uploads of a user that were not imported yet
UPLOADS_KEPT = 86_400_000  # ms
REFUSALS_KEPT = 30 * 86_400_000  # ms; they hold what people typed about others
OVER = ("finished", "cancelled", "failed")


def create(user_id: int, list_id: int, file_name: str, source: BinaryIO) -> Import:
    """Keep a file, as text in UTF-8 or whatever it came in, until it is read. Raises Invalid, NotFound, Conflict."""
    _require_list(user_id, list_id)
    found = _new(user_id, list_id, file_name)
    try:
        if workbook.is_one(source):
            pieces = workbook.text(source)
            found.sheet_name = next(pieces).decode().strip()[:255]
        else:
            pieces = iter(lambda: source.read(chunks.SIZE), b"")
        found.size = chunks.write(found.id, pieces)
        sheets.look(opened(found))
    except Invalid:
        _forget(found.id)
        raise
    found.state = "ready"
    with db.session(campaign_db):
        found.save(only=[Import.state, Import.size, Import.sheet_name])
    return found


def _new(user_id: int, list_id: int, file_name: str) -> Import:
    with db.session(campaign_db):
        waiting = Import.select().where((Import.user_id == user_id) & Import.state.in_(["uploading", "ready"])).count()
        if waiting >= MOST_WAITING:
            raise Conflict(f"{waiting} files were uploaded and not imported yet. Import or delete some of them first.")
        now = db.now(campaign_db)
        return Import.create(user_id=user_id, list_id=list_id, file_name=file_name[-255:], created_at=now)


def _require_list(user_id: int, list_id: int) -> None:
    with db.session(campaign_db):
        owned = (RecipientList.id == list_id) & (RecipientList.user_id == user_id)
        if not RecipientList.select().where(owned).exists():
            raise NotFound("No such list.")


def opened(found: Import) -> BufferedReader:
    """The text of an import, seekable."""
    return BufferedReader(chunks.Chunks(found.id))


def get(user_id: int, import_id: int) -> Import:
    """Raises NotFound."""
    with db.session(campaign_db):
        found = Import.get_or_none(_owned(user_id, import_id))
    if found is None:
        raise NotFound("No such import.")
    return found


def _owned(user_id: int, import_id: int):
    return (Import.id == import_id) & (Import.user_id == user_id)


def of_list(user_id: int, list_id: int, limit: int = 20) -> list[Import]:
    """The latest imports of a list, newest first."""
    mine = (Import.user_id == user_id) & (Import.list_id == list_id) & (Import.state != "uploading")
    with db.session(campaign_db):
        return list(Import.select().where(mine).order_by(Import.id.desc()).limit(limit))


def look(found: Import, has_titles: bool | None = None) -> Look:
    """The beginning of the file, and a guess what its columns mean. Raises Conflict once it is read and deleted."""
    if found.state != "ready":
        raise Conflict("This import has begun already.")
    return sheets.look(opened(found), has_titles=has_titles)


def start(user_id: int, import_id: int, columns: Columns, *, consent: str, words: str = "", on: str = "") -> None:
    """Let the workers read it. `on`: since when people have agreed, as 2026-11-24.

    Raises Invalid, NotFound, and Conflict where it began already.
    """
    get(user_id, import_id)
    values = _consent(consent, words.strip(), on.strip())
    changes = {"state": "waiting", "columns": columns.dump(), **values}
    with db.session(campaign_db):
        changes["started_at"] = db.now(campaign_db)
        if not Import.update(changes).where(_owned(user_id, import_id) & (Import.state == "ready")).execute():
            raise Conflict("This import has begun already.")


def _consent(kind: str, words: str, on: str) -> dict[str, str]:
    errors = {}
    if kind not in CONSENT:
        errors["consent"] = "Say how these people agreed to get mail from you."
    if kind == "other" and not words:
        errors["words"] = "Say it in a few words."
    if len(words) > 300:
        errors["words"] = "At most 300 characters can be kept."
    try:
        if date.fromisoformat(on) > datetime.now(UTC).date():
            errors["on"] = "This day is still to come."
    except ValueError:
        errors["on"] = "Choose the day; of several, the last one."
    if errors:
        raise Invalid(errors)
    return {"consent": kind, "consent_words": words, "consent_date": on}


def cancel(user_id: int, import_id: int) -> None:
    """Stop it; what is on the list already stays. Raises NotFound, and Conflict when it is over."""
    get(user_id, import_id)
    with db.session(campaign_db):
        open_one = _owned(user_id, import_id) & Import.state.in_(["waiting", "running"])
        changes = {"state": "cancelled", "finished_at": db.now(campaign_db)}
        if not Import.update(changes).where(open_one).execute():
            raise Conflict("This import is over already.")
        chunks.delete(import_id)


def delete(user_id: int, import_id: int) -> None:
    """Forget an upload that was not imported. Raises NotFound, and Conflict where it began already."""
    if get(user_id, import_id).state not in ("ready", "uploading"):
        raise Conflict("This import has begun already; cancel it instead.")
    _forget(import_id)


def _forget(import_id: int) -> None:
    with db.session(campaign_db):
        chunks.delete(import_id)
        ImportRefusal.delete().where(ImportRefusal.import_id == import_id).execute()
        Import.delete().where(Import.id == import_id).execute()


def refusals(user_id: int, import_id: int, *, limit: int | None = None) -> Iterator[tuple[int, str, str]]:
    """(line, reason, original) of the rows that were refused, in the order of the file. Raises NotFound."""
    get(user_id, import_id)
    return _refusals(import_id, limit)


def _refusals(import_id: int, limit: int | None) -> Iterator[tuple[int, str, str]]:
    last, left = 0, limit or 1 << 40
    columns = (ImportRefusal.id, ImportRefusal.line, ImportRefusal.reason, ImportRefusal.original)
    while left > 0:
        chosen = (ImportRefusal.import_id == import_id) & (ImportRefusal.id > last)
        with db.session(campaign_db):
            query = ImportRefusal.select(*columns).where(chosen).order_by(ImportRefusal.id)
            rows = list(query.limit(min(left, 1_000)).tuples())
        if not rows:
            return
        yield from (row[1:] for row in rows)
        last, left = rows[-1][0], left - len(rows)


def tidy() -> int:
    """Forget uploads that nobody imported within a day, imports of lists that are gone, and what lies about of others:
    chunks where a process died at the end, refused rows of a month ago. Returns how many imports are forgotten."""
    with db.session(campaign_db):
        now = db.now(campaign_db)
        over = Import.state.in_(OVER)
        old = Import.state.in_(["uploading", "ready"]) & (Import.created_at < now - UPLOADS_KEPT)
        gone = (over | (Import.state == "ready")) & Import.list_id.not_in(RecipientList.select(RecipientList.id))
        ids = _ids(Import.select(Import.id).where(old | gone).limit(100))
        chunks_left = _ids(
            Import.select(Import.id).where(over & Import.id.in_(ImportChunk.select(ImportChunk.import_id)))
        )
        refused = ImportRefusal.select(ImportRefusal.import_id)
        past = over & (Import.finished_at < now - REFUSALS_KEPT)
        refusals_left = _ids(Import.select(Import.id).where(past & Import.id.in_(refused)).limit(100))
        ImportRefusal.delete().where(ImportRefusal.import_id.in_(refusals_left)).execute()
    for import_id in chunks_left:
        chunks.delete(import_id)
    for import_id in ids:
        _forget(import_id)
    return len(ids)


def _ids(query) -> list[int]:
    return [import_id for (import_id,) in query.tuples()]

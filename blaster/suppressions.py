"""Who gets no mail: from a user, from one of their lists, or from anybody here (`user_id` 0). Claims read it.

An entry outlives lists and imports. It goes by `lift` only, which keeps who took it back and why.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, starmap
from typing import BinaryIO

from peewee import fn

from blaster import addresses, db, sheets
from blaster.db import campaign_db, crm_db
from blaster.errors import Invalid, NotFound
from blaster.models.campaign_db import Campaign, RecipientList
from blaster.models.consent import LiftedSuppression
from blaster.models.crm_db import CampaignControl, Suppression
from blaster.sheets import Refusal, Row

EVERYBODY = 0  # in place of a user
ALL_LISTS = 0
REASONS = ("unsubscribe", "hard", "complaint", "manual", "import", "erased")
UNSUBSCRIBE, HARD, COMPLAINT, MANUAL, IMPORT, ERASED = REASONS
CHUNK = 5_000
REFUSED_SHOWN = 1_000
_COLUMNS = (
    *(Suppression.user_id, Suppression.list_id, Suppression.email, Suppression.email_key),
    *(Suppression.reason, Suppression.campaign_id, Suppression.created_at),
)
_KEPT = ("user_id", "list_id", "email", "email_key", "reason", "created_at")  # of an entry that is lifted


@dataclass
class Taken:
    """What became of the rows that were to be suppressed: each is counted once."""

    added: int = 0
    known: int = 0
    refused_count: int = 0
    refused: list[Refusal] = field(default_factory=list)  # the first thousand


def record(
    user_id: int, email: str, key: str, reason: str, *, list_id: int = ALL_LISTS, campaign_id: int | None = None
) -> None:
    """Suppress an address (and its key) because of what its server or its owner said. Safe to repeat.

    A hard bounce or a complaint stands in place of an older reason, since a recipient cannot take those back.
    """
    replaced = (Suppression.reason, Suppression.campaign_id) if reason in (HARD, COMPLAINT) else ()
    _store([(user_id, list_id, email, key, reason, campaign_id)], replaced)


def complain(user_id: int, email: str, key: str, campaign_id: int | None) -> None:
    """Suppress for the whole installation, and for the user whose mail it was, who is to see it."""
    for owner in (EVERYBODY, user_id):
        record(owner, email, key, COMPLAINT, campaign_id=campaign_id)


def _store(rows: list[tuple], replace: tuple = ()) -> int:
    """Rows as _COLUMNS without the instant; returns how many are new."""

    def work():
        before = _count(rows)
        now = db.now(crm_db)
        timed = [(*row, now) for row in rows]
        db.upsert(Suppression, _COLUMNS, timed, replace=replace) if replace else _insert(timed)
        return len({row[3] for row in rows}) - before

    return db.transaction(crm_db, work)


def _insert(rows: list[tuple]) -> None:
    db.insert_new(Suppression, _COLUMNS, rows)


def _count(rows: list[tuple]) -> int:
    """How many of these rows, which are of one user and list, have their entry already."""
    user_id, list_id = rows[0][:2]
    mine = (Suppression.user_id == user_id) & (Suppression.list_id == list_id)
    return Suppression.select().where(mine & Suppression.email_key.in_([row[3] for row in rows])).count()


def add(user_id: int, source: BinaryIO | str, reason: str = MANUAL) -> Taken:
    """Suppress the addresses of a CSV file or a text, and the domains: a row that begins with `@example.com`.

    Raises Invalid. What was stored before an error stays.
    """
    return _take(_entries(user_id, _rows(source), reason))


def add_all(user_id: int, entries: Iterable[str], reason: str = MANUAL) -> Taken:
    """The same for addresses and domains that are given one by one."""
    return _take(_entries(user_id, starmap(_row, enumerate(entries, start=1)), reason))


def _row(position: int, text: str) -> Row | Refusal:
    try:
        return Row(*addresses.normalise(text), None)
    except ValueError as error:
        return Refusal(position, str(error), text)


def _take(rows: Iterator[tuple | Refusal]) -> Taken:
    taken = Taken()
    while chunk := list(islice(rows, CHUNK)):
        refused = [row for row in chunk if type(row) is Refusal]
        good: dict[str, tuple] = {}
        for row in chunk:
            if type(row) is not Refusal:
                good.setdefault(row[3], row)  # as it was first spelled
        added = _store(list(good.values())) if good else 0
        taken.added, taken.known = taken.added + added, taken.known + len(chunk) - len(refused) - added
        taken.refused_count += len(refused)
        taken.refused += refused[: REFUSED_SHOWN - len(taken.refused)]
    return taken


def _entries(user_id: int, rows: Iterable[Row | Refusal], reason: str) -> Iterator[tuple | Refusal]:
    for row in rows:
        text = _unguarded(row.email if type(row) is Row else row.original)
        if domain := _domain(text):
            yield (user_id, ALL_LISTS, domain, domain, reason, None)
        elif type(row) is Row:
            email, key = (row.email, row.key) if text == row.email else addresses.normalise(text)
            yield (user_id, ALL_LISTS, email, key, reason, None)
        else:
            yield row


def _unguarded(text: str) -> str:
    """Without the apostrophe that our own export puts before what a spreadsheet would calculate."""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@") else text


def _rows(source: BinaryIO | str) -> Iterable[Row | Refusal]:
    """A file of addresses may begin with a domain, which is no title then, and a list may be of domains only."""
    try:
        columns = sheets.look(source).columns
        if any(map(_domain, columns.titles)):
            columns = sheets.look(_again(source), has_titles=False).columns
        return sheets.read(_again(source), columns).rows
    except Invalid:
        whole = _again(source)
        text = whole if isinstance(whole, str) else whole.read().decode("utf-8", "replace")
        if not any(map(_domain, text.splitlines())):
            raise
        lines = enumerate(text.splitlines(), start=1)
        return [Refusal(number, "This is no address.", line) for number, line in lines if line.strip()]


def _again(source: BinaryIO | str) -> BinaryIO | str:
    if not isinstance(source, str):
        source.seek(0)
    return source


def _domain(text: str) -> str:
    """`@example.com` as its key; empty for anything else."""
    text = text.partition(",")[0].strip()
    try:
        return addresses.domain_key(addresses.normalise("a" + text)[1]) if text.startswith("@") else ""
    except ValueError:
        return ""


def counts(user_id: int) -> dict[str, int]:
    """Entries by reason."""
    with db.session(crm_db):
        rows = Suppression.select(Suppression.reason, fn.COUNT(Suppression.id)).where(Suppression.user_id == user_id)
        return dict(rows.group_by(Suppression.reason).tuples())


def search(user_id: int, text: str = "", *, reason: str = "", before: int = 0, limit: int = 50) -> list[Suppression]:
    """Up to `limit` entries, newest first, with an id below `before`, whose address contains the text."""
    chosen = Suppression.user_id == user_id
    if reason:
        chosen &= Suppression.reason == reason
    if text := text.strip().casefold():
        chosen &= Suppression.email_key.contains(text) & (Suppression.reason != ERASED)
    if before:
        chosen &= Suppression.id < before
    with db.session(crm_db):
        return list(Suppression.select().where(chosen).order_by(Suppression.id.desc()).limit(limit))


def of_everybody(address: str = "", *, before: int = 0, limit: int = 50) -> list[tuple[Suppression, int | None]]:
    """For administrators: entries of the installation, newest first, each with the user whose mail led to it. A whole
    address finds its own entry and nothing else."""
    chosen = Suppression.user_id == EVERYBODY
    if address:
        chosen &= Suppression.email_key == key_of(address)
    if before:
        chosen &= Suppression.id < before
    with db.session(crm_db):
        found = list(Suppression.select().where(chosen).order_by(Suppression.id.desc()).limit(limit))
        ids = {each.campaign_id for each in found}
        columns = (CampaignControl.campaign_id, CampaignControl.user_id)
        owners = dict(CampaignControl.select(*columns).where(CampaignControl.campaign_id.in_(ids)).tuples())
    return [(each, owners.get(each.campaign_id)) for each in found]


def key_of(address: str) -> str:
    """Under which an entry is found; what is no address (a domain as `@example.com`) stays as it is."""
    try:
        return addresses.normalise(address)[1]
    except ValueError:
        return address


def about(user_id: int, address: str) -> list[Suppression]:
    """Entries that keep mail of the user from this address: of it or its domain, the user's or everybody's."""
    key = key_of(address)
    keys = (key, addresses.domain_key(key)) if "@" in key else (key,)
    chosen = Suppression.user_id.in_((user_id, EVERYBODY)) & Suppression.email_key.in_(keys)
    with db.session(crm_db):
        return list(Suppression.select().where(chosen).order_by(Suppression.id.desc()))


def get(user_id: int, suppression_id: int) -> Suppression:
    """Raises NotFound, for what was erased too: that stays."""
    with db.session(crm_db):
        found = Suppression.get_or_none((Suppression.id == suppression_id) & (Suppression.user_id == user_id))
    if found is None or found.reason == ERASED:
        raise NotFound("No such entry.")
    return found


def names(user_id: int, entries: Iterable[Suppression]) -> tuple[dict[int, str], dict[int, str]]:
    """Names of the lists and of the campaigns that entries tell of, by id; those that are gone are left out."""
    lists, campaigns = {each.list_id for each in entries}, {each.campaign_id for each in entries}
    with db.session(campaign_db):
        mine = (RecipientList.user_id == user_id) & RecipientList.id.in_(lists)
        of_lists = dict(RecipientList.select(RecipientList.id, RecipientList.name).where(mine).tuples())
        mine = (Campaign.user_id == user_id) & Campaign.campaign_id.in_(campaigns)
        return of_lists, dict(Campaign.select(Campaign.campaign_id, Campaign.name).where(mine).tuples())


def export(user_id: int) -> Iterator[tuple[Suppression, str, str]]:
    """All entries, newest first, each with the names of its list and campaign."""
    before = 0
    while found := search(user_id, before=before, limit=CHUNK):
        lists, campaigns = names(user_id, found)
        yield from ((each, lists.get(each.list_id, ""), campaigns.get(each.campaign_id, "")) for each in found)
        before = found[-1].id


def lift(user_id: int, suppression_id: int, why: str, *, by: str = "user") -> str:
    """Let the address be written to again; returns it. Raises Invalid without a reason, and NotFound.

    `by`: user | recipient | admin.
    """
    why = why.strip()
    if not 3 <= len(why) <= 300:
        raise Invalid({"why": "Say in up to 300 characters why mail may go there again, for example “new consent”."})
    lifted = _lift((Suppression.user_id == user_id) & (Suppression.id == suppression_id), why, by)
    if not lifted:
        raise NotFound("No such entry.")
    return lifted[0].email


def _lift(chosen, why: str, by: str) -> list[Suppression]:
    """What was erased at its owner's request stays."""

    def work():
        found = list(db.locked(Suppression.select().where(chosen & (Suppression.reason != ERASED))))
        for each in found:
            kept = {name: getattr(each, name) for name in _KEPT}
            LiftedSuppression.create(**kept, why=why, lifted_by=by, lifted_at=db.now(crm_db))
        Suppression.delete().where(Suppression.id.in_([each.id for each in found])).execute()
        return found

    return db.transaction(crm_db, work)


def lifted(user_id: int, limit: int = 20) -> list[LiftedSuppression]:
    """The latest that were lifted."""
    with db.session(crm_db):
        rows = LiftedSuppression.select().where(LiftedSuppression.user_id == user_id)
        return list(rows.order_by(LiftedSuppression.id.desc()).limit(limit))

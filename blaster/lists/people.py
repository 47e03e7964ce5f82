"""One person on a list: found by address across all lists of the user, added by hand, edited, erased."""

from collections.abc import Mapping
from dataclasses import dataclass

from peewee import fn

from blaster import addresses, db, erased, recipients, replica
from blaster.db import campaign_db
from blaster.errors import Invalid, NotFound
from blaster.models.campaign_db import Recipient, RecipientList

LONGEST = 10_000
TWICE = "This address is on the list already."


@dataclass(frozen=True)
class Found:
    """An address, how many lists it is on, and its newest row."""

    key: str
    email: str
    lists: int
    recipient_id: int


def search(user_id: int, text: str, after: str = "", limit: int = 50) -> list[Found]:
    """People whose address contains the text, in the order of their address keys, behind the key `after`."""
    mine = (Recipient.user_id == user_id) & (Recipient.email_key > after)
    if text := text.strip().casefold():
        mine &= Recipient.email_key.contains(text)
    columns = (Recipient.email_key, fn.MIN(Recipient.email), fn.COUNT(Recipient.id), fn.MAX(Recipient.id))
    query = Recipient.select(*columns).where(mine).group_by(Recipient.email_key).order_by(Recipient.email_key)
    return replica.read(lambda database: [Found(*row) for row in query.limit(limit).tuples().execute(database)])


def get(user_id: int, recipient_id: int) -> Recipient:
    """Raises NotFound."""
    with db.session(campaign_db):
        found = Recipient.get_or_none((Recipient.id == recipient_id) & (Recipient.user_id == user_id))
    if found is None:
        raise NotFound("No such recipient.")
    return found


def add(user_id: int, list_id: int, email: str, values: Mapping[str, str]) -> Recipient:
    """Put one person on a list. Raises Invalid (the address is there, or was erased), NotFound."""
    email, key = _address(user_id, email)

    def work():
        chosen = _locked(user_id, list_id)
        _refuse_twice(list_id, key)
        row = {"user_id": user_id, "list_id": list_id, "email": email, "email_key": key}
        made = Recipient.create(**row, fields=_stored(chosen, values), created_at=db.now(campaign_db))
        RecipientList.update(size=RecipientList.size + 1).where(_owned(user_id, list_id)).execute()
        return made

    return db.transaction(campaign_db, work)


def edit(user_id: int, recipient_id: int, email: str, values: Mapping[str, str]) -> None:
    """Replace address and values; what the list has no field for stays. Campaigns under way keep the old ones.

    Raises Invalid, NotFound.
    """
    email, key = _address(user_id, email)
    list_id = get(user_id, recipient_id).list_id

    def work():
        chosen, row = _locked(user_id, list_id), get(user_id, recipient_id)
        if key != row.email_key:
            _refuse_twice(list_id, key)
        kept = {name: value for name, value in recipients.values(row.fields).items() if name not in values}
        new = {"email": email, "email_key": key, "fields": _stored(chosen, {**kept, **values})}
        Recipient.update(**new).where((Recipient.id == recipient_id) & (Recipient.user_id == user_id)).execute()

    db.transaction(campaign_db, work)


def _address(user_id: int, text: str) -> tuple[str, str]:
    try:
        email, key = addresses.normalise(text)
    except ValueError as error:
        raise Invalid({"email": str(error)}) from error
    if erased.among(user_id, [key]):
        raise Invalid({"email": erased.SENTENCE})
    return email, key


def _locked(user_id: int, list_id: int) -> RecipientList:
    """No import and no other edit of the list goes on until the transaction ends."""
    found = db.locked(RecipientList.select().where(_owned(user_id, list_id))).first()
    if found is None:
        raise NotFound("No such list.")
    return found


def _owned(user_id: int, list_id: int):
    return (RecipientList.id == list_id) & (RecipientList.user_id == user_id)


def _refuse_twice(list_id: int, key: str) -> None:
    if Recipient.select().where((Recipient.list_id == list_id) & (Recipient.email_key == key)).exists():
        raise Invalid({"email": TWICE})


def _stored(chosen: RecipientList, values: Mapping[str, str]) -> str | None:
    """The column `fields`: no empty values, in the order of the list's fields."""
    given = {name: value.strip() for name, value in values.items() if value.strip()}
    if long := [name for name, value in given.items() if len(value) > LONGEST]:
        raise Invalid(dict.fromkeys(long, f"At most {LONGEST:,} characters can be kept."))
    order = {name: at for at, name in enumerate(recipients.field_names(chosen))}
    return recipients.as_stored(dict(sorted(given.items(), key=lambda item: order.get(item[0], len(order)))))


def forget(user_id: int, key: str) -> int:
    """Take an address off all lists of the user; returns how many it was on. Campaigns under way are not touched."""
    with db.session(campaign_db):
        mine = Recipient.select(Recipient.list_id).where((Recipient.user_id == user_id) & (Recipient.email_key == key))
        list_ids = [list_id for (list_id,) in mine.tuples()]
    return sum(db.transaction(campaign_db, lambda at=list_id: _take_off(user_id, at, key)) for list_id in list_ids)


def _take_off(user_id: int, list_id: int, key: str) -> int:
    _locked(user_id, list_id)
    gone = Recipient.delete().where((Recipient.list_id == list_id) & (Recipient.email_key == key)).execute()
    RecipientList.update(size=RecipientList.size - gone).where(_owned(user_id, list_id)).execute()
    return gone

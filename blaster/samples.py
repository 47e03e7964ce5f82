"""Whose mail a preview shows: any recipient of the chosen list, and the neighbours in its order."""

import json

from blaster import db
from blaster.db import campaign_db
from blaster.models.campaign_db import Recipient


def find(user_id: int, list_id: int | None, *, search: str = "", at: int = 0, step: str = "") -> Recipient | None:
    """A recipient whose address contains `search`: that with the id `at`, or one `step` (previous | next) from it.

    Where there is no such one, the first of all. None where nobody fits, and for a stranger's list.
    """
    fits = (Recipient.list_id == list_id) & (Recipient.user_id == user_id)
    if search := search.strip().casefold():
        fits &= Recipient.email_key.contains(search)
    query = Recipient.select().where(fits)
    with db.session(campaign_db):
        return (at and _at(query, at, step).first()) or query.order_by(Recipient.id).first()


def _at(query, at: int, step: str):
    if step == "next":
        return query.where(Recipient.id > at).order_by(Recipient.id)
    if step == "previous":
        return query.where(Recipient.id < at).order_by(Recipient.id.desc())
    return query.where(Recipient.id == at)


def values(recipient: Recipient | None) -> dict[str, str]:
    """The merge values of a recipient with the address as `email`; empty for None."""
    if recipient is None:
        return {}
    return {"email": recipient.email, **json.loads(recipient.fields or "{}")}

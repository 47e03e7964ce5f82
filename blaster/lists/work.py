"""Long work on a list, in chunks: copying it, merging it into another one, renaming or deleting a field.

Each chunk is one transaction that also moves the mark, so work that was interrupted goes on where it stopped, and two
who do it at once do not disturb each other.
"""

import time

from blaster import db, recipients
from blaster.db import campaign_db
from blaster.errors import Invalid, NotFound
from blaster.lists import changes, fields
from blaster.models.campaign_db import Recipient, RecipientList
from blaster.models.list_work import ListWork

CHUNK = 5_000


def copy(user_id: int, list_id: int, name: str) -> ListWork:
    """Begin a new list with the same fields and people. Raises Invalid, NotFound."""
    source = recipients.get_list(user_id, list_id)
    return _begin(source, "copy", target_id=recipients.create_list(user_id, name).id)


def merge(user_id: int, list_id: int, target_id: int) -> ListWork:
    """Begin to bring the people of a list to another one, where their values replace those there.

    The list itself stays as it is. Raises Invalid, NotFound.
    """
    source, target = recipients.get_list(user_id, list_id), recipients.get_list(user_id, target_id)
    if source.id == target.id:
        raise Invalid({"target_id": "Choose another list."})
    return _begin(source, "copy", target_id=target.id)


def rename_field(user_id: int, list_id: int, old: str, new: str) -> ListWork:
    """Begin to move the values of a field to a new name, "" deletes them. The list knows the new name at once.

    Raises Invalid, NotFound.
    """
    fields.replace(user_id, list_id, old, new)
    return _begin(recipients.get_list(user_id, list_id), "rename", old=old, new=new)


def _begin(source: RecipientList, kind: str, **what) -> ListWork:
    here = Recipient.select(Recipient.id).where(Recipient.list_id == source.id)
    with db.session(campaign_db):
        until = here.order_by(Recipient.id.desc()).limit(1).scalar() or 0
        named = {"user_id": source.user_id, "list_id": source.id, "kind": kind, "created_at": db.now(campaign_db)}
        return ListWork.create(**named, **what, walk_until=until, total=source.size)


def get(user_id: int, work_id: int) -> ListWork:
    """Raises NotFound."""
    with db.session(campaign_db):
        found = ListWork.get_or_none((ListWork.id == work_id) & (ListWork.user_id == user_id))
    if found is None:
        raise NotFound("No such work.")
    return found


def unfinished(user_id: int, list_id: int) -> list[ListWork]:
    """What was begun with this list, or brings people to it, and waits to go on."""
    here = (ListWork.list_id == list_id) | (ListWork.target_id == list_id)
    with db.session(campaign_db):
        mine = (ListWork.user_id == user_id) & ListWork.finished_at.is_null()
        return list(ListWork.select().where(mine & here).order_by(ListWork.id))


def waiting() -> list[tuple[int, int]]:
    """For workers: (user id, work id) of what is not finished, of all users."""
    with db.session(campaign_db):
        query = ListWork.select(ListWork.user_id, ListWork.id).where(ListWork.finished_at.is_null())
        return list(query.order_by(ListWork.id).tuples())


def go_on(user_id: int, work_id: int, seconds: float = 1.0) -> ListWork:
    """Do some of it, for about so long, and say how far it is. Raises NotFound."""
    work = get(user_id, work_id)
    deadline = time.monotonic() + seconds
    while not work.finished_at:
        work = db.transaction(campaign_db, lambda at=work: _step(at.id, at.target_id or at.list_id, user_id))
        if time.monotonic() > deadline:
            break
    return work


def _step(work_id: int, changed_id: int, user_id: int) -> ListWork:
    """One chunk, or the end of it. No import and no edit of the list that is changed goes on meanwhile."""
    mine = (RecipientList.id == changed_id) & (RecipientList.user_id == user_id)
    changed = db.locked(RecipientList.select().where(mine)).first()
    work = db.locked(ListWork.select().where(ListWork.id == work_id)).get()
    if work.finished_at:
        return work
    last, count = changes.next_chunk(work, CHUNK)
    if changed is not None and count:
        changes.apply(work, last)
        work.walked_to, work.done = last, work.done + count
    else:
        _finish(work, changed)
    work.save()
    return work


def _finish(work: ListWork, changed: RecipientList | None) -> None:
    """Also where the list that was to be changed has been deleted meanwhile."""
    work.finished_at = db.now(campaign_db)
    if changed is not None and work.target_id:
        source = RecipientList.get_or_none(RecipientList.id == work.list_id)
        fields.include(changed, recipients.field_names(source) if source else [])
        changed.size = Recipient.select().where(Recipient.list_id == changed.id).count()
        changed.save(only=[RecipientList.size, RecipientList.field_names])

"""Rows that reached a status since somebody last looked, for chores that follow the sending from behind."""

from collections.abc import Sequence

from peewee import fn

from blaster.db import crm_db, session
from blaster.models.crm_db import Mail

STEP = 60_000  # ms of rows read at a time
SETTLING = 3_000  # ms in which a transaction that has its instant already may still commit


def since(campaign_id: int, status: str, mark: int, now: int, columns: Sequence) -> tuple[list[tuple], int]:
    """(rows of a campaign that got this status after the instant `mark`, the next mark). A minute of them at most."""
    until = max(mark, now - SETTLING)
    of = (Mail.campaign_id == campaign_id) & (Mail.status == status)
    with session(crm_db):
        first = Mail.select(fn.MIN(Mail.due_at)).where(of & (Mail.due_at > mark)).scalar()
        if first is None or first > until:
            return [], until
        end = min(until, first + STEP)
        return list(Mail.select(*columns).where(of & Mail.due_at.between(first, end)).tuples()), end

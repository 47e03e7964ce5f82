"""Counts of queue rows by status, changed only inside the transaction that moves the rows."""

from collections.abc import Mapping

from peewee import fn

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import CampaignTally

STATES = ("pending", "active", "sent", "failed", "unknown", "suppressed", "cancelled")


def column_of(status: str) -> str:
    """The tally column that counts a row status: claimed and sending are both `active`."""
    return "active" if status in ("claimed", "sending") else status


def add(campaign_id: int, slot: int, changes: Mapping[str, int]) -> None:
    """Add `changes` (column -> difference) to one slot."""
    add_all({(campaign_id, slot): changes})


def add_all(changes: Mapping[tuple[int, int], Mapping[str, int]]) -> None:
    """Add differences to many slots, (campaign, slot) -> changes, in one statement and in the order of their keys."""
    names = sorted({name for change in changes.values() for name, n in change.items() if n})
    if not names:
        return
    columns = [getattr(CampaignTally, name) for name in names]
    rows = [(*key, *(change.get(name, 0) for name in names)) for key, change in sorted(changes.items())]
    db.upsert(CampaignTally, (CampaignTally.campaign_id, CampaignTally.slot, *columns), rows, add=columns)


def pending(campaign_id: int) -> int:
    """Rows that wait for their turn."""
    query = "SELECT COALESCE(SUM(pending), 0) FROM campaign_tally WHERE campaign_id=%s"
    return int(db.execute(crm_db, query, campaign_id).fetchone()[0])


def counts(campaign_id: int) -> dict[str, int]:
    """Rows of a campaign by status; they add up to all its rows."""
    sums = [fn.SUM(getattr(CampaignTally, name)) for name in STATES]
    row = CampaignTally.select(*sums).where(CampaignTally.campaign_id == campaign_id).tuples().first()
    return {name: int(n or 0) for name, n in zip(STATES, row, strict=True)}

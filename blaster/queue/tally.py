"""Counts of queue rows by status, changed only inside the transaction that moves the rows."""

from collections.abc import Mapping

from peewee import fn

from blaster import db
from blaster.models.crm_db import CampaignTally

STATES = ("pending", "active", "sent", "failed", "unknown", "suppressed", "cancelled")


def column_of(status: str) -> str:
    """The tally column that counts a row status: claimed and sending are both `active`."""
    return "active" if status in ("claimed", "sending") else status


def add(campaign_id: int, slot: int, changes: Mapping[str, int]) -> None:
    """Add `changes` (column -> difference) to one slot."""
    changes = {name: n for name, n in changes.items() if n}
    if not changes:
        return
    columns = [getattr(CampaignTally, name) for name in changes]
    rows = [(campaign_id, slot, *changes.values())]
    db.upsert(CampaignTally, (CampaignTally.campaign_id, CampaignTally.slot, *columns), rows, add=columns)


def counts(campaign_id: int) -> dict[str, int]:
    """Rows of a campaign by status; they add up to all its rows."""
    sums = [fn.SUM(getattr(CampaignTally, name)) for name in STATES]
    row = CampaignTally.select(*sums).where(CampaignTally.campaign_id == campaign_id).tuples().first()
    return {name: int(n or 0) for name, n in zip(STATES, row, strict=True)}

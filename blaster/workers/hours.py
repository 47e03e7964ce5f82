"""Sending hours at work: which campaigns may send now, and when accounts open and close.

Nothing is claimed outside them. What was claimed just before they closed goes back to pending: a campaign's at the next
intent, which the database refuses, an account's when its sender looks before the next mail. Only what the server has
begun to take is finished.
"""

from collections.abc import Iterable

from blaster import db, windows
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl
from blaster.workers.pool import ServerPool


def within(controls: list[CampaignControl]) -> list[CampaignControl]:
    """Those whose hours are open; asks for the time only where one has any."""
    if not any(row.send_windows for row in controls):
        return controls
    with db.session(crm_db):
        now = db.now(crm_db)
    return [row for row in controls if windows.is_open(windows.load(row.send_windows), now)]


def keep(pools: Iterable[ServerPool]) -> None:
    """Let each lane know its account's hours by the database's clock."""
    pools = list(pools)
    with db.session(crm_db):
        now = db.now(crm_db) if pools else 0
    for pool in pools:
        pool.keep_hours(now)

"""Brings back what dead workers held: their leases' rows, and what their journals know of mails in doubt."""

import logging
from collections.abc import Iterator
from pathlib import Path

from blaster.queue import claims, leases, orphans
from blaster.queue.leases import Hold
from blaster.queue.rows import Outcome
from blaster.workers import journal, outcomes
from blaster.workers.journal import Notes

log = logging.getLogger(__name__)


def replay_journals(directory: Path) -> None:
    """Settle what the journals of dead workers on this host can tell, and end their leases at once."""
    for notes in journal.left_behind(directory):
        for hold in notes.holds if notes.is_complete else ():
            claims.settle(_outcomes(notes, hold))
        leases.expire_all(notes.owner)
        log.warning("worker %s died; its journal is settled", notes.owner)


def recover_expired() -> None:
    """Put the rows of expired leases back and free their servers for the living."""
    for hold in leases.expired():
        done = orphans.recover(hold)
        if done:
            log.warning(
                "%s had expired: %s mails pending again, %s unknown", hold.name, done["pending"], done["unknown"]
            )


def _outcomes(notes: Notes, hold: Hold) -> Iterator[Outcome]:
    for row in orphans.in_doubt(hold, int(hold.name.partition(":")[2])):
        if row.id in notes.replies:
            yield outcomes.outcome_of(row, notes.replies[row.id])
        elif row.id in notes.dotted:
            yield outcomes.in_doubt(row)
        else:
            yield outcomes.released(row)

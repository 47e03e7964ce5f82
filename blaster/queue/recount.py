"""The tally against the rows it counts. Rows and tally move in one transaction, so whatever else moves meanwhile, a
difference is a mistake, and stays the same until it is put right."""

from collections import Counter

from blaster import db
from blaster.db import crm_db
from blaster.queue import tally

_SUMS = " UNION ALL ".join(
    f"SELECT 0 AS counted, '{state}' AS state, SUM({state}) AS n FROM campaign_tally WHERE campaign_id=%s"
    for state in tally.STATES
)
# One statement is one snapshot on every engine, so that nothing needs to be locked.
_BOTH = (
    "SELECT 1 AS counted, status AS state, COUNT(*) AS n FROM mail_blaster WHERE campaign_id=%s GROUP BY status"
    " UNION ALL SELECT 1, status, COUNT(*) FROM archived_mails WHERE campaign_id=%s GROUP BY status"
    # Rows that are held say that they are pending (ranges.py).
    " UNION ALL SELECT 1, 'claimed', SUM(held) FROM claimed_ranges WHERE campaign_id=%s"
    " UNION ALL SELECT 1, 'pending', -SUM(held) FROM claimed_ranges WHERE campaign_id=%s"
    f" UNION ALL {_SUMS}"
)


def difference(campaign_id: int) -> dict[str, int]:
    """By column of the tally: rows (archived ones too) less what the tally says; empty where it is exact.

    Reads the index of all rows of the campaign.
    """
    found: Counter = Counter()
    with db.session(crm_db):
        for counted, state, n in db.execute(crm_db, _BOTH, *[campaign_id] * (4 + len(tally.STATES))).fetchall():
            found[tally.column_of(state)] += int(n or 0) * (1 if counted else -1)
    return {state: n for state, n in found.items() if n}


def correct(campaign_id: int) -> dict[str, int]:
    """Add what is missing to the tally, while mails go out or not; returns the difference there was."""

    def work():
        missing = difference(campaign_id)
        tally.add(campaign_id, 0, missing)
        return missing

    return db.transaction(crm_db, work)

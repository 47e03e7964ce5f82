"""The last look before a mail is claimed: does its recipient want it?"""

from blaster import addresses, db, literals
from blaster.db import crm_db
from blaster.models.crm_db import Mail
from blaster.queue import tally

_HERE = "s.user_id IN (0, %s) AND s.list_id IN (0, (SELECT list_id FROM campaign_control WHERE campaign_id=%s))"
# The rows named by their address, and with id 0 the few entries that name a whole domain.
_SUPPRESSED = (
    f"SELECT m.id, '' FROM mail_blaster AS m JOIN suppressions AS s ON s.email_key=m.email_key AND {_HERE}"
    f" WHERE {{among}} UNION ALL SELECT 0, s.email_key FROM suppressions AS s"
    f" WHERE s.email_key >= '@' AND s.email_key < 'A' AND {_HERE}"
)


def leave_out(user_id: int, campaign_id: int, server_id: int, rows: list[tuple], now: int) -> list[tuple]:
    """Mark the rows whose recipient wants no mail; returns the others. Part of the claim's transaction.

    `rows`: their ids come first; locked.
    """
    named = _suppressed(user_id, campaign_id, rows) if rows else set()
    if not named:
        return rows
    Mail.update(status="suppressed", due_at=now).where(Mail.id.in_(named)).execute()
    tally.add(campaign_id, server_id, {"pending": -len(named), "suppressed": len(named)})
    return [row for row in rows if row[0] not in named]


def _suppressed(user_id: int, campaign_id: int, rows: list[tuple]) -> set[int]:
    """Ids of the rows whose recipient wants no mail: none of this user, of this list, or of the whole installation.

    By a join: with the addresses as values of the statement it takes longer, for a single level.
    """
    query = _SUPPRESSED.format(among=literals.among("m.id", (row[0] for row in rows)))
    found = db.execute(crm_db, query, *(user_id, campaign_id) * 2).fetchall()
    named, domains = {row_id for row_id, _ in found if row_id}, {key for row_id, key in found if not row_id}
    return named | _at(domains, rows) if domains else named


def _at(domains: set[str], rows: list[tuple]) -> set[int]:
    query = f"SELECT id, email_key FROM mail_blaster WHERE {literals.among('id', (row[0] for row in rows))}"
    return {row_id for row_id, key in db.execute(crm_db, query).fetchall() if addresses.domain_key(key) in domains}

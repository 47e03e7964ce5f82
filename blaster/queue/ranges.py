"""Mails that were never tried are claimed as ranges: a claim moves the campaign's cursor and leaves their rows alone.

A row that waits untried (pending, `due_at` 0) at or below the cursor is **held**: one range has it, counts it, and
carries its charge. Its intent is the first thing written to it. Whoever else changes waiting rows locks them first and
asks `cursor` then. Lock order: cursor, rows, range; the cursor is a claim's first lock of all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from blaster import db, literals
from blaster.db import crm_db
from blaster.models.crm_db import Mail
from blaster.models.ranges import CampaignCursor, ClaimedRange
from blaster.queue import quota
from blaster.queue.rows import Claim, Row

UNTRIED = "campaign_id=%s AND status='pending' AND due_at=0 AND id>%s ORDER BY id LIMIT %s"
_COLUMNS = (
    *(ClaimedRange.id, ClaimedRange.campaign_id, ClaimedRange.smtp_account_id, ClaimedRange.lease_token),
    *(ClaimedRange.first_id, ClaimedRange.last_id, ClaimedRange.bucket, ClaimedRange.held),
)
_THERE = f"SELECT COUNT(*) FROM (SELECT id FROM mail_blaster WHERE {UNTRIED}) AS there"
_CURSOR = "SELECT last_id FROM campaign_cursor WHERE campaign_id=%s"
_HELD = "campaign_id=%s AND status='pending' AND due_at=0 AND id BETWEEN %s AND %s ORDER BY id"


def cursor(campaign_id: int) -> int:
    """The last row that was claimed for the first time; 0: none. After a lock on a row it is true for that row."""
    found = db.execute(crm_db, _CURSOR, campaign_id).fetchone()
    return found[0] if found else 0


def is_held(campaign_id: int, mail: Mail) -> bool:
    """Is this mail claimed, though its row does not say so? The caller has it locked."""
    return mail.status == "pending" and mail.due_at == 0 and mail.id <= cursor(campaign_id)


def lock(campaign_id: int) -> int:
    """The cursor, locked: other claims of the campaign wait for this transaction, so that each goes on where the last
    one ended. Before anything else is locked: who waits here for a host that was lost must not hold its own lease."""
    found = db.execute(crm_db, _CURSOR + " {lock}", campaign_id).fetchone()
    if found is None:
        db.insert_new(CampaignCursor, (CampaignCursor.campaign_id,), [(campaign_id,)])
        found = db.execute(crm_db, _CURSOR + " {lock}", campaign_id).fetchone()
    return found[0]


def take(campaign_id: int, behind: int, columns: str, limit: int) -> list[tuple]:
    """`columns` of the next rows that were never tried, locked; the cursor, which is `behind` them, moves on.

    No row that somebody else has locked is skipped, but none is waited for that is only being staged: what a plain read
    sees is counted first. A stager in its turn waits for the claim, to move its mark.
    """
    there = db.execute(crm_db, _THERE, campaign_id, behind, limit).fetchone()[0]
    query = f"SELECT {columns} FROM mail_blaster WHERE {UNTRIED} {{lock}}"
    rows = list(db.execute(crm_db, query, campaign_id, behind, there).fetchall()) if there else []
    if rows:
        move = "UPDATE campaign_cursor SET last_id=%s WHERE campaign_id=%s"
        db.execute(crm_db, move, rows[-1][0], campaign_id)
    return rows


def note(claims: Iterable[tuple[Claim, list[tuple]]]) -> None:
    """Write down who holds which rows (their ids come first); each claim has a run of neighbours."""
    ranges = [
        (c.id, c.campaign_id, c.account_id, c.hold.token, rows[0][0], rows[-1][0], c.bucket, len(rows))
        for c, rows in claims
    ]
    db.insert(ClaimedRange, _COLUMNS, ranges)


def find(claim_id: int) -> ClaimedRange | None:
    """The range of a claim, while it holds something."""
    return ClaimedRange.get_or_none(ClaimedRange.id == claim_id)


def rows_of(of: ClaimedRange, columns: str) -> list[tuple]:
    """`columns` of the rows that it holds, locked."""
    query = f"SELECT {columns} FROM mail_blaster WHERE {_HELD} {{lock}}"
    return list(db.execute(crm_db, query, of.campaign_id, of.first_id, of.last_id).fetchall())


def mark_sending(rows: list[Row], now: int) -> bool:
    """The usual case in one statement: all are held as they were claimed, and charged where they belong. Where it
    returns False the transaction has to be undone, and `mark_each` looks at every row."""
    bucket, ids = quota.bucket_of(now), _by_claim(rows)
    return all(claim.bucket == bucket for claim in ids) and _write_intents(ids, bucket, now) == len(rows)


def mark_each(rows: list[Row], now: int) -> set[Row]:
    """The intents of those that may be sent: still held, or `sending` by this claim already, since the answer to an
    earlier COMMIT was lost."""
    found = _locked(rows)
    held = [row for row, state in found if state == "held" and quota.may_move(row.claim.bucket, now)]
    bucket = quota.bucket_of(now)
    if held:
        _write_intents(_by_claim(held), bucket, now)
    quota.move((row.claim.account_id, row.claim.bucket, bucket) for row in held)
    return {*held, *(row for row, state in found if state == "sending")}


def locked_held(rows: Collection[Row]) -> list[Row]:
    """Those that are held by their claim still, locked: what a worker gives back without having sent it."""
    rows = [row for row in rows if row.claim.bucket is not None]
    held = [row for row, state in _locked(rows) if state == "held"] if rows else []
    ids = {row.claim.id for row in held}
    there = {claim_id for (claim_id,) in ClaimedRange.select(ClaimedRange.id).where(ClaimedRange.id.in_(ids)).tuples()}
    return [row for row in held if row.claim.id in there]


def leave(mails: Mapping[int, int]) -> None:
    """Ranges (claim id -> mails) hold so many less; one that holds none is gone."""
    cases = "".join(f" WHEN {claim_id} THEN {n}" for claim_id, n in mails.items())
    ids = ", ".join(map(str, mails))
    if mails:
        db.execute(crm_db, f"UPDATE claimed_ranges SET held=held-CASE id{cases} END WHERE id IN ({ids})")
        db.execute(crm_db, f"DELETE FROM claimed_ranges WHERE id IN ({ids}) AND held=0")


def of_tokens(tokens: Collection[int]) -> list[ClaimedRange]:
    """What is held under these leases."""
    return list(ClaimedRange.select().where(ClaimedRange.lease_token.in_(list(tokens))).order_by(ClaimedRange.id))


def of_campaign(campaign_id: int) -> list[ClaimedRange]:
    """What is held of a campaign."""
    return list(ClaimedRange.select().where(ClaimedRange.campaign_id == campaign_id).order_by(ClaimedRange.id))


def end(of: ClaimedRange, now: int, **changes) -> int:
    """Take away what it holds: due now, with these `changes` to the rows; returns how many mails. The charge goes back
    unless the rows get it with their `bucket`; the tally is the caller's."""
    ids = [row[0] for row in rows_of(of, "id")]
    if not ClaimedRange.delete().where(ClaimedRange.id == of.id).execute() or not ids:
        return 0
    Mail.update(due_at=now, **changes).where(Mail.id.in_(ids)).execute()
    if "bucket" not in changes:
        quota.charge([(of.smtp_account_id, of.bucket, -len(ids))])
    return len(ids)


def _by_claim(rows: Iterable[Row]) -> dict[Claim, list[int]]:
    ids: dict[Claim, list[int]] = {}
    for row in rows:
        ids.setdefault(row.claim, []).append(row.id)
    return ids


def _write_intents(ids: Mapping[Claim, list[int]], bucket: int, now: int) -> int:
    among = literals.among("id", (row_id for of_claim in ids.values() for row_id in of_claim))
    claim, account, token = (
        _cases(ids, lambda c: c.id),
        _cases(ids, lambda c: c.account_id),
        _cases(ids, lambda c: c.hold.token),
    )
    query = f"UPDATE mail_blaster SET status='sending', due_at=%s, bucket=%s, claim_id={claim},"
    query += f" smtp_account_id={account}, lease_token={token} WHERE {among} AND status='pending' AND due_at=0"
    done = db.execute(crm_db, query, now, bucket).rowcount
    leave({claim.id: len(of_claim) for claim, of_claim in ids.items()})
    return done


def _cases(ids: Mapping[Claim, list[int]], value: Callable[[Claim], int]) -> str:
    """The claims of a campaign have no rows between each other's."""
    *others, last = ids
    cases = "".join(
        f"WHEN campaign_id={c.campaign_id} AND id BETWEEN {min(ids[c])} AND {max(ids[c])} THEN {value(c)} "
        for c in others
    )
    return f"CASE {cases}ELSE {value(last)} END" if cases else str(value(last))


def _locked(rows: Iterable[Row]) -> list[tuple[Row, str]]:
    """(row, `held` or `sending`) of those that are one or the other by their claim, locked."""
    of = {row.id: row for row in rows}
    query = Mail.select(Mail.id, Mail.status, Mail.due_at, Mail.claim_id).where(Mail.id.in_(list(of))).order_by(Mail.id)
    found = []
    for row_id, status, due_at, claim_id in db.locked(query).tuples():
        if status == "pending" and due_at == 0:
            found.append((of[row_id], "held"))
        elif status == "sending" and claim_id == of[row_id].claim.id:
            found.append((of[row_id], "sending"))
    return found

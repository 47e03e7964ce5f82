"""The rows of the queue on their way: claim (with its budget), intent, outcome.

Mails that were never tried are claimed as ranges (ranges.py), which leaves their rows as they are; those that come back
are `claimed` one by one. Lock order in every transaction: cursor, lease, control, account, rows, range, usage, tally.
All that happens to a row is guarded by the id of its claim (one lease may claim a row again and again), and each
transaction can run twice.
"""

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import Mail
from blaster.queue import control, leases, quota, ranges, suppressed, tally
from blaster.queue.leases import Hold
from blaster.queue.rows import Claim, Grant, Outcome, Row

RETRIED = "campaign_id=%s AND status='pending' AND due_at BETWEEN 1 AND %s ORDER BY due_at, id LIMIT %s"
_COLUMNS = "id, email, fields, attempts"
_RETRIED = f"SELECT {_COLUMNS} FROM mail_blaster WHERE {RETRIED} {{skip}}"
_SETTLED = (
    *(Mail.status, Mail.due_at, Mail.attempts, Mail.bucket, Mail.lease_token),
    *(Mail.reply_class, Mail.smtp_code, Mail.smtp_text),
)
_SENT = (Mail.attempts, Mail.reply_class, Mail.smtp_code, Mail.smtp_text)
_UNSETTLED = ("claimed", "sending", "unknown")


class _Unusual(Exception):
    """Not every row is as it was left; each has to be looked at."""


class Fenced(Exception):
    """The lease is no longer ours: stop sending for this server at once."""


def claim(user_id: int, server_id: int, campaign_id: int, hold: Hold, limits: Mapping[int, int]) -> dict[int, Grant]:
    """Reserve budget and rows for some accounts of a server, in one transaction.

    `limits`: account id -> rows it takes at most; none gets more than it may send now. Where there are not enough, all
    get the same. Rows that the suppression list names are marked and not returned. Rows that were never tried come
    first; the others only when there are none. Raises Fenced.
    """
    of = {a: Claim(secrets.randbits(62), campaign_id, server_id, a, hold) for a in limits}
    repeated = False

    def work():
        nonlocal repeated
        is_first, repeated = not repeated, True
        behind = ranges.lock(campaign_id)
        now = db.now(crm_db)
        if not leases.are_held([hold], now):
            raise Fenced(hold.name)
        is_running = control.are_running([campaign_id], user_id)
        left = dict.fromkeys(limits, 0) | quota.left(quota.lock(user_id, server_id, list(limits)), now)
        # The COMMIT whose answer was lost; a pause since then must not hide from us what is ours to give back.
        if not is_first and (done := _claimed(of)):
            return {a: Grant(done.get(a, []), left[a]) for a in limits}
        wanted = {account_id: min(limit, left[account_id]) if is_running else 0 for account_id, limit in limits.items()}
        return _reserve(of, user_id, wanted, left, behind, now)

    return db.transaction(crm_db, work)


def _reserve(of: Mapping[int, Claim], user_id: int, wanted, left, behind: int, now: int) -> dict[int, Grant]:
    """Take rows and charge them; `left`: before that; `behind`: where the cursor is."""
    some = next(iter(of.values()))
    campaign_id, total, bucket = some.campaign_id, sum(wanted.values()), quota.bucket_of(now)
    found = ranges.take(campaign_id, behind, _COLUMNS, total) if total else []
    is_untried = bool(found) or not total
    if not is_untried:
        found = db.execute(crm_db, _RETRIED, campaign_id, now, total).fetchall()
    rows = suppressed.leave_out(user_id, campaign_id, some.server_id, list(found), now)
    shares = {account_id: share for account_id, share in _shares(rows, wanted).items() if share}
    if is_untried:
        of = {account_id: replace(claim, bucket=bucket) for account_id, claim in of.items()}
        ranges.note([(of[account_id], share) for account_id, share in shares.items()])
    else:
        _take(of, shares, bucket, now)
    _charge(some, {account_id: len(share) for account_id, share in shares.items()}, bucket)
    return {a: Grant(_rows(of[a], shares.get(a, ())), left[a] - len(shares.get(a, ()))) for a in of}


def _charge(some: Claim, mails: Mapping[int, int], bucket: int) -> None:
    if taken := sum(mails.values()):
        quota.charge([(account_id, bucket, n) for account_id, n in mails.items()])
        tally.add(some.campaign_id, some.server_id, {"pending": -taken, "active": taken})


def _shares(rows: list[tuple], wanted: Mapping[int, int]) -> dict[int, list[tuple]]:
    """A share of the rows for each account; equal ones where there are not enough."""
    shares, begin = {}, 0
    for place, account_id in enumerate(sorted(wanted, key=wanted.get)):
        equal = -(-(len(rows) - begin) // (len(wanted) - place))
        shares[account_id] = rows[begin : begin + min(equal, wanted[account_id])]
        begin += len(shares[account_id])
    return shares


def _take(of: Mapping[int, Claim], shares: Mapping[int, list[tuple]], bucket: int, now: int) -> None:
    """Mark the rows of all shares; few come back, so each account may have a statement."""
    for account_id, share in shares.items():
        ids, claim = _listed(row[0] for row in share), of[account_id]
        query = "UPDATE mail_blaster SET status='claimed', due_at=%s, lease_token=%s, claim_id=%s, smtp_account_id=%s,"
        query += f" bucket=%s WHERE id IN ({ids})"
        db.execute(crm_db, query, now, claim.hold.token, claim.id, account_id, bucket)


def intend(rows: Iterable[Row]) -> set[Row]:
    """Mark claimed rows as `sending` before the first byte of DATA; returns those that may be sent.

    Checks lease, claim and run state under share locks: no intent follows a committed pause. What is not returned stays
    claimed and is to be given back by `settle`.
    """
    rows = list(rows)

    def work(mark_untried):
        now = db.now(crm_db)
        of = {row.claim for row in rows}
        held = leases.are_held({claim.hold for claim in of}, now)
        running = control.are_running({claim.campaign_id for claim in of})
        good = {claim.id for claim in of if claim.hold in held and claim.campaign_id in running}
        able = [row for row in rows if row.claim.id in good]
        untried = [row for row in able if row.claim.bucket is not None]
        tried = [row for row in able if row.claim.bucket is None]
        return mark_untried(untried, now) | _mark_sending(tried, now)

    try:
        return db.transaction(crm_db, lambda: work(_mark_untried)) if rows else set()
    except _Unusual:
        return db.transaction(crm_db, lambda: work(ranges.mark_each))


def _mark_untried(rows: list[Row], now: int) -> set[Row]:
    if rows and not ranges.mark_sending(rows, now):
        raise _Unusual
    return set(rows)


def _mark_sending(rows: list[Row], now: int) -> set[Row]:
    if rows and _mark_all(rows, now) == len(rows):
        return set(rows)
    found = _locked(rows)
    fresh = [(row, bucket) for row, status, bucket in found if status == "claimed" and quota.may_move(bucket, now)]
    bucket_now = quota.bucket_of(now)
    if fresh:
        ids = [row.id for row, _ in fresh]
        Mail.update(status="sending", due_at=now, bucket=bucket_now).where(Mail.id.in_(ids)).execute()
    quota.move((row.claim.account_id, bucket, bucket_now) for row, bucket in fresh)
    # `sending` already: an earlier COMMIT of this intent whose answer was lost.
    return {row for row, _ in fresh} | {row for row, status, _ in found if status == "sending"}


def _mark_all(rows: list[Row], now: int) -> int:
    """The usual case in one statement, a third of the cost: nobody touched the rows since their claim, and they are
    charged where they belong. Returns how many were like that."""
    ids = defaultdict(list)
    for row in rows:
        ids[row.claim.id].append(row.id)
    mine = " OR ".join(f"claim_id={claim_id} AND id IN ({_listed(of_claim)})" for claim_id, of_claim in ids.items())
    query = f"UPDATE mail_blaster SET status='sending', due_at=%s WHERE ({mine}) AND status='claimed' AND bucket=%s"
    return db.execute(crm_db, query, now, quota.bucket_of(now)).rowcount


def settle(outcomes: Iterable[Outcome]) -> int:
    """Write what became of claimed rows; returns how many were still ours to write.

    A worker that was declared dead and still learns the truth may settle what became `unknown` meanwhile; once the
    campaign has ended, nothing becomes pending any more.
    """
    outcomes = {outcome.row: outcome for outcome in outcomes}
    sent = {row: outcome for row, outcome in outcomes.items() if outcome.status == "sent"}
    others = {row: outcome for row, outcome in outcomes.items() if outcome.status != "sent"}
    try:
        done = db.transaction(crm_db, lambda: _write_sent(list(sent.values()))) if sent else 0
    except _Unusual:
        done = _settle(sent)
    return done + _settle(others)


def _settle(outcomes: dict[Row, Outcome]) -> int:
    def work():
        again = {outcome.row.campaign_id for outcome in outcomes.values() if outcome.status == "pending"}
        ended = again - control.are_open(again)
        able = [row for row, outcome in outcomes.items() if outcome.status != "pending" or row.campaign_id not in ended]
        found = [(outcomes[row], status, bucket) for row, status, bucket in _locked(able) if status in _UNSETTLED]
        held = ranges.locked_held(able)
        ranges.leave(Counter(row.claim.id for row in held))
        found += [(outcomes[row], "claimed", row.claim.bucket) for row in held]
        _write(found, db.now(crm_db))
        return len(found)

    return db.transaction(crm_db, work) if outcomes else 0


def _write_sent(outcomes: list[Outcome]) -> int:
    """The usual case without a look at the rows: intended, sent, and charged where they belong. Raises _Unusual."""
    now = db.now(crm_db)
    rows = [(o.row.id, o.row.claim.id, o.attempts, o.reply_class, o.code, o.text and o.text[:300]) for o in outcomes]
    mine = f"t.status='sending' AND t.bucket={quota.bucket_of(now)}"
    same = {Mail.status: "sent", Mail.due_at: now}
    if db.update_rows(Mail, _SENT, rows, mine, match=(Mail.claim_id,), same=same) != len(rows):
        raise _Unusual
    sent = Counter((outcome.row.campaign_id, outcome.row.claim.server_id) for outcome in outcomes)
    tally.add_all({slot: {"active": -mails, "sent": mails} for slot, mails in sent.items()})
    return len(rows)


def _write(found: list[tuple[Outcome, str, int]], now: int) -> None:
    bucket_now = quota.bucket_of(now)
    rows, moves, changes = [], [], {}
    for outcome, status, bucket in found:
        row, new_bucket = outcome.row, bucket_now if outcome.status in ("sent", "unknown") else None
        # Without a token: a journal, shorter than its lease, would take it for a mail that was never sent.
        token = None if outcome.status == "unknown" else row.claim.hold.token
        reply = (outcome.reply_class, outcome.code, outcome.text and outcome.text[:300])
        rows.append((row.id, outcome.status, now + outcome.delay, outcome.attempts, new_bucket, token, *reply))
        moves.append((row.claim.account_id, bucket, new_bucket))
        change = changes.setdefault((row.campaign_id, row.claim.server_id), Counter())
        change[tally.column_of(status)] -= 1
        change[tally.column_of(outcome.status)] += 1
    if rows:
        db.update_rows(Mail, _SETTLED, rows)
    quota.move(moves)
    tally.add_all(changes)


def _listed(ids: Iterable[int]) -> str:
    """Ids inside the statement itself: escaping them one by one costs more than the search."""
    return ", ".join(map(str, ids))


def _claimed(of: Mapping[int, Claim]) -> dict[int, list[Row]]:
    """What these claims got, by account; empty where they were not committed."""
    query = f"SELECT {_COLUMNS} FROM mail_blaster WHERE campaign_id=%s AND status='claimed' AND lease_token=%s"
    found = {}
    for account_id, claim in of.items():
        rows = db.execute(crm_db, query + " AND claim_id=%s", claim.campaign_id, claim.hold.token, claim.id).fetchall()
        if held := ranges.find(claim.id):
            claim, rows = replace(claim, bucket=held.bucket), ranges.rows_of(held, _COLUMNS)
        if rows:
            found[account_id] = _rows(claim, rows)
    return found


def _rows(claim: Claim, found: Iterable[tuple]) -> list[Row]:
    return [
        Row(row_id, claim, email, json.loads(fields) if fields else {}, attempts)
        for row_id, email, fields, attempts in found
    ]


def _locked(rows: Iterable[Row]) -> list[tuple[Row, str, int | None]]:
    """(row, status, bucket) of those that nobody claimed since, locked in the order of their ids."""
    claimed = {(row.id, row.claim.id): row for row in rows}
    ids = [row_id for row_id, _ in claimed]
    query = Mail.select(Mail.id, Mail.claim_id, Mail.status, Mail.bucket).where(Mail.id.in_(ids)).order_by(Mail.id)
    found = ((claimed.get((row_id, claim_id)), *state) for row_id, claim_id, *state in db.locked(query).tuples())
    return [each for each in found if each[0]]

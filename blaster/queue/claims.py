"""The rows of the queue on their way: claim (with its budget), intent, outcome.

Lock order in every transaction: lease, control, account, rows, usage, tally. All that happens to a row is guarded by
the id of its claim (one lease may claim a row again and again), and each transaction can run twice.
"""

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from blaster import addresses, db
from blaster.db import crm_db
from blaster.models.crm_db import Mail, SmtpAccount
from blaster.queue import control, leases, quota, tally
from blaster.queue.leases import Hold

# What a claim takes, and what it takes when there is nothing left of the former.
UNTRIED = "campaign_id=%s AND status='pending' AND due_at=0 AND id>%s ORDER BY id LIMIT %s"
_RETRIED = "campaign_id=%s AND status='pending' AND due_at BETWEEN 1 AND %s ORDER BY due_at, id LIMIT %s"
_COLUMNS = "id, email, fields, attempts, email_key"
_SETTLED = (
    *(Mail.status, Mail.due_at, Mail.attempts, Mail.bucket, Mail.lease_token),
    *(Mail.reply_class, Mail.smtp_code, Mail.smtp_text),
)
_SENT = (Mail.attempts, Mail.reply_class, Mail.smtp_code, Mail.smtp_text)
_UNSETTLED = ("claimed", "sending", "unknown")
_HERE = "s.user_id IN (0, %s) AND s.list_id IN (0, (SELECT list_id FROM campaign_control WHERE campaign_id=%s))"
# The rows named by their address, and with id 0 the few entries that name a whole domain.
_SUPPRESSED = (
    f"SELECT m.id, '' FROM mail_blaster AS m JOIN suppressions AS s ON s.email_key=m.email_key AND {_HERE}"
    f" WHERE m.id IN ({{ids}}) UNION ALL SELECT 0, s.email_key FROM suppressions AS s"
    f" WHERE s.email_key >= '@' AND s.email_key < 'A' AND {_HERE}"
)


class _Unusual(Exception):
    """Not every row is as it was left; each has to be looked at."""


class Fenced(Exception):
    """The lease is no longer ours: stop sending for this server at once."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the rows of one claim have in common."""

    id: int
    campaign_id: int
    server_id: int
    account_id: int
    hold: Hold


# Neither of these two is frozen: one of each is made for every mail, and that costs four times as much.


@dataclass(slots=True, eq=False)
class Row:
    """A claimed mail, as the sender needs it. The same mail claimed again is another row."""

    id: int
    claim: Claim
    email: str
    fields: dict
    attempts: int

    @property
    def campaign_id(self) -> int:
        return self.claim.campaign_id


@dataclass(slots=True)
class Outcome:
    """What became of a row: `status` sent, failed, unknown, or pending again (after `delay` ms)."""

    row: Row
    status: str
    reply_class: str | None = None
    code: int | None = None
    text: str | None = None
    delay: int = 0
    attempts: int = 0


def claim(user_id: int, server_id: int, account_id: int, campaign_id: int, hold: Hold, limit: int, mark: int = 0):
    """Reserve budget and rows in one transaction. Returns (rows, budget left on the account afterwards).

    At most `limit` rows, never more than the account may send now; rows that the suppression list names are marked and
    not returned. Rows that were never tried come first, from above the low-water `mark`. Raises Fenced.
    """
    mine = Claim(secrets.randbits(62), campaign_id, server_id, account_id, hold)
    repeated = False

    def work():
        nonlocal repeated
        is_first, repeated = not repeated, True
        now = db.now(crm_db)
        if not leases.are_held([hold], now):
            raise Fenced(hold.name)
        is_running = control.are_running([campaign_id], user_id)
        account = _lock_account(user_id, server_id, account_id)
        budget = quota.left(account, now) if account else 0
        # The COMMIT whose answer was lost; a pause since then must not hide from us what is ours to give back.
        if not is_first and (done := _claimed(mine)):
            return [_row(mine, row) for row in done], budget
        if not (is_running and account):
            return [], 0
        found = _find(campaign_id, min(limit, budget), now, mark)
        rows = _suppress(user_id, campaign_id, server_id, found, now)
        if rows:
            bucket = quota.bucket_of(now)
            query = "UPDATE mail_blaster SET status='claimed', due_at=%s, lease_token=%s, claim_id=%s,"
            query += f" smtp_account_id=%s, bucket=%s WHERE id IN ({_listed(row[0] for row in rows)})"
            db.execute(crm_db, query, now, hold.token, mine.id, account_id, bucket)
            quota.charge([(account_id, bucket, len(rows))])
            tally.add(campaign_id, server_id, {"pending": -len(rows), "active": len(rows)})
        return [_row(mine, row) for row in rows], budget - len(rows)

    return db.transaction(crm_db, work)


def low_water(campaign_id: int, mark: int) -> int:
    """A higher mark below which no row waits untried. Without it a claim walks over all that was consumed before:
    22 ms become 960 ms with 1M rows, 90 % of them sent. A plain read, so rows being claimed still hold it down."""
    with db.session(crm_db):
        first = db.execute(crm_db, f"SELECT id FROM mail_blaster WHERE {UNTRIED}", campaign_id, mark, 1).fetchone()
    return first[0] - 1 if first else mark


def intend(rows: Iterable[Row]) -> set[Row]:
    """Mark claimed rows as `sending` before the first byte of DATA; returns those that may be sent.

    Checks lease, claim and run state under share locks: no intent follows a committed pause. What is not returned stays
    claimed and is to be given back by `settle`.
    """
    rows = list(rows)

    def work():
        now = db.now(crm_db)
        of = {row.claim for row in rows}
        held = leases.are_held({claim.hold for claim in of}, now)
        running = control.are_running({claim.campaign_id for claim in of})
        good = {claim.id for claim in of if claim.hold in held and claim.campaign_id in running}
        return _mark_sending([row for row in rows if row.claim.id in good], now)

    return db.transaction(crm_db, work) if rows else set()


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
        found = [(outcomes[row], status, bucket) for row, status, bucket in _locked(outcomes) if status in _UNSETTLED]
        found = [each for each in found if each[0].status != "pending" or each[0].row.campaign_id not in ended]
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
    for (campaign_id, server_id), mails in sorted(sent.items()):
        tally.add(campaign_id, server_id, {"active": -mails, "sent": mails})
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
    for campaign_id, server_id in sorted(changes):
        tally.add(campaign_id, server_id, changes[campaign_id, server_id])


def _lock_account(user_id: int, server_id: int, account_id: int) -> SmtpAccount | None:
    mine = (SmtpAccount.user_id == user_id) & (SmtpAccount.smtp_server_id == server_id) & SmtpAccount.is_active
    return db.locked(SmtpAccount.select().where((SmtpAccount.id == account_id) & mine)).first()


def _find(campaign_id: int, limit: int, now: int, mark: int) -> list[tuple]:
    if limit <= 0:
        return []
    query = f"SELECT {_COLUMNS} FROM mail_blaster WHERE "
    rows = list(db.execute(crm_db, query + UNTRIED + " {skip}", campaign_id, mark, limit).fetchall())
    if len(rows) < limit:
        rows += db.execute(crm_db, query + _RETRIED + " {skip}", campaign_id, now, limit - len(rows)).fetchall()
    return rows


def _suppress(user_id: int, campaign_id: int, server_id: int, rows: list[tuple], now: int) -> list[tuple]:
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
    query = _SUPPRESSED.format(ids=_listed(row[0] for row in rows))
    found = db.execute(crm_db, query, *(user_id, campaign_id) * 2).fetchall()
    named, domains = {row_id for row_id, _ in found if row_id}, {key for row_id, key in found if not row_id}
    return named | {row[0] for row in rows if addresses.domain_key(row[4]) in domains} if domains else named


def _listed(ids: Iterable[int]) -> str:
    """Ids inside the statement itself: escaping them one by one costs more than the search."""
    return ", ".join(map(str, ids))


def _claimed(claim: Claim) -> list[tuple]:
    query = f"SELECT {_COLUMNS} FROM mail_blaster WHERE campaign_id=%s AND status='claimed'"
    query += " AND lease_token=%s AND claim_id=%s ORDER BY id"
    return db.execute(crm_db, query, claim.campaign_id, claim.hold.token, claim.id).fetchall()


def _row(claim: Claim, row: tuple) -> Row:
    row_id, email, fields, attempts, _ = row
    return Row(row_id, claim, email, json.loads(fields) if fields else {}, attempts)


def _locked(rows: Iterable[Row]) -> list[tuple[Row, str, int | None]]:
    """(row, status, bucket) of those that nobody claimed since, locked in the order of their ids."""
    claimed = {(row.id, row.claim.id): row for row in rows}
    ids = [row_id for row_id, _ in claimed]
    query = Mail.select(Mail.id, Mail.claim_id, Mail.status, Mail.bucket).where(Mail.id.in_(ids)).order_by(Mail.id)
    found = ((claimed.get((row_id, claim_id)), *state) for row_id, claim_id, *state in db.locked(query).tuples())
    return [each for each in found if each[0]]

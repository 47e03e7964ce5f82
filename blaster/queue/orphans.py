"""Rows whose worker died: a claimed one is pending again (SMTP was not touched), a sending one is `unknown`."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl, Lease, Mail, SmtpServer
from blaster.models.ranges import ClaimedRange
from blaster.queue import control, leases, quota, ranges, tally
from blaster.queue.leases import Hold
from blaster.queue.rows import Claim, Row

SLICE = 1_000


def recover(*holds: Hold) -> Counter:
    """Recover all rows of these leases, then free their names. Returns how many are `pending` again and `unknown`.

    `unknown` rows keep token and charge, so that a worker that was only asleep can still settle them.
    """
    for hold in holds:
        leases.end(hold)
    done = sum((_recover(tokens, user_id) for user_id, tokens in _by_user(holds).items()), Counter())
    for hold in holds:
        leases.release(hold)
    return done


def _by_user(holds: Iterable[Hold]) -> dict[int | None, set[int]]:
    """Tokens by the user whose mails they are on; None where the server is not there any more. Only servers claim."""
    ids = {int(hold.name.partition(":")[2]): hold.token for hold in holds if hold.name.startswith("server:")}
    with db.session(crm_db):
        owners = dict(SmtpServer.select(SmtpServer.id, SmtpServer.user_id).where(SmtpServer.id.in_(list(ids))).tuples())
    tokens: dict[int | None, set[int]] = defaultdict(set)
    for server_id, token in ids.items():
        tokens[owners.get(server_id)].add(token)
    return tokens


def in_doubt(hold: Hold, server_id: int) -> list[Row]:
    """Rows of a dead worker that are `sending`, or `unknown` since; for its journal to settle."""
    columns = (Mail.id, Mail.claim_id, Mail.campaign_id, Mail.smtp_account_id, Mail.email, Mail.attempts)
    with db.session(crm_db):
        doubtful = Mail.campaign_id.in_(_unfinished()) & Mail.status.in_(("sending", "unknown"))
        rows = Mail.select(*columns).where(doubtful & (Mail.lease_token == hold.token)).tuples()
        return [
            Row(row_id, Claim(claim_id, campaign_id, server_id, account_id, hold), email, {}, attempts)
            for row_id, claim_id, campaign_id, account_id, email, attempts in rows
        ]


def sweep() -> Counter:
    """Recover rows whose token is in no lease at all. Finds only our own mistakes: the count must stay 0.

    Rows are read before leases: the lease of every claim that we see was there before it.
    """
    with db.session(crm_db):
        active = Mail.campaign_id.in_(_unfinished()) & Mail.status.in_(("claimed", "sending"))
        tokens = {token for (token,) in Mail.select(Mail.lease_token).where(active).distinct().tuples()}
        tokens |= {token for (token,) in ClaimedRange.select(ClaimedRange.lease_token).distinct().tuples()}
        known = {token for (token,) in Lease.select(Lease.token).tuples()}
    return _recover(tokens - known)


def _recover(tokens: set[int], user_id: int | None = None) -> Counter:
    done = Counter()
    with db.session(crm_db):
        campaigns = _unfinished(user_id) if tokens else []
        held = ranges.of_tokens(tokens)
    for each in held:
        done += db.transaction(crm_db, lambda r=each: _recover_range(r))
    for campaign_id in campaigns:
        while slice_done := db.transaction(crm_db, lambda c=campaign_id: _recover_slice(c, tokens)):
            done += slice_done
    return done


def _unfinished(user_id: int | None = None) -> list[int]:
    query = CampaignControl.select(CampaignControl.campaign_id).where(CampaignControl.run_state.in_(control.OPEN))
    if user_id is not None:
        query = query.where(CampaignControl.user_id == user_id)
    return [campaign_id for (campaign_id,) in query.tuples()]


def _recover_range(held: ClaimedRange) -> Counter:
    mails = ranges.end(held, db.now(crm_db))
    tally.add(held.campaign_id, 0, {"active": -mails, "pending": mails})
    return Counter(pending=mails) if mails else Counter()


def _recover_slice(campaign_id: int, tokens: set[int]) -> Counter:
    columns = (Mail.id, Mail.status, Mail.smtp_account_id, Mail.bucket)
    active = (Mail.campaign_id == campaign_id) & Mail.status.in_(("claimed", "sending"))
    orphans = active & Mail.lease_token.in_(sorted(tokens))
    rows = list(db.locked(Mail.select(*columns).where(orphans).limit(SLICE)).tuples())
    claimed = [row for row in rows if row[1] == "claimed"]
    sending = [row for row in rows if row[1] == "sending"]
    now = db.now(crm_db)
    _set(claimed, status="pending", due_at=now, bucket=None)
    _set(sending, status="unknown", due_at=now, reply_class="unknown", smtp_text="The worker died while sending.")
    quota.move((account_id, bucket, None) for _, _, account_id, bucket in claimed)
    _charge_now(sending, now)
    tally.add(campaign_id, 0, {"active": -len(rows), "pending": len(claimed), "unknown": len(sending)})
    return Counter(pending=len(claimed), unknown=len(sending)) if rows else Counter()


def _charge_now(rows, now: int) -> None:
    """The server may have taken them at any moment since their intent: at the last one they count longest."""
    bucket_now = quota.bucket_of(now)
    rows = [row for row in rows if quota.may_move(row[3], now)]
    _set(rows, bucket=bucket_now)
    quota.move((account_id, bucket, bucket_now) for _, _, account_id, bucket in rows)


def _set(rows, **values) -> None:
    if rows:
        Mail.update(**values).where(Mail.id.in_([row[0] for row in rows])).execute()

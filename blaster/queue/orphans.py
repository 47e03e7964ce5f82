"""Rows whose worker died: a claimed one is pending again (SMTP was not touched), a sending one is `unknown`."""

from collections import Counter

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl, Lease, Mail
from blaster.queue import control, leases, quota, tally
from blaster.queue.claims import Row
from blaster.queue.leases import Hold

SLICE = 1_000


def recover(hold: Hold) -> Counter:
    """Recover all rows of an expired lease, then free its name. Returns how many are `pending` again and `unknown`.

    `unknown` rows keep token and charge, so that a worker that was only asleep can still settle them.
    """
    leases.end(hold)
    done = _recover({hold.token})
    leases.release(hold)
    return done


def in_doubt(hold: Hold, server_id: int) -> list[Row]:
    """Rows of a dead worker that are `sending`, or `unknown` since; for its journal to settle."""
    columns = (Mail.id, Mail.claim_id, Mail.campaign_id, Mail.smtp_account_id, Mail.email, Mail.attempts)
    with db.session(crm_db):
        doubtful = Mail.campaign_id.in_(_unfinished()) & Mail.status.in_(("sending", "unknown"))
        rows = Mail.select(*columns).where(doubtful & (Mail.lease_token == hold.token)).tuples()
        return [
            Row(row_id, claim_id, campaign_id, server_id, account_id, hold, email, {}, attempts)
            for row_id, claim_id, campaign_id, account_id, email, attempts in rows
        ]


def sweep() -> Counter:
    """Recover rows whose token is in no lease at all. Finds only our own mistakes: the count must stay 0.

    Rows are read before leases: the lease of every claim that we see was there before it.
    """
    with db.session(crm_db):
        active = Mail.campaign_id.in_(_unfinished()) & Mail.status.in_(("claimed", "sending"))
        tokens = {token for (token,) in Mail.select(Mail.lease_token).where(active).distinct().tuples()}
        known = {token for (token,) in Lease.select(Lease.token).tuples()}
    return _recover(tokens - known)


def _recover(tokens: set[int]) -> Counter:
    done = Counter()
    with db.session(crm_db):
        campaigns = _unfinished() if tokens else []
    for campaign_id in campaigns:
        while slice_done := db.transaction(crm_db, lambda c=campaign_id: _recover_slice(c, tokens)):
            done += slice_done
    return done


def _unfinished() -> list[int]:
    query = CampaignControl.select(CampaignControl.campaign_id).where(CampaignControl.run_state.in_(control.OPEN))
    return [campaign_id for (campaign_id,) in query.tuples()]


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

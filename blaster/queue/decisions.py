"""What the owner decides about mails that ended in doubt or in failure: send again, count as sent, try again.

A decision ends the claim of its row: a worker that learns the truth later is too late to write it.

About all mails of a kind, however many there are, it is a row of `decisions`: each slice is one transaction that also
moves its mark, so it goes on where it stopped, and two who carry it out at once do not disturb each other. Lock order:
decision, then as in claims.py: control, rows, usage, tally.
"""

import json
import logging
import math
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from peewee import fn

from blaster import db
from blaster.db import crm_db
from blaster.errors import Conflict, NotFound
from blaster.models.crm_db import CampaignControl, Mail, SmtpUsage
from blaster.models.decisions import Decision
from blaster.queue import archive, control, tally

log = logging.getLogger(__name__)

SLICE = 1_000
_AGAIN = {"status": "pending", "attempts": 0, "bucket": None}
_SENT = {"status": "sent"}
_KINDS = {"send-again": ("unknown", _AGAIN), "count-as-sent": ("unknown", _SENT), "try-again": ("failed", _AGAIN)}
_COLUMNS = [field for field in Mail._meta.sorted_fields if field.name != "fields"]
_REPLY_CLASS = fn.COALESCE(Mail.reply_class, "")
_ALL = Mail.id > 0


@dataclass(frozen=True)
class Failures:
    """Failed mails with one class of reply ("": none on record), and the one that came to the queue last of them."""

    reply_class: str
    count: int
    example: Mail


def send_again(user_id: int, campaign_id: int, ids: Collection[int] | None = None) -> int:
    """Queue unknown mails (None: all that are unknown now) once more, due at once; returns how many.

    Whoever got the first copy gets a second one, so its charge stays on the account. A finished campaign runs again.
    Raises NotFound, and Conflict after a cancel and once the campaign is archived. A page does not wait for all: see
    `begin`.
    """
    return _decide(user_id, campaign_id, "send-again", ids)


def count_as_sent(user_id: int, campaign_id: int, ids: Collection[int] | None = None) -> int:
    """Take unknown mails (None: all that are unknown now) for sent; returns how many. Raises as `send_again`."""
    return _decide(user_id, campaign_id, "count-as-sent", ids)


def retry_failed(user_id: int, campaign_id: int, classes: set[str]) -> int:
    """Queue the failed mails with these classes of reply once more, due at once; returns how many. As `send_again`."""
    return _finish(begin(user_id, campaign_id, "try-again", classes))


def begin(user_id: int, campaign_id: int, kind: str, classes: Collection[str] = ()) -> Decision:
    """Note what is to be done with all mails that are unknown, or failed with one of these classes of reply, at this
    moment; `kind`: send-again | count-as-sent | try-again. `go_on` does it, in a page or a worker.

    The same decision is not begun twice while it is under way. Raises as `send_again`.
    """
    _refuse_ended(control.state(user_id, campaign_id))
    mine = {"user_id": user_id, "campaign_id": campaign_id, "kind": kind, "classes": json.dumps(sorted(classes))}
    with db.session(crm_db):
        until = _newest(campaign_id, _KINDS[kind][0])
        known = Decision.get_or_none(finished_at=None, **mine)
        return known or Decision.create(**mine, walk_until=until, created_at=db.now(crm_db))


def waiting() -> list[tuple[int, int]]:
    """For workers: (user id, decision id) of what is not finished, of all users."""
    with db.session(crm_db):
        query = Decision.select(Decision.user_id, Decision.id).where(Decision.finished_at.is_null())
        return list(query.order_by(Decision.id).tuples())


def under_way(user_id: int, campaign_id: int) -> int | None:
    """How many mails have got what was decided about this campaign, while others still wait for it; else None."""
    mine = (Decision.user_id == user_id) & (Decision.campaign_id == campaign_id) & Decision.finished_at.is_null()
    with db.session(crm_db):
        return Decision.select(fn.SUM(Decision.done)).where(mine).scalar()


def go_on(user_id: int, decision_id: int, seconds: float = 1.0) -> Decision:
    """Carry out some of it, for about so long, and say how far it is.

    Raises NotFound, and Conflict where the campaign was cancelled or archived meanwhile: that ends the decision.
    """
    mine = (Decision.id == decision_id) & (Decision.user_id == user_id)
    with db.session(crm_db):
        decision = Decision.get_or_none(mine)
    if decision is None:
        raise NotFound(f"decision {decision_id}")
    deadline = time.monotonic() + seconds
    while not decision.finished_at:
        try:
            decision = db.transaction(crm_db, lambda: _step(decision_id))
        except Conflict:
            with db.session(crm_db):
                Decision.update(finished_at=db.now(crm_db)).where(mine).execute()
            raise
        if time.monotonic() > deadline:
            break
    _note(user_id, decision.campaign_id, decision.done, *_KINDS[decision.kind])
    return decision


def list_rows(
    user_id: int,
    campaign_id: int,
    status: str,
    after: tuple[int, int] | None = None,
    limit: int = 50,
    reply_class: str | None = None,
) -> list[Mail]:
    """Mails of a campaign with this status, those that have it longest first; `after`: (due_at, id) of the last one
    seen. Raises NotFound before the start and for strangers."""
    control.state(user_id, campaign_id)
    chosen = _ALL if reply_class is None else _REPLY_CLASS == reply_class
    with db.session(crm_db):
        return list(_page(campaign_id, status, chosen, after, limit))


def failed_by_class(user_id: int, campaign_id: int) -> list[Failures]:
    """The failed mails by class of reply, the largest group first. Walks over all of them: not for a poll.

    Raises NotFound before the start and for strangers.
    """
    control.state(user_id, campaign_id)
    failed = (Mail.campaign_id == campaign_id) & (Mail.status == "failed")
    query = Mail.select(_REPLY_CLASS, fn.COUNT(Mail.id), fn.MAX(Mail.id)).where(failed).group_by(_REPLY_CLASS)
    with db.session(crm_db):
        groups = list(query.tuples())
        examples = {mail.id: mail for mail in Mail.select(*_COLUMNS).where(Mail.id.in_([last for *_, last in groups]))}
    found = [Failures(reply_class, count, examples[last]) for reply_class, count, last in groups if last in examples]
    return sorted(found, key=lambda group: -group.count)


def _chosen(user_id: int, campaign_id: int, ids: Collection[int]):
    mine = (Mail.user_id == user_id) & (Mail.campaign_id == campaign_id) & Mail.id.in_(list(ids))
    with db.session(crm_db):
        if Mail.select().where(mine).count() < len(set(ids)):
            raise NotFound(f"mails of campaign {campaign_id}")
    return Mail.id.in_(list(ids))


def _page(campaign_id: int, status: str, chosen, after: tuple[int, int] | None, limit: int):
    here = (Mail.campaign_id == campaign_id) & (Mail.status == status) & chosen
    if after is not None:
        due_at, mail_id = after
        # Not (due_at, id) > (…, …): MySQL and MariaDB do not use the index for that.
        here &= (Mail.due_at > due_at) | ((Mail.due_at == due_at) & (Mail.id > mail_id))
    return Mail.select(*_COLUMNS).where(here).order_by(Mail.due_at, Mail.id).limit(limit)


def _decide(user_id: int, campaign_id: int, kind: str, ids: Collection[int] | None) -> int:
    if ids is None:
        return _finish(begin(user_id, campaign_id, kind))
    _refuse_ended(control.state(user_id, campaign_id))
    status, values = _KINDS[kind]
    chosen, done = _chosen(user_id, campaign_id, ids), 0
    with db.session(crm_db):
        rows = _page(campaign_id, status, chosen, None, len(ids) or 1).namedtuples()
        claims = {mail.id: mail.claim_id for mail in rows}
        if claims:
            done = db.transaction(crm_db, lambda: _decide_slice(campaign_id, status, values, claims))
    _note(user_id, campaign_id, done, status, values)
    return done


def _note(user_id: int, campaign_id: int, done: int, of: str, values: dict) -> None:
    log.info("campaign %s of user %s: %s mails were %s and are %s", campaign_id, user_id, done, of, values["status"])


def _finish(decision: Decision) -> int:
    return go_on(decision.user_id, decision.id, math.inf).done


def _step(decision_id: int) -> Decision:
    """One slice, or the end of it."""
    decision = db.locked(Decision.select().where(Decision.id == decision_id)).get()
    if decision.finished_at:
        return decision
    status, values = _KINDS[decision.kind]
    chosen = Mail.due_at <= decision.walk_until
    if status == "failed":
        chosen &= _REPLY_CLASS.in_(json.loads(decision.classes))
    mark = decision.walked_at, decision.walked_to
    rows = list(_page(decision.campaign_id, status, chosen, mark, SLICE).namedtuples())
    if rows:
        decision.walked_at, decision.walked_to = rows[-1].due_at, rows[-1].id
        decision.done += _decide_slice(decision.campaign_id, status, values, {m.id: m.claim_id for m in rows})
    else:
        decision.finished_at = db.now(crm_db)
    decision.save(only=[Decision.done, Decision.walked_at, Decision.walked_to, Decision.finished_at])
    return decision


def _newest(campaign_id: int, status: str) -> int:
    """What gets this status later is not what the owner saw, and would be decided again and again."""
    here = (Mail.campaign_id == campaign_id) & (Mail.status == status)
    return Mail.select(fn.MAX(Mail.due_at)).where(here).scalar() or 0


def _decide_slice(campaign_id: int, of: str, values: dict, claims: dict[int, int | None]) -> int:
    """A row that was settled, or claimed again, since it was read is left alone: so this can run twice."""
    held = db.locked(CampaignControl.select().where(CampaignControl.campaign_id == campaign_id)).get()
    _refuse_ended(held)
    # By their ids alone, as settling locks them: by the index of the status, the two would deadlock.
    query = db.locked(Mail.select(*_COLUMNS).where(Mail.id.in_(sorted(claims))).order_by(Mail.id)).namedtuples()
    rows = [mail for mail in query if mail.status == of and mail.claim_id == claims[mail.id]]
    if not rows:
        return 0
    now = db.now(crm_db)
    ended = {"due_at": now, "lease_token": None, "claim_id": None}
    Mail.update(**values, **ended).where(Mail.id.in_([mail.id for mail in rows])).execute()
    if values["status"] == "pending":
        _keep_charges(rows)
        _run_again(held, now)
    tally.add(campaign_id, 0, {of: -len(rows), values["status"]: len(rows)})
    return len(rows)


def _refuse_ended(held: CampaignControl) -> None:
    if held.run_state in ("cancelling", "cancelled"):
        raise Conflict("This campaign was cancelled: its mails stay as they are. Copy it to send it anew.")
    if archive.is_archived(held.campaign_id):
        raise Conflict("This campaign was archived: its mails are not in the queue any more. Copy it to send it anew.")


def _keep_charges(rows: list[Mail]) -> None:
    """The server may have taken these mails: their charge stays, though no row carries it any more."""
    charges = Counter((mail.smtp_account_id, mail.bucket) for mail in rows if mail.bucket is not None)
    for (account_id, bucket), mails in sorted(charges.items()):
        here = (SmtpUsage.smtp_account_id == account_id) & (SmtpUsage.bucket == bucket)
        SmtpUsage.update(extra=SmtpUsage.extra + mails).where(here).execute()


def _run_again(held: CampaignControl, now: int) -> None:
    if held.run_state == "finished":
        CampaignControl.update(run_state="running", changed_at=now).where(
            CampaignControl.campaign_id == held.campaign_id
        ).execute()

"""What the owner decides about mails that ended in doubt or in failure: send again, count as sent, try again.

A decision ends the claim of its row: a worker that learns the truth later is too late to write it. Lock order as in
claims.py: control, rows, usage, tally.
"""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from peewee import fn

from blaster import db
from blaster.db import crm_db
from blaster.errors import Conflict, NotFound
from blaster.models.crm_db import CampaignControl, Mail, SmtpUsage
from blaster.queue import archive, control, tally

log = logging.getLogger(__name__)

SLICE = 1_000
_AGAIN = {"status": "pending", "attempts": 0, "bucket": None}
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
    Raises NotFound, and Conflict after a cancel and once the campaign is archived.
    """
    return _decide(user_id, campaign_id, "unknown", _AGAIN, _chosen(user_id, campaign_id, ids))


def count_as_sent(user_id: int, campaign_id: int, ids: Collection[int] | None = None) -> int:
    """Take unknown mails (None: all that are unknown now) for sent; returns how many. Raises as `send_again`."""
    return _decide(user_id, campaign_id, "unknown", {"status": "sent"}, _chosen(user_id, campaign_id, ids))


def retry_failed(user_id: int, campaign_id: int, classes: set[str]) -> int:
    """Queue the failed mails with these classes of reply once more, due at once; returns how many. As `send_again`."""
    return _decide(user_id, campaign_id, "failed", _AGAIN, _REPLY_CLASS.in_(sorted(classes)))


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


def _chosen(user_id: int, campaign_id: int, ids: Collection[int] | None):
    if ids is None:
        return _ALL
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


def _decide(user_id: int, campaign_id: int, of: str, values: dict, chosen) -> int:
    _refuse_ended(control.state(user_id, campaign_id))
    done, after = 0, None
    with db.session(crm_db):
        chosen &= Mail.due_at <= _newest(campaign_id, of)
        while rows := list(_page(campaign_id, of, chosen, after, SLICE).namedtuples()):
            claims = {mail.id: mail.claim_id for mail in rows}
            done += db.transaction(crm_db, lambda c=claims: _decide_slice(campaign_id, of, values, c))
            after = rows[-1].due_at, rows[-1].id
    log.info("campaign %s of user %s: %s mails were %s and are %s", campaign_id, user_id, done, of, values["status"])
    return done


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

"""Warm-up plans that wait: after a day on which too much came back, an account stays at that day's limit for another.

A plan is a function of its first day (`warmup`), so it is held by moving that day: budgets and forecasts follow.
"""

from collections import Counter

from peewee import fn

from blaster import db, warmup
from blaster.db import crm_db
from blaster.models.bounces import Bounce
from blaster.models.crm_db import CampaignControl, Mail, SmtpAccount, SmtpUsage
from blaster.queue import guard, quota
from blaster.warmup import DAY

AFTER = 20  # mails of a day before it is judged
BLOCKS = 0.05
_MOST = {"hard": guard.WARN[guard.HARD], "complaint": guard.WARN[guard.COMPLAINT], "block": BLOCKS}
_WORDS = {
    "hard": "{share} of the addresses did not exist",
    "complaint": "{share} of the recipients reported the mail as spam",
    "block": "{share} of the mails were refused as unwanted",
}


def judge() -> int:
    """Look at the accounts for which a day of their plan has ended since the last time; returns how many are held."""
    with db.session(crm_db):
        now = db.now(crm_db)
        warming = list(SmtpAccount.select().where(SmtpAccount.warmup_start > 0))
    ended = [account for account in warming if warmup.day(account, now) != account.warmup_judged]
    return sum(_judge(account, warmup.day(account, now)) for account in ended)


def _judge(account: SmtpAccount, day: int) -> bool:
    """`day`: the one that has begun, from 0."""
    until = account.warmup_from + day * DAY
    reason = _reason(account, until - DAY, until) if day else ""
    if reason:
        values = {"warmup_from": account.warmup_from + DAY, "warmup_judged": day - 1, "warmup_held": until}
        values["warmup_reason"] = reason
    else:
        values = {"warmup_judged": day}
    # Only while the plan is as it was: its owner may have changed it meanwhile.
    same = (SmtpAccount.id == account.id) & (SmtpAccount.warmup_from == account.warmup_from)
    with db.session(crm_db):
        return bool(SmtpAccount.update(**values).where(same).execute()) and bool(reason)


def _reason(account: SmtpAccount, since: int, until: int) -> str:
    """What was too much between these instants, in words; empty if nothing was."""
    came_back = _came_back(account, since, until)
    mails = _charged(account, since, until) + came_back["refused"]
    if mails < AFTER:
        return ""
    for kind, most in _MOST.items():
        share = min(1.0, came_back[kind] / mails)
        if share >= most:
            return _WORDS[kind].format(share=f"{share * 100:.1f} %")
    return ""


def _charged(account: SmtpAccount, since: int, until: int) -> int:
    mine = (SmtpUsage.smtp_account_id == account.id) & SmtpUsage.bucket.between(quota.bucket_of(since), until - 1)
    with db.session(crm_db):
        return int(SmtpUsage.select(fn.SUM(SmtpUsage.taken)).where(mine).scalar() or 0)


def _came_back(account: SmtpAccount, since: int, until: int) -> Counter:
    """Mails of the account by what was said of them, at once or later; `refused`: those that were never charged."""
    found: Counter = Counter()
    mine = (CampaignControl.user_id == account.user_id) & (CampaignControl.changed_at > since - 30 * DAY)
    with db.session(crm_db):
        ids = [id for (id,) in CampaignControl.select(CampaignControl.campaign_id).where(mine).tuples()]
        failed = Mail.campaign_id.in_(ids) & (Mail.status == "failed") & Mail.due_at.between(since, until - 1)
        failed &= (Mail.smtp_account_id == account.id) & Mail.reply_class.in_(("hard", "block"))
        for kind, n in (
            Mail.select(Mail.reply_class, fn.COUNT(Mail.id)).where(failed).group_by(Mail.reply_class).tuples()
        ):
            found.update({kind: n, "refused": n})
        reported = Bounce.campaign_id.in_(ids) & Bounce.created_at.between(since, until - 1)
        reported &= Bounce.bounce_class.in_(list(_MOST))
        rows = Bounce.select(Bounce.bounce_class, fn.COUNT(Bounce.id)).join(Mail, on=Bounce.mail_id == Mail.id)
        rows = rows.where(reported & (Mail.smtp_account_id == account.id)).group_by(Bounce.bounce_class)
        for kind, n in rows.tuples():
            found[kind] += n
    return found

"""Mails to the big mailbox providers by domain of the sender and day: from about 5,000 a day they ask for more."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime

from blaster import db
from blaster.db import crm_db
from blaster.models.bounces import CampaignGuard, ProviderCount
from blaster.models.crm_db import CampaignContent, CampaignControl, Mail, SmtpAccount
from blaster.queue import guard, lately

DAY = 86_400_000
BULK = 5_000  # a day to one provider: what Gmail and Microsoft call a bulk sender
NEAR = 4_000
DAYS = 30  # shown
_PROVIDERS = {
    "gmail": re.compile(r"(gmail|googlemail)\.com"),
    "microsoft": re.compile(r"(outlook|hotmail|live|msn)\.(com|[a-z]{2}|co\.[a-z]{2}|com\.[a-z]{2})"),
    "yahoo": re.compile(r"yahoo\.(com|[a-z]{2}|co\.[a-z]{2}|com\.[a-z]{2})|ymail\.com|rocketmail\.com|aol\.com"),
}


def of(domain: str) -> str:
    """gmail, microsoft, yahoo, or empty."""
    return next((name for name, pattern in _PROVIDERS.items() if pattern.fullmatch(domain)), "")


@dataclass(frozen=True)
class Busiest:
    """The busiest day of a domain at a provider."""

    from_domain: str
    provider: str
    mails: int
    day: int

    @property
    def date(self) -> date:
        """The day, in UTC."""
        return datetime.fromtimestamp(self.day * DAY / 1000, UTC).date()


def count(campaign: CampaignControl, now: int) -> bool:
    """Count what was sent since the last time, a minute of it at most; True if there may be more."""
    columns = (Mail.email_key, Mail.smtp_account_id, Mail.due_at)
    with db.session(crm_db):
        row = CampaignGuard.get_or_none(CampaignGuard.campaign_id == campaign.campaign_id)
    rows, mark = lately.since(campaign.campaign_id, "sent", row.counted_to if row else 0, now, columns)
    found = _by_provider(campaign, rows) if rows else {}

    def work():
        keys = (ProviderCount.user_id, ProviderCount.from_domain, ProviderCount.provider, ProviderCount.day)
        counted = [(campaign.user_id, *key, mails) for key, mails in found.items()]
        if counted:
            db.upsert(ProviderCount, (*keys, ProviderCount.mails), counted, add=[ProviderCount.mails])
        guard.note(campaign.campaign_id, campaign.user_id, counted_to=mark)

    if rows or not row:
        db.transaction(crm_db, work)
    return bool(rows)


def _by_provider(campaign: CampaignControl, rows: list[tuple]) -> Counter:
    senders = _senders(campaign, {account_id for _, account_id, _ in rows})
    found = ((senders.get(account_id, ""), of(key.rpartition("@")[2]), at // DAY) for key, account_id, at in rows)
    return Counter(key for key in found if key[0] and key[1])


def _senders(campaign: CampaignControl, account_ids: set[int]) -> dict[int, str]:
    """Domain of the From line by account."""
    with db.session(crm_db):
        mine = CampaignContent.campaign_id == campaign.campaign_id
        own = CampaignContent.select(CampaignContent.sender_email).where(mine).scalar()
        accounts = SmtpAccount.select(SmtpAccount.id, SmtpAccount.email).where(SmtpAccount.id.in_(account_ids))
        emails = dict(accounts.tuples())
    return {id: (own or emails.get(id, "")).rpartition("@")[2].lower() for id in account_ids}


def busiest(user_id: int, now: int) -> list[Busiest]:
    """The busiest day of each of the user's sender domains at each provider in the last DAYS, most mails first."""
    with db.session(crm_db):
        mine = (ProviderCount.user_id == user_id) & (ProviderCount.day > now // DAY - DAYS)
        rows = list(ProviderCount.select().where(mine).order_by(ProviderCount.mails.desc()))
    best: dict[tuple, Busiest] = {}
    for row in rows:
        best.setdefault((row.from_domain, row.provider), Busiest(row.from_domain, row.provider, row.mails, row.day))
    return list(best.values())

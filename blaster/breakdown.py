"""What became of the latest mails of a campaign by account, receiving domain and reason: a bounded sample of its rows,
so that a million cost no more than some thousand."""

from collections import Counter
from dataclasses import dataclass, field

from blaster import db
from blaster.db import crm_db
from blaster.errors import NotFound
from blaster.models.crm_db import CampaignControl, Mail

SAMPLE = 2_000  # mails of each status
SHOWN = 15
_COLUMNS = (Mail.smtp_account_id, Mail.email_key, Mail.status, Mail.reply_class, Mail.smtp_code, Mail.smtp_text)


@dataclass
class Breakdown:
    """Largest first. `accounts` and `domains`: (key, counts by status); `failures`: ((class, code, text), mails)."""

    accounts: list[tuple[int, Counter]] = field(default_factory=list)
    domains: list[tuple[str, Counter]] = field(default_factory=list)
    failures: list[tuple[tuple, int]] = field(default_factory=list)
    is_sample: bool = False


def of(user_id: int, campaign_id: int) -> Breakdown:
    """The latest mails sent and failed, `SAMPLE` of each. Raises NotFound before the start and for strangers."""
    mine = (CampaignControl.campaign_id == campaign_id) & (CampaignControl.user_id == user_id)
    with db.session(crm_db):
        if not CampaignControl.select().where(mine).exists():
            raise NotFound("No such campaign, or it has not been started.")
        parts = [_latest(campaign_id, status) for status in ("sent", "failed")]
    rows = [row for part in parts for row in part]
    accounts, domains = _by(rows, lambda row: row[0] or 0), _by(rows, lambda row: row[1].rpartition("@")[2])
    failures = Counter(row[3:] for row in parts[1]).most_common(SHOWN)
    return Breakdown(accounts, domains, failures, any(len(part) == SAMPLE for part in parts))


def _latest(campaign_id: int, status: str) -> list[tuple]:
    """The ids first: the index alone has them in order."""
    here = (Mail.campaign_id == campaign_id) & (Mail.status == status)
    newest = Mail.select(Mail.id).where(here).order_by(Mail.due_at.desc(), Mail.id.desc()).limit(SAMPLE)
    ids = [mail_id for (mail_id,) in newest.tuples()]
    return list(Mail.select(*_COLUMNS).where(Mail.id.in_(ids)).tuples())


def _by(rows: list[tuple], key) -> list[tuple]:
    groups: dict = {}
    for row in rows:
        groups.setdefault(key(row), Counter())[row[2]] += 1
    return sorted(groups.items(), key=lambda item: -item[1].total())[:SHOWN]

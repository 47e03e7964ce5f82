"""How much a user may start: campaigns under way at once, recipients a day. Set by an administrator; 0 is any number.

A quota of SMTP accounts is another matter: `queue.quota` holds sending back, this refuses a start.
"""

from peewee import fn

from blaster import db
from blaster.db import campaign_db
from blaster.models.campaign_db import Campaign, CampaignStatus, User

DAY = 86_400_000
UNDER_WAY = ("staging", "running", "paused")


def refusal(user_id: int, recipients: int) -> str:
    """Why a campaign of so many recipients may not start now, in words; empty where it may. Also for a user who is
    suspended: what is scheduled waits."""
    with db.session(campaign_db):
        user = User.get_or_none(User.id == user_id)
        if user is None:
            return ""
        if not user.is_active:
            return "This account is suspended. Ask the administrator of this installation."
        return _too_many_campaigns(user) or _too_many_recipients(user, recipients)


def _too_many_campaigns(user: User) -> str:
    most = user.most_campaigns
    if not most or _of(user).where(CampaignStatus.status.in_(UNDER_WAY)).count() < most:
        return ""
    number = "One campaign" if most == 1 else f"{most:,} campaigns"
    return f"{number} may be under way at once, and so many are. Wait until one has finished, or cancel one."


def _too_many_recipients(user: User, recipients: int) -> str:
    most = user.most_recipients
    if not most:
        return ""
    since = CampaignStatus.started_at > db.now(campaign_db) - DAY
    begun = _of(user, fn.COALESCE(fn.SUM(CampaignStatus.total_emails), 0)).where(since).scalar()
    left = max(0, most - int(begun))
    if recipients <= left:
        return ""
    return (
        f"Campaigns with {most:,} recipients may start within 24 hours. {left:,} of them are left, and this one has"
        f" {recipients:,}. Start it later, or ask the administrator for more."
    )


def _of(user: User, *columns):
    same = Campaign.campaign_id == CampaignStatus.campaign_id
    return CampaignStatus.select(*columns).join(Campaign, on=same).where(Campaign.user_id == user.id)

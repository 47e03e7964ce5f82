"""A draft is looked over and handed to the workers; pages and programs do it alike."""

from collections.abc import Iterable

from flask import current_app

from blaster import campaigns
from blaster.models.crm_db import SmtpAccount
from blaster.queue import control
from blaster.review import Review
from blaster.web import supply


def look_over(user_id: int, campaign_id: int, accounts: list[SmtpAccount] | None = None) -> Review:
    """What is missing and what to expect, with the user's accounts as they are (`usable`)."""
    settings = current_app.config["BLASTER"]
    accounts = usable(supply.lines(user_id)) if accounts is None else accounts
    limits = {"public_url": settings.public_url, "warn_at": settings.campaigns_warning}
    return campaigns.review(user_id, campaign_id, accounts=accounts, **limits)


def usable(lines: Iterable[supply.Line]) -> list[SmtpAccount]:
    """Those that are not switched off."""
    return [line.account for line in lines if line.state != "inactive"]


def start(user_id: int, campaign_id: int) -> None:
    """Start what was looked over; if this process dies in between, the workers go on. Raises NotFound, Conflict."""
    started = campaigns.start(user_id, campaign_id, warn_at=current_app.config["BLASTER"].campaigns_warning)
    handed_over = (started.list_id, started.stage_until, campaigns.content(started), started.send_windows)
    control.open_campaign(user_id, campaign_id, *handed_over)

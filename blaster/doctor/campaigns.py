"""Campaigns that do not move, or about which the two servers disagree."""

import time
from collections import Counter
from collections.abc import Iterator

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.doctor import Finding, Patient, fault, needs, warning
from blaster.doctor.workers import are_alive
from blaster.models.campaign_db import Campaign, CampaignStatus
from blaster.models.crm_db import CampaignControl, SmtpAccount, SmtpServer

MINUTE = 60_000
LONG = 10 * MINUTE
ENDED = ("finished", "cancelled")


def _controls(*states: str) -> list[CampaignControl]:
    with db.session(crm_db):
        return list(CampaignControl.select().where(CampaignControl.run_state.in_(states)))


@needs("Server 1", "Server 2")
def not_handed_over(patient: Patient) -> Iterator[Finding]:
    """Started for minutes, and still unknown to Server 2."""
    with db.session(campaign_db):
        old = CampaignStatus.started_at < db.now(campaign_db) - 5 * MINUTE
        going_on = CampaignStatus.status.in_(["staging", "running", "paused"])
        query = CampaignStatus.select(CampaignStatus.campaign_id).where(going_on & old)
        started = {campaign_id for (campaign_id,) in query.tuples()}
    with db.session(crm_db):
        same = CampaignControl.campaign_id.in_(list(started))
        known = {c for (c,) in CampaignControl.select(CampaignControl.campaign_id).where(same).tuples()}
    for campaign_id in sorted(started - known):
        yield fault(
            "not-handed-over",
            f"campaign {campaign_id}",
            "It was started; Server 2 does not know it.",
            "None of its mails is in the queue.",
            "Start a worker: it hands it over. If one runs, see its log; after a restore see docs/BACKUP.md.",
        )


@needs("Server 2")
def staging(patient: Patient) -> Iterator[Finding]:
    """Recipients that should go to the queue and do not."""
    with db.session(crm_db):
        since = db.now(crm_db) - LONG
    waiting = {c.campaign_id: c.staged_to for c in _unstaged() if c.changed_at < since}
    if not waiting or not are_alive():
        return  # without workers nothing moves: a finding of its own
    time.sleep(patient.patience)
    for campaign in _unstaged():
        if waiting.get(campaign.campaign_id) == campaign.staged_to:
            yield fault(
                "staging-stuck",
                f"campaign {campaign.campaign_id}",
                f"Its recipients do not come to the queue (stopped behind recipient {campaign.staged_to}).",
                "The rest of the list gets no mail, and the campaign never finishes.",
                "See the log of the workers for “staging”; is Server 1 within their reach?",
            )


def _unstaged() -> list[CampaignControl]:
    return [control for control in _controls("staging", "running") if not control.is_staged]


@needs("Server 2")
def cancelling(patient: Patient) -> Iterator[Finding]:
    """Cancelled for minutes, and not over."""
    with db.session(crm_db):
        since = db.now(crm_db) - LONG
    for campaign in _controls("cancelling"):
        if campaign.changed_at < since and are_alive():
            yield fault(
                "cancelling-stuck",
                f"campaign {campaign.campaign_id}",
                "Its cancelling does not end.",
                "Mails of it are still claimed or sending.",
                "See the log of the workers; stop and start them: their leases end and free the mails.",
            )


@needs("Server 2")
def without_accounts(patient: Patient) -> Iterator[Finding]:
    """The guide's "No SMTP accounts found for user", while a campaign of the user runs."""
    usable = SmtpAccount.is_active & SmtpServer.is_active & (SmtpServer.user_id == SmtpAccount.user_id)
    query = SmtpAccount.select(SmtpAccount.user_id).join(SmtpServer, on=SmtpServer.id == SmtpAccount.smtp_server_id)
    with db.session(crm_db):
        able = {user_id for (user_id,) in query.where(usable).distinct().tuples()}
    for campaign in _controls("running"):
        if campaign.user_id not in able:
            what = f"It runs, and user {campaign.user_id} has no active account on an active server."
            yield fault(
                "no-accounts-for-user",
                f"campaign {campaign.campaign_id}",
                what,
                "None of its mails is sent.",
                "The user adds or switches on an account on the page Servers.",
            )


@needs("Server 1", "Server 2")
def mirrored(patient: Patient) -> Iterator[Finding]:
    """What Server 1 shows is what Server 2 decided a minute ago and more."""
    with db.session(crm_db):
        settled = CampaignControl.changed_at < db.now(crm_db) - 2 * MINUTE
        query = CampaignControl.select(CampaignControl.campaign_id, CampaignControl.run_state).where(settled)
        decided = dict(query.tuples())
    with db.session(campaign_db):
        query = CampaignStatus.select(CampaignStatus.campaign_id, CampaignStatus.status)
        shown = dict(query.where(CampaignStatus.status.not_in(ENDED)).tuples())
    for campaign_id in sorted(set(shown) & set(decided)):
        if shown[campaign_id] != decided[campaign_id]:
            yield warning(
                "progress-behind",
                f"campaign {campaign_id}",
                f"Pages show it as {shown[campaign_id]}; for the workers it is {decided[campaign_id]}.",
                "Its owner decides by old numbers.",
                "Start a worker: it publishes every 2 s. If one runs, it does not reach Server 1.",
            )


@needs("Server 1", "Server 2")
def strays(patient: Patient) -> Iterator[Finding]:
    """Campaigns in the queue that Server 1 does not know."""
    with db.session(crm_db):
        known = {c for (c,) in CampaignControl.select(CampaignControl.campaign_id).tuples()}
    with db.session(campaign_db):
        there = {c for (c,) in Campaign.select(Campaign.campaign_id).tuples()}
    for campaign_id in sorted(known - there):
        yield fault(
            "campaign-stray",
            f"campaign {campaign_id}",
            "It is in the queue, and Server 1 does not know it.",
            "Nobody sees it or can stop it; a new campaign could get its number.",
            "The two databases are of different times: restore both from one backup (docs/BACKUP.md).",
        )


@needs("Server 1")
def too_many(patient: Patient) -> Iterator[Finding]:
    """The guide's warning at five campaigns of one user at a time."""
    query = CampaignStatus.select(Campaign.user_id).join(
        Campaign, on=Campaign.campaign_id == CampaignStatus.campaign_id
    )
    with db.session(campaign_db):
        rows = query.where(CampaignStatus.status.in_(["staging", "running"])).tuples()
        running = Counter(user_id for (user_id,) in rows)
    for user_id, number in sorted(running.items()):
        if number >= patient.settings.campaigns_warning:
            yield warning(
                "many-campaigns",
                f"users {user_id}",
                f"{number} campaigns run at once.",
                "They share the limits of the same accounts: all of them finish late.",
                "The user waits for some to finish, adds accounts, or raises their limits.",
            )


CHECKS = (not_handed_over, staging, cancelling, without_accounts, mirrored, strays, too_many)

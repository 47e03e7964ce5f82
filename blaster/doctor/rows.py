"""Rows of the queue that should not be as they are. Each question is answered by an index."""

from collections.abc import Iterator

from blaster import db
from blaster.db import crm_db
from blaster.doctor import Finding, Patient, fault, needs, warning
from blaster.models.crm_db import CampaignControl
from blaster.queue import control, recount

RECENT = 100  # campaigns that ended last, which are counted as well

# A search by campaign and status for each campaign, never a walk over the table.
_UNDER_WAY = (
    "SELECT c.campaign_id, c.run_state, m.lease_token, COUNT(*) FROM campaign_control c JOIN mail_blaster m"
    " ON m.campaign_id=c.campaign_id AND m.status IN ('claimed', 'sending')"
    " GROUP BY c.campaign_id, c.run_state, m.lease_token"
    " UNION ALL SELECT c.campaign_id, c.run_state, r.lease_token, r.held FROM claimed_ranges r"
    " JOIN campaign_control c ON c.campaign_id=r.campaign_id ORDER BY 1"
)
_SIZES = (
    "SELECT campaign_id, SUM(pending + active + sent + failed + unknown + suppressed + cancelled) FROM campaign_tally"
    " WHERE campaign_id IN (%s) GROUP BY campaign_id"
)


def _all(query: str, *values) -> list[tuple]:
    with db.session(crm_db):
        return list(db.execute(crm_db, query, *values).fetchall())


@needs("Server 2")
def orphans(patient: Patient) -> Iterator[Finding]:
    """Mails under way that no lease stands for; those of campaigns that have ended are another finding."""
    rows = _all(_UNDER_WAY)  # before the leases: the lease of every claim that we see was there before it
    held = {token for (token,) in _all("SELECT token FROM leases")}
    lost: dict[int, int] = {}
    for campaign_id, run_state, token, mails in rows:
        if run_state in control.OPEN and token not in held:
            lost[campaign_id] = lost.get(campaign_id, 0) + mails
    for campaign_id, mails in lost.items():
        yield fault(
            "orphans",
            f"campaign {campaign_id}",
            f"{mails} mails are under way without a lease.",
            "They are neither sent nor shown as unknown.",
            "Start a worker: its sweep puts them right in a minute.",
        )


@needs("Server 2")
def after_the_end(patient: Patient) -> Iterator[Finding]:
    """Claimed or sending mails of campaigns that were cancelled or have finished."""
    ended: dict[tuple, int] = {}
    for campaign_id, run_state, _, mails in _all(_UNDER_WAY):
        if run_state not in control.OPEN:
            ended[campaign_id, run_state] = ended.get((campaign_id, run_state), 0) + int(mails)
    for (campaign_id, run_state), mails in ended.items():
        yield fault(
            "claims-after-the-end",
            f"campaign {campaign_id}",
            f"It is {run_state}, and {mails} of its mails are still claimed or sending.",
            "Its states do not add up, and no worker looks at a campaign that has ended.",
            f"UPDATE campaign_control SET run_state='running' WHERE campaign_id={campaign_id} (or 'cancelling', if it"
            " was cancelled): workers put its mails right and end it again.",
        )


@needs("Server 2")
def tally(patient: Patient) -> Iterator[Finding]:
    """The counters of open campaigns, and of those that ended last, against their rows; large ones are left out."""
    with db.session(crm_db):
        query = CampaignControl.select(CampaignControl.campaign_id)
        running = query.where(CampaignControl.run_state.in_(control.OPEN))
        latest = query.where(CampaignControl.run_state.in_(("finished", "cancelled")))
        latest = latest.order_by(CampaignControl.campaign_id.desc()).limit(RECENT)
        ids = sorted({campaign_id for each in (running, latest) for (campaign_id,) in each.tuples()})
    sizes = dict(_all(_SIZES % ", ".join(["%s"] * len(ids)), *ids)) if ids else {}
    for campaign_id in ids:
        if sizes.get(campaign_id, 0) <= patient.at_most and (missing := recount.difference(campaign_id)):
            words = ", ".join(f"{state} {n:+d}" for state, n in sorted(missing.items()))
            yield fault(
                "tally-wrong",
                f"campaign {campaign_id}",
                f"Its counters disagree with its mails ({words}).",
                "Pages show wrong numbers, and it may finish too early or never.",
                "Run the doctor with --fix, or scripts/maintenance.py: both count anew.",
                fix=lambda campaign_id=campaign_id: recount.correct(campaign_id),
            )


@needs("Server 2")
def messages(patient: Patient) -> Iterator[Finding]:
    """Campaigns without their frozen message."""
    query = (
        "SELECT c.campaign_id FROM campaign_control c LEFT JOIN campaign_content m ON m.campaign_id=c.campaign_id"
        " WHERE m.campaign_id IS NULL ORDER BY c.campaign_id"
    )
    for (campaign_id,) in _all(query):
        yield warning(
            "message-missing",
            f"campaign {campaign_id}",
            "Server 2 has no message for it.",
            "Its mails cannot be made, and the links in those that were sent do not work.",
            "Restore campaign_content of Server 2 from a backup, or cancel the campaign.",
        )


CHECKS = (orphans, after_the_end, tally, messages)

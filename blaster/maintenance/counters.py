"""Counters against the rows they count: a difference is a mistake of ours, and is put right."""

import logging
from collections.abc import Iterator

from blaster import db, progress
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl
from blaster.queue import control, recount

log = logging.getLogger(__name__)

RECENTLY = 3 * 86_400_000  # ms since the end; older ones were looked at while they were that recent


def reconcile(turn) -> Iterator[str]:
    """The tally of open campaigns, and of those that ended in the last days, and with it what pages show."""
    recent = CampaignControl.changed_at > turn.now - RECENTLY
    with db.session(crm_db):
        query = CampaignControl.select().where(CampaignControl.run_state.in_(control.OPEN) | recent)
        campaigns = list(query.order_by(CampaignControl.campaign_id))
    for campaign in campaigns:
        if turn.is_over():
            return
        if found := recount.correct(campaign.campaign_id):
            log.error("campaign %s: its counters were wrong by %s", campaign.campaign_id, found)
            progress.refresh(campaign.user_id, campaign.campaign_id)
            yield f"Campaign {campaign.campaign_id}: counters put right ({found})."

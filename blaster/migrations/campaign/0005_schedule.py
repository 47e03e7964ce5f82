"""When a campaign starts by itself, and its sending hours."""

from blaster.migrations.columns import add_missing
from blaster.models.campaign_db import Campaign, CampaignStatus


def up(migrator, db):
    add_missing(db, Campaign, CampaignStatus)

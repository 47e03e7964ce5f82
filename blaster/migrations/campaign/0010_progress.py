"""How a campaign went, minute by minute."""

from blaster.migrations.columns import add_missing
from blaster.models.minutes import CampaignMinute


def up(migrator, db):
    add_missing(db, CampaignMinute)

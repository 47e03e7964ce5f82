"""Opens and clicks, where a campaign counts them."""

from blaster.migrations.columns import add_missing
from blaster.models.crm_db import CampaignContent
from blaster.models.tracking import TABLES


def up(migrator, db):
    add_missing(db, CampaignContent, *TABLES)

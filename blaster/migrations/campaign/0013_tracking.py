"""Whether a campaign counts opens and clicks."""

from blaster.migrations.columns import add_missing
from blaster.models.campaign_db import Campaign


def up(migrator, db):
    add_missing(db, Campaign)

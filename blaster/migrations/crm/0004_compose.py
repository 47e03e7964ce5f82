"""Attachments of campaigns that were started."""

from blaster.migrations.columns import add_missing
from blaster.models.attachments import CampaignAttachment


def up(migrator, db):
    add_missing(db, CampaignAttachment)

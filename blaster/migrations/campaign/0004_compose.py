"""Templates, attachments of drafts, and what a draft knows of its editor."""

from blaster.migrations.columns import add_missing
from blaster.models.attachments import Attachment
from blaster.models.campaign_db import Campaign
from blaster.models.templates import Template


def up(migrator, db):
    add_missing(db, Campaign, Template, Attachment)

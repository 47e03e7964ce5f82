"""Sending hours of accounts and of campaigns under way."""

from blaster.migrations.columns import add_missing
from blaster.models.crm_db import CampaignControl, SmtpAccount


def up(migrator, db):
    add_missing(db, SmtpAccount, CampaignControl)

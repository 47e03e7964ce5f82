"""Bounce mailboxes, bounces, guard rails, and the address that accounts want bounces sent to."""

from blaster.migrations.columns import add_missing
from blaster.models.bounces import TABLES
from blaster.models.crm_db import SmtpAccount


def up(migrator, db):
    add_missing(db, SmtpAccount, *TABLES)

"""Presets, consent instead of passwords, warm-up plans and domain checks."""

from blaster.migrations.columns import add_missing
from blaster.models.crm_db import SmtpAccount, SmtpServer
from blaster.models.providers import TABLES


def up(migrator, db):
    add_missing(db, SmtpServer, SmtpAccount, *TABLES)

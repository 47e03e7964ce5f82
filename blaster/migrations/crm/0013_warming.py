"""Warm-up plans that wait a day."""

from blaster.migrations.columns import add_missing
from blaster.models.crm_db import SmtpAccount


def up(migrator, db):
    add_missing(db, SmtpAccount)

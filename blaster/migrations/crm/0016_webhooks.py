"""Outgoing webhooks and their outbox."""

from blaster.migrations.columns import add_missing
from blaster.models.webhooks import TABLES


def up(migrator, db):
    add_missing(db, *TABLES)

"""All tables of Server 1 as they stand. Safe to run again: tables that are there stay as they are."""

from blaster.models.campaign_db import TABLES


def up(migrator, db):
    db.create_tables(TABLES, safe=True)

"""All tables of Server 2 as they stand. Safe to run again: tables that are there stay as they are."""

from blaster.models.crm_db import TABLES


def up(migrator, db):
    db.create_tables(TABLES, safe=True)

"""Claims of mails that were never tried, as ranges."""

from blaster.migrations.columns import add_missing
from blaster.models.ranges import TABLES


def up(migrator, db):
    add_missing(db, *TABLES)

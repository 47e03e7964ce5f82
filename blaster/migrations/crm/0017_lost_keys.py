"""Keys whose record went from the DNS."""

from blaster.migrations.columns import add_missing
from blaster.models.dkim import DkimKey


def up(migrator, db):
    add_missing(db, DkimKey)

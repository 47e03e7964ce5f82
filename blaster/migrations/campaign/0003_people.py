"""Work on lists that takes its time."""

from blaster.migrations.columns import add_missing
from blaster.models.list_work import ListWork


def up(migrator, db):
    add_missing(db, ListWork)

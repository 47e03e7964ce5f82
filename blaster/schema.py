"""Creates and updates the tables of both databases; safe by many processes at once and again after a failure."""

from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from playhouse.migrations import Runner

from blaster.db import campaign_db, crm_db, is_sqlite, session

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate() -> list[str]:
    """Apply what is pending to both databases, one process at a time. Returns the names applied.

    DDL is not transactional on MySQL: a step that failed half-way runs again, so each step looks before it changes.
    """
    applied = []
    for name, database in (("campaign", campaign_db), ("crm", crm_db)):
        with database.connection_context(), _alone(database):
            applied += Runner(database, str(MIGRATIONS / name), table_name=f"schema_migration_{name}").up()
    return applied


def pending(database) -> tuple[list[str], list[str]]:
    """(steps that are not applied, steps that are applied and unknown to this version) of one of the two databases."""
    name = "campaign" if database is campaign_db else "crm"
    with session(database):
        steps = Runner(database, str(MIGRATIONS / name), table_name=f"schema_migration_{name}").status()
    missing = [step.name for step in steps if step.path is not None and not step.applied]
    return missing, [step.name for step in steps if step.path is None]


@contextmanager
def _alone(database):
    if is_sqlite(database):
        with FileLock(f"{database.database}.migrate"):
            yield
        return
    database.execute_sql("SELECT GET_LOCK('blaster_migrate', 60)")
    try:
        yield
    finally:
        database.execute_sql("SELECT RELEASE_LOCK('blaster_migrate')")

"""Statistics for the optimizer, and room given back where much of it is free and nobody sends."""

from collections.abc import Iterator

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.models.crm_db import CampaignControl

FREE = 64 << 20  # octets from which it pays …
PART = 0.3  # … if they are this part of the table
AT_WORK = ("staging", "running", "cancelling")


def analyze(turn) -> Iterator[str]:
    """Renew the statistics. It samples pages, so a million rows take no longer than a thousand."""
    for database in (campaign_db, crm_db):
        with db.session(database):
            if db.is_sqlite(database):
                database.execute_sql("PRAGMA optimize")
                continue
            for table in database.get_tables():
                if not turn.is_over():
                    database.execute_sql(f"ANALYZE TABLE `{table}`").fetchall()
    yield "Statistics renewed."


def is_idle() -> bool:
    """No campaign has anything to do."""
    with db.session(crm_db):
        return not CampaignControl.select().where(CampaignControl.run_state.in_(AT_WORK)).exists()


def optimize(turn) -> Iterator[str]:
    """OPTIMIZE TABLE (SQLite: VACUUM) where a third of it is free. Asks before each table whether anybody sends."""
    for database in (campaign_db, crm_db):
        for table, free in _loose(database):
            if turn.is_over() or not is_idle():
                return
            with db.session(database):
                rebuild = "VACUUM" if db.is_sqlite(database) else f"OPTIMIZE TABLE `{table}`"
                database.execute_sql(rebuild).fetchall()
            yield f"{table}: {free >> 20} MB given back."


def _loose(database) -> list[tuple[str, int]]:
    """(table, free octets) of those that are worth it; of SQLite the whole file."""
    with db.session(database):
        if db.is_sqlite(database):
            free, pages, size = (
                database.execute_sql(f"PRAGMA {name}").fetchone()[0]
                for name in ("freelist_count", "page_count", "page_size")
            )
            found = [("The file", free * size, pages * size)]
        else:
            found = database.execute_sql(
                "SELECT table_name, data_free, data_length + index_length + data_free FROM information_schema.tables"
                " WHERE table_schema=DATABASE() AND table_type='BASE TABLE' ORDER BY table_name"
            ).fetchall()
    return [(table, int(free)) for table, free, size in found if free > FREE and free > PART * size]

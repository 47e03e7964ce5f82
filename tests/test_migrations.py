"""An installation of an older version gets what the newer one's tables have, however often a step runs."""

from blaster import db
from blaster.migrations.columns import add_missing
from blaster.models.campaign_db import Campaign


def names(database) -> tuple[set, set]:
    columns = {column.name for column in database.get_columns("campaign_master")}
    return columns, {index.name for index in database.get_indexes("campaign_master")}


def test_missing_columns_and_indexes_come_back(databases):
    with db.session(db.campaign_db):
        complete = names(db.campaign_db)
        index = next(iter(name for name in complete[1] if "user_id" in name))
        on = "" if db.is_sqlite(db.campaign_db) else " ON campaign_master"
        db.campaign_db.execute_sql(f"DROP INDEX {index}{on}")
        db.campaign_db.execute_sql("ALTER TABLE campaign_master DROP COLUMN reply_to")
        for _ in range(2):
            add_missing(db.campaign_db, Campaign)
            assert names(db.campaign_db) == complete

"""An installation of an older version gets what the newer one's tables have, however often a step runs."""

from importlib import import_module

from blaster import db
from blaster.migrations.columns import add_missing
from blaster.models.campaign_db import Campaign
from blaster.models.crm_db import Suppression


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


def test_an_older_suppression_list_takes_entries_for_single_lists(databases):
    step = import_module("blaster.migrations.crm.0006_consent")
    with db.session(db.crm_db):
        on = "" if db.is_sqlite(db.crm_db) else " ON suppressions"
        db.crm_db.execute_sql("CREATE UNIQUE INDEX suppressions_user_id_email_key ON suppressions (user_id, email_key)")
        for index in ("user_id_email_key_list_id", "email_key_user_id_list_id"):
            db.crm_db.execute_sql(f"DROP INDEX suppressions_{index}{on}")
        for column in ("list_id", "campaign_id"):
            db.crm_db.execute_sql(f"ALTER TABLE suppressions DROP COLUMN {column}")
        db.crm_db.execute_sql("INSERT INTO suppressions (user_id, email_key) VALUES (1, 'zoe@example.com')")
        for _ in range(2):
            step.up(None, db.crm_db)
        Suppression.create(user_id=1, list_id=3, email_key="zoe@example.com")
        assert sorted(each.list_id for each in Suppression.select()) == [0, 3]

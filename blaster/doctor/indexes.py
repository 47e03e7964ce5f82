"""Are the tables' columns and indexes there, and does the database use the indexes for the queries that matter?"""

import re
from collections.abc import Iterator

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.doctor import Finding, Patient, fault, needs, warning
from blaster.migrations.columns import add_missing
from blaster.models.campaign_db import CampaignModel
from blaster.models.crm_db import CrmModel
from blaster.queue.claims import RETRIED
from blaster.queue.ranges import UNTRIED

ENOUGH = 2_000  # rows below which a database may as well read all of them

# What MySQL says, without the index's name, where a unique index has told it that there is no such row.
_NO_ROW = "after reading const table"
_CLAIM = "mail_blaster_campaign_id_status_due_at_id"
# What it is for, server, index (or one of several), query. `%s` is a number that the table has.
KEY_QUERIES = (
    ("a claim", crm_db, _CLAIM, f"SELECT id FROM mail_blaster WHERE {UNTRIED.replace('id>%s', 'id>0')[:-2]}1000"),
    ("a claim of deferred mails", crm_db, _CLAIM, f"SELECT id FROM mail_blaster WHERE {RETRIED % ('%s', 9, 1000)}"),
    (
        "the search for an address",
        crm_db,
        "mail_blaster_campaign_id_email_key",
        "SELECT id FROM mail_blaster WHERE campaign_id=%s AND email_key='-'",
    ),
    (
        "a page of the ledger",
        crm_db,
        "mail_blaster_campaign_id_recipient_id",
        "SELECT id FROM mail_blaster WHERE campaign_id=%s AND recipient_id>0 ORDER BY recipient_id LIMIT 50",
    ),
    (
        "the look at suppressions in each claim",
        crm_db,
        "suppressions_",
        "SELECT id FROM suppressions WHERE email_key='-' AND user_id IN (0, %s) AND list_id=0",
    ),
    (
        "staging",
        campaign_db,
        "recipients_list_id_id|PRIMARY",  # the latter where most recipients are on one list
        "SELECT id FROM recipients WHERE list_id=%s AND id>0 ORDER BY id LIMIT 1000",
    ),
    (
        "an import",
        campaign_db,
        "recipients_list_id_email_key",
        "SELECT id FROM recipients WHERE list_id=%s AND email_key='-'",
    ),
)


def _models(base) -> list[type]:
    """Those of a database, by table; only modules that are loaded can have any, and all of them are by now."""
    return sorted(base.__subclasses__(), key=lambda model: model._meta.table_name)


@needs("Server 1")
def of_server_1(patient: Patient) -> Iterator[Finding]:
    """Tables, columns and indexes of Server 1 as the models have them."""
    yield from _missing(patient, "Server 1", campaign_db, _models(CampaignModel))


@needs("Server 2")
def of_server_2(patient: Patient) -> Iterator[Finding]:
    """Tables, columns and indexes of Server 2 as the models have them."""
    yield from _missing(patient, "Server 2", crm_db, _models(CrmModel))


def _missing(patient: Patient, name: str, database, models: list[type]) -> Iterator[Finding]:
    """A server with a table or a column too few is not ready for other checks."""
    with db.session(database):
        tables = set(database.get_tables())
        lacking = {model: _lacking(database, model, tables) for model in models}
        for model, names in lacking.items():
            for what in names:
                patient.ready.pop(name, None)
                why = "Pages and workers that need it fail."
                yield _lost("column-missing", name, f"{what} is missing.", why, database, model)
            if not names:
                yield from _missing_indexes(name, database, model)


def _lacking(database, model: type, tables: set[str]) -> list[str]:
    table = model._meta.table_name
    if table not in tables:
        return [f"Table {table}"]
    there = {column.name for column in database.get_columns(table)}
    return [f"Column {table}.{name}" for name in sorted({f.column_name for f in model._meta.sorted_fields} - there)]


def _missing_indexes(name: str, database, model: type) -> Iterator[Finding]:
    """By their columns: a DBA may have given them other names."""
    there = {(tuple(index.columns), index.unique) for index in database.get_indexes(model._meta.table_name)}
    covered = {columns for columns, _ in there}
    for index in model._meta.fields_to_index():
        columns = tuple(field.column_name for field in index._expressions)
        if (columns, True) in there or (columns in covered and not index._unique):
            continue
        what = f"Index {index._name} ({', '.join(columns)}) is missing."
        why = "Addresses could be in a campaign twice." if index._unique else "Queries walk over the whole table."
        yield _lost("index-missing", name, what, why, database, model)


def _lost(kind: str, name: str, what: str, why: str, database, model: type) -> Finding:
    cure = "Run sql/MULTI_USER_DATABASE_INDEXES.sql, or the doctor with --fix (large tables: at a quiet hour)."

    def fix() -> None:
        with db.session(database):
            add_missing(database, model)

    return fault(kind, name, what, why, cure, fix=fix)


@needs("Server 1", "Server 2")
def are_used(patient: Patient) -> Iterator[Finding]:
    """EXPLAIN of the key queries: each goes through its index, and none sorts."""
    for what, database, index, query in KEY_QUERIES:
        table = query.split()[3]
        with db.session(database):
            if db.is_sqlite(database):
                plan = _sqlite_plan(database, query)
            elif _is_small(database, table):
                continue
            else:
                plan = _mysql_plan(database, table, query)
        if not re.search(f"{index}|{_NO_ROW}", plan) or "sort" in plan:
            name = "Server 1" if database is campaign_db else "Server 2"
            yield warning(
                "index-not-used",
                name,
                f"For {what} the database does not use {index.partition('|')[0].rstrip('_')}: {plan}.",
                "It takes as long as the table is large, and holds up whoever waits for the rows.",
                f"ANALYZE TABLE {table}; SHOW CREATE TABLE tells whether the index is IGNORED or INVISIBLE.",
            )


def _sqlite_plan(database, query: str) -> str:
    rows = database.execute_sql("EXPLAIN QUERY PLAN " + query.replace("%s", "0")).fetchall()
    return "; ".join(row[-1] for row in rows).replace("USE TEMP B-TREE FOR", "sort by")


def _is_small(database, table: str) -> bool:
    query = "SELECT table_rows FROM information_schema.tables WHERE table_schema=DATABASE() AND table_name=%s"
    return int(database.execute_sql(query, (table,)).fetchone()[0] or 0) < ENOUGH


def _mysql_plan(database, table: str, query: str) -> str:
    """For the first row's number: with one of no row the plan says only that there is none."""
    column = re.search(r"(\w+)(?:=| IN \(0, )%s", query)[1]
    (number,) = database.execute_sql(f"SELECT {column} FROM {table} ORDER BY id DESC LIMIT 1").fetchone()
    cursor = database.execute_sql("EXPLAIN " + query, (number,))
    names = [column[0].lower() for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    words = [f"{row['key'] or 'no index'} {row['extra'] or ''}".strip() for row in rows]
    return "; ".join(words).replace("Using filesort", "sort")


CHECKS = (of_server_1, of_server_2, are_used)

#!/usr/bin/env python3
"""Writes sql/schema_campaign.sql, sql/schema_crm.sql and sql/MULTI_USER_DATABASE_INDEXES.sql from the models.

examples:
  python3 scripts/schema_sql.py
  python3 scripts/schema_sql.py --check

No database is needed. Exit code: 0 done, 1 a file differs from the models (--check), 2 wrong arguments.
"""

import argparse
import re
import sys
from pathlib import Path

import _venv

SQL = Path(__file__).resolve().parent.parent / "sql"

SCHEMA = """\
-- The tables of {server}, as the models make them, for MariaDB 10.6+ and MySQL 8. May be run again.
-- Blaster makes and updates its tables itself when it starts. This file is for those who want to read or do it first:
--
--   CREATE DATABASE {name} CHARACTER SET utf8mb4;
--   mysql -u root -p {name} < sql/{file}
--
-- Written by scripts/schema_sql.py: change the models, not this file.

"""

INDEXES = """\
-- Every index of both databases, for MariaDB 10.6+ and MySQL 8.
--
--   mysql -u root -p campaign_db < sql/MULTI_USER_DATABASE_INDEXES.sql
--   mysql -u root -p crm_db      < sql/MULTI_USER_DATABASE_INDEXES.sql
--
-- Run it on either database and as often as you like: an index is made where its table is there and it is not. Needs no
-- right but INDEX, and no stored procedure. A unique index is refused where rows repeat; nothing is lost by that.
--
-- Written by scripts/schema_sql.py: change the models, not this file.

"""

GUARDED = """\
SET @ddl = IF(
  EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = '{table}')
  AND NOT EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = '{table}' AND index_name = '{index}'),
  '{ddl}',
  'DO 0');
PREPARE step FROM @ddl;
EXECUTE step;
DEALLOCATE PREPARE step;
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not up to date")
    options = parser.parse_args()
    _venv.enter()
    stale = {path: text for path, text in files().items() if not path.exists() or path.read_text() != text}
    if stale and options.check:
        sys.exit("Not up to date: " + ", ".join(path.name for path in stale))
    for path, text in stale.items():
        path.write_text(text)


def files() -> dict[Path, str]:
    """What each file has to say."""
    campaign, crm = models()
    return {
        SQL / "schema_campaign.sql": schema("Server 1", "campaign_db", "schema_campaign.sql", campaign),
        SQL / "schema_crm.sql": schema("Server 2", "crm_db", "schema_crm.sql", crm),
        SQL / "MULTI_USER_DATABASE_INDEXES.sql": INDEXES
        + "\n".join(index for m in campaign + crm for index in indexes(m)),
    }


def models() -> tuple[list, list]:
    """The models of Server 1 and of Server 2 by the names of their tables, bound to MySQL; nothing is connected."""
    import pkgutil
    from importlib import import_module

    from blaster import config, db
    from blaster import models as package

    secrets = {"BLASTER_SECRET_KEY": "-", "BLASTER_VAULT_KEYS": "-"}
    urls = {"BLASTER_CAMPAIGN_URL": "mysql://none/campaign_db", "BLASTER_CRM_URL": "mysql://none/crm_db"}
    db.connect(config.load({**secrets, **urls}))
    found = [import_module(f"blaster.models.{module.name}") for module in pkgutil.iter_modules(package.__path__)]
    bases = {name: getattr(module, name) for module in found for name in vars(module) if name.endswith("Model")}
    return tuple(by_table(bases[name]) for name in ("CampaignModel", "CrmModel"))


def by_table(base) -> list:
    """The models of one database."""
    return sorted(base.__subclasses__(), key=lambda model: model._meta.table_name)


def schema(server: str, name: str, file: str, models: list) -> str:
    """The text of a file that makes all tables and indexes of a database."""
    steps = [step for model in models for step in (table(model), *indexes(model))]
    return SCHEMA.format(server=server, name=name, file=file) + "\n".join(steps)


def table(model) -> str:
    """CREATE TABLE, a line for each column."""
    query, _ = model._schema._create_table(safe=True).query()
    head, columns = query.split(" (", 1)
    return f"{head} (\n  " + re.sub(r", (?=`\w+` [A-Z]|PRIMARY)", ",\n  ", columns[:-1]) + "\n);\n"


def indexes(model) -> list[str]:
    """Statements for the indexes of a table, each of which does nothing where there is one of its name."""
    name = model._meta.table_name
    made = (
        (index._name, model._schema._create_index(index, safe=False).query()[0])
        for index in model._meta.fields_to_index()
    )
    return [GUARDED.format(table=name, index=index, ddl=ddl) for index, ddl in made]


if __name__ == "__main__":
    main()

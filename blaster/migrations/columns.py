"""What steps need that add to tables which are there already. Safe to run again: what is there stays as it is."""

from peewee import Database, Model

from blaster.db import is_sqlite


def add_missing(db: Database, *models: type[Model]) -> None:
    """Create the tables of `models` that are missing, and add the columns and indexes that existing ones lack.

    New columns must be nullable or have a default of the database's own (`models.fields.default`).
    """
    db.create_tables(models, safe=True)
    for model in models:
        table = model._meta.table_name
        there = {column.name for column in db.get_columns(table)}
        for field in model._meta.sorted_fields:
            if field.column_name not in there:
                _add_column(db, model, field)
        _add_indexes(db, model, {index.name for index in db.get_indexes(table)})


def _add_column(db: Database, model: type[Model], field) -> None:
    context = model._schema._create_context()
    context.literal("ALTER TABLE ").sql(model._meta.table).literal(" ADD COLUMN ")
    db.execute(context.sql(field.ddl(context)))


def _add_indexes(db: Database, model: type[Model], there: set[str]) -> None:
    for index in model._meta.fields_to_index():
        if index._name not in there:
            db.execute(model._schema._create_index(index, safe=False))


def drop_index(db: Database, model: type[Model], name: str) -> None:
    """Drop an index by the name that the database has for it, if it is there."""
    table = model._meta.table_name
    if name in {index.name for index in db.get_indexes(table)}:
        db.execute_sql(f"DROP INDEX {name}" if is_sqlite(db) else f"DROP INDEX {name} ON {table}")


def drop_column(db: Database, model: type[Model], name: str) -> None:
    """Drop a column that the model has no longer, if it is there."""
    table = model._meta.table_name
    if name in {column.name for column in db.get_columns(table)}:
        db.execute_sql(f"ALTER TABLE {table} DROP COLUMN {name}")

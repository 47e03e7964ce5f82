"""Column types that mean the same on SQLite and on MySQL/MariaDB."""

import peewee


class Id(peewee.BigAutoField):
    """A number that is never given out twice. SQLite would reuse those of deleted rows, and with them what other tables
    still say about the old row."""

    def ddl(self, ctx):
        nodes = super().ddl(ctx)
        if ctx.state.field_types.get(self.field_type) == "INTEGER":  # SQLite
            nodes.nodes.append(peewee.SQL("AUTOINCREMENT"))
        return nodes


class Instant(peewee.BigIntegerField):
    """Milliseconds since 1970, UTC, by the database's clock (a DATETIME drops zone and microseconds on MariaDB)."""


class Word(peewee.Field):
    """A short word of our own vocabulary; compared byte by byte on every engine."""

    field_type = "WORD"


class KeyText(peewee.Field):
    """A normalised value that must be unique byte by byte: the usual collations take zoe@ and zoë@ for one address."""

    field_type = "KEYTEXT"


class LongText(peewee.TextField):
    """Text of any length; TEXT ends at 64 KB on MySQL."""

    field_type = "LONGTEXT"


class LongBlob(peewee.Field):
    """Bytes of any number; BLOB ends at 64 KB on MySQL."""

    field_type = "LONGBLOB"


def default(value) -> dict:
    """A default that also holds for rows which an operator inserts with SQL."""
    text = f"'{value}'" if isinstance(value, str) else str(int(value))
    return {"default": value, "constraints": [peewee.SQL(f"DEFAULT {text}")]}

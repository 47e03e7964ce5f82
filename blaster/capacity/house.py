"""How large a database is and how many connections it has; on SQLite there are none to count."""

from dataclasses import dataclass

from blaster import db

NEARLY = 0.8  # of all connections


@dataclass(frozen=True)
class Store:
    """`size`: bytes with indexes; `used`, `most_used` and `connections`: of the server, 0 on SQLite."""

    engine: str
    size: int
    used: int = 0
    most_used: int = 0
    connections: int = 0

    @property
    def is_nearly_full(self) -> bool:
        """Most of its connections are in use: soon some process will get none."""
        return self.connections > 0 and self.used >= NEARLY * self.connections


def look(database) -> Store:
    """What the database says of itself; needs no right beyond those that the application has."""
    if db.is_sqlite(database):
        pages, size = (_one(database, f"PRAGMA {name}") for name in ("page_count", "page_size"))
        return Store("SQLite", pages * size)
    tables = "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema=DATABASE()"
    engine = "MariaDB" if "mariadb" in str(_one(database, "SELECT VERSION()")).lower() else "MySQL"
    used = (int(_named(database, "STATUS", name)) for name in ("Threads_connected", "Max_used_connections"))
    return Store(engine, int(_one(database, tables) or 0), *used, int(_named(database, "VARIABLES", "max_connections")))


def _one(database, query: str):
    return database.execute_sql(query).fetchone()[0]


def _named(database, what: str, name: str) -> str:
    return database.execute_sql(f"SHOW GLOBAL {what} LIKE '{name}'").fetchone()[1]

"""How large the databases are, and how many connections they have left."""

from blaster.capacity.house import Store
from blaster.metrics.families import Metric, gauges


def families(found: dict[str, Store]) -> list[Metric]:
    """`found`: by the name of the server. SQLite has no connections to count."""
    servers = {name: store for name, store in found.items() if store.connections}
    return [
        gauges("database_bytes", "Size with indexes.", "server", {name: store.size for name, store in found.items()}),
        gauges(
            "database_connections", "Connections in use.", "server", {name: each.used for name, each in servers.items()}
        ),
        gauges(
            "database_connections_limit",
            "Connections that there may be (max_connections).",
            "server",
            {name: each.connections for name, each in servers.items()},
        ),
    ]

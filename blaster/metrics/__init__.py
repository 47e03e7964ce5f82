"""What Prometheus reads: some thirty figures of the whole installation, from a few small tables of both databases.

No label names a user, a campaign, a host or an address: the number of time series does not grow with the installation.
"""

import time
from collections.abc import Callable, Iterator

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from blaster import db
from blaster.capacity import house
from blaster.db import campaign_db, crm_db
from blaster.metrics import mirror, queue, stores
from blaster.metrics.families import gauge, gauges

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
DATABASES = {"campaign": campaign_db, "crm": crm_db}  # Server 1 and Server 2


def text() -> bytes:
    """All of them in the text format of Prometheus, as they are now. A database that is away leaves its figures out,
    and `blaster_database_up` says so."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    return generate_latest(registry)


class _Collector:
    def collect(self) -> Iterator[Metric]:
        began, up = time.monotonic(), dict.fromkeys(DATABASES, 1)
        found = _ask("crm", up, queue.look)
        yield from found.families if found else ()
        yield from _ask("campaign", up, lambda: mirror.look(found)) or ()
        yield gauges("database_up", "1 while the database answers.", "server", up)
        sizes = {name: _ask(name, up, lambda of=database: house.look(of)) for name, database in DATABASES.items()}
        yield from stores.families({name: store for name, store in sizes.items() if store})
        yield gauge("read_seconds", "How long it took to read these figures.", time.monotonic() - began)


def _ask(name: str, up: dict[str, int], look: Callable):
    """What `look` finds in the database of that name; None while it is away."""
    if not up[name]:
        return None
    try:
        with db.session(DATABASES[name]):
            return look()
    except Exception as error:
        if not db.is_outage(error):
            raise
        up[name] = 0
        return None

"""Large reads of Server 1 on its replica, if there is one that answers and keeps up; nothing depends on it.

Only what looks at many rows and may be a moment old goes there: searches, files to take home. All else asks Server 1.
"""

import logging
import time
from collections.abc import Callable
from contextlib import closing

import peewee

from blaster import db
from blaster.db import campaign_db

log = logging.getLogger(__name__)

MOST_BEHIND = 5  # seconds
ASK_EVERY = 2.0  # seconds that an answer about the delay is good for
REST = 30.0  # seconds for which one that failed is left alone
IDLE = 30
CONNECT_SECONDS, READ_SECONDS = 2, 20

_replica: peewee.Database | None = None
_good_until = _away_until = 0.0


def connect(settings) -> None:
    """Know the replica of the settings, or that there is none."""
    global _replica, _good_until, _away_until
    _replica, _good_until, _away_until = None, 0.0, 0.0
    if settings.campaign_replica_url:
        _replica = db.open_database(settings.campaign_replica_url, 8, IDLE)
        _replica.connect_params.update(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)


def read(work: Callable):
    """The value of `work(database)`, which only reads, and all of it; if need be it runs (again) on Server 1."""
    global _away_until
    if _keeps_up():
        try:
            with db.session(_replica):
                return work(_replica)
        except Exception as error:
            if not db.is_outage(error):
                raise
            log.warning("the replica of Server 1 does not answer (%s)", type(error).__name__)
            _away_until = time.monotonic() + REST
    with db.session(campaign_db):
        return work(campaign_db)


def _keeps_up() -> bool:
    global _good_until, _away_until
    now = time.monotonic()
    if _replica is None or now < _away_until:
        return False
    if now >= _good_until:
        if trouble := ask():
            log.warning("the replica of Server 1 is not used: %s", trouble)
            _away_until = now + REST
            return False
        _good_until = now + ASK_EVERY
    return True


def ask() -> str:
    """Why the replica cannot be used now, in words for the operator; empty where it can, or where there is none."""
    if _replica is None:
        return ""
    try:
        with db.session(_replica), closing(_replica.execute_sql("SHOW REPLICA STATUS")) as cursor:
            row = cursor.fetchone()
            found = dict(zip([column[0] for column in cursor.description], row, strict=True)) if row else {}
    except Exception as error:  # away, no right to ask, or a server that does not know the words
        return f"it does not say how far it is behind ({type(error).__name__} {db.number(error)})"
    behind = found.get("Seconds_Behind_Source", found.get("Seconds_Behind_Master"))
    if behind is None:
        return "it is no replica" if not found else "it does not follow Server 1 any more"
    return f"it is {behind} s behind" if int(behind) > MOST_BEHIND else ""

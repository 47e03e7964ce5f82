"""The one thread of a process that claims: it keeps the lanes of all pools supplied, each campaign in its turn."""

import logging
import math
import threading
import time
from collections import defaultdict

from blaster import db, turns
from blaster.db import crm_db
from blaster.queue import claims, control, quota, tally
from blaster.workers.lane import Lane
from blaster.workers.pool import ServerPool

log = logging.getLogger(__name__)

ASK_AGAIN_SECONDS = 60.0
ERROR_SECONDS = 1.0
EMPTY_SECONDS = 1.0  # a campaign that had nothing to claim is not asked again before


class Feeder:
    """`campaigns` (user id -> ids of running campaigns) and `pools` are set by the orchestrator."""

    def __init__(self, messages, worker_batch: int, loop_delay: float):
        self.pools: list[ServerPool] = []
        self.campaigns: dict[int, list[int]] = {}
        self._messages, self._batch, self._delay = messages, worker_batch, loop_delay
        self._empty_until: dict[int, float] = defaultdict(float)
        self._turns: dict[int, int] = defaultdict(int)
        self._failed = False  # something went wrong in this round
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Claims nothing more when this returns."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._failed = False
            try:
                fed = self._feed_all() if self.pools else []
            except Exception:
                log.exception("the database does not let us claim; trying again")
                fed, self._failed = [], True
            if not any(fed):
                self._stop.wait(ERROR_SECONDS if self._failed else self._delay)

    def _feed_all(self) -> list[bool]:
        with db.session(crm_db):
            return [self._try_to_feed(pool) for pool in list(self.pools) if not self._stop.is_set()]

    def _try_to_feed(self, pool: ServerPool) -> bool:
        """What goes wrong with one pool must not stop the others. Mails that a sender left are looked after too."""
        try:
            return self._feed(pool)
        except Exception:
            log.exception("server %s: claiming failed; trying again", pool.server.id)
            self._failed = True
            return False
        finally:
            pool.dispatch()

    def _feed(self, pool: ServerPool) -> bool:
        """One claim for all accounts of a pool that are short of mails; True when it got rows."""
        if not pool.is_usable():
            return False
        campaign_id = self._next_campaign(pool.server.user_id)
        if campaign_id is None or not self._is_ready(pool.server.user_id, campaign_id):
            return False
        stock = turns.stock(pool.rate(), self._batch)
        lanes = pool.hungry_lanes(stock / 2, self._messages.from_domain(campaign_id))
        if not lanes:
            return False
        limits = _limits(lanes, min(stock, turns.share(tally.pending(campaign_id), len(pool.lanes))))
        of = {lane.account.id: lane for lane in lanes}
        try:
            grants = claims.claim(pool.server.user_id, pool.server.id, campaign_id, pool.hold, limits)
        except claims.Fenced:
            pool.stop()
            return False
        for account_id, grant in grants.items():
            lane = of[account_id]
            lane.budget_left = grant.left
            pool.supply(lane, grant.rows)
            if grant.left <= 0:
                lane.budget_at = time.monotonic() + self._seconds_to_budget(pool, lane)
        self._note(campaign_id, limits, grants)
        return any(grant.rows for grant in grants.values())

    def _is_ready(self, user_id: int, campaign_id: int) -> bool:
        """Is its message compiled? A campaign whose message cannot be made is paused, and nobody else is held up."""
        try:
            self._messages.load(campaign_id)
            return True
        except Exception as error:
            if db.is_outage(error) or db.is_full(error):
                raise
            log.warning("campaign %s cannot be compiled: %s", campaign_id, type(error).__name__)
            control.pause_if_running(user_id, campaign_id, f"The message could not be made: {error}")
            return False

    def _next_campaign(self, user_id: int) -> int | None:
        """The user's running campaigns in turn."""
        now = time.monotonic()
        ready = [c for c in self.campaigns.get(user_id, ()) if self._empty_until[c] <= now]
        self._turns[user_id] += 1
        return turns.next_of(ready, self._turns[user_id]) if ready else None

    def _note(self, campaign_id: int, limits: dict[int, int], grants: dict[int, claims.Grant]) -> None:
        found = sum(len(grant.rows) for grant in grants.values())
        if found < sum(limits.values()) and all(grant.left > 0 for grant in grants.values()):
            self._empty_until[campaign_id] = time.monotonic() + EMPTY_SECONDS

    def _seconds_to_budget(self, pool: ServerPool, lane: Lane) -> float:
        """How long the account's limits keep it waiting; 1 s where it was no limit that stopped the claim.

        Asked again each minute, because a refused mail gives its charge back.
        """
        now = db.now(crm_db)
        budget = quota.budgets(pool.server.user_id, now, lane.account.id).get(lane.account.id)
        if budget is None or budget.left:
            return 1.0
        until = math.inf if budget.next_at is None else db.seconds(budget.next_at - now)
        return min(until, ASK_AGAIN_SECONDS)


def _limits(lanes: list[Lane], most: int) -> dict[int, int]:
    """Rows for each account: in proportion to their limits, and less for those that have used more of theirs."""
    largest, least = max(lane.limit() for lane in lanes), min(lane.used_share() for lane in lanes)
    rows = {lane: lane.limit() * (most / largest + least - lane.used_share()) for lane in lanes}
    return {lane.account.id: math.ceil(n) for lane, n in rows.items() if n > 0}

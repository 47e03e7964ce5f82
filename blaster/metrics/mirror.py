"""What Server 1 tells: how old the queue is, what stands still, how far the screens are behind."""

from collections import Counter

from blaster import db
from blaster.capacity import demand
from blaster.capacity.demand import Waiting
from blaster.db import campaign_db
from blaster.metrics.families import Metric, gauge, gauges
from blaster.metrics.queue import Queue

REASONS = {
    demand.NO_WORKER: "no_worker",
    demand.NO_ACCOUNT: "no_account",
    demand.LIMITS: "limits",
    demand.HOURS: "hours",
    demand.UNKNOWN: "unknown",
}


def look(queue: Queue | None) -> list[Metric]:
    """`queue`: what Server 2 told; None while it is away."""
    campaigns = demand.waiting()
    now = queue.now if queue else db.now(campaign_db)
    families = [
        gauge(
            "queue_age_seconds",
            "How long ago the oldest campaign began that still has mails to send.",
            _longest(now, [each.started_at for each in campaigns if each.mails]),
        ),
        gauge(
            "still_seconds",
            "How long the campaign that stands still longest has sent nothing, though it has mails to send.",
            _longest(now, [each.moved_at for each in campaigns if each.mails]),
        ),
        gauge(
            "mirror_lag_seconds",
            "How old the counters on people's screens are, of the running campaign that is most behind.",
            _longest(now, [each.snapshot_at for each in campaigns if each.snapshot_at]),
        ),
    ]
    return [*families, _stalled(campaigns, queue)] if queue else families


def _longest(now: int, instants: list[int]) -> float:
    return max((now - instant for instant in instants), default=0) / 1000


def _stalled(campaigns: list[Waiting], queue: Queue) -> Metric:
    found = Counter(row.why for row in demand.stalled(campaigns, queue.left, {}, queue.now, queue.has_workers))
    words = "Campaigns of which nothing was sent for ten minutes, by the reason."
    return gauges("stalled_campaigns", words, "reason", {name: found[why] for why, name in REASONS.items()})

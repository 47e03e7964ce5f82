"""What a run of the lab is to do: its size, how often what is broken, and when. The same seed plans the same run."""

import random
from dataclasses import dataclass

# From the first mails on, and early enough that the work is not done before the last one is over.
FIRST, LAST = 0.03, 0.8
LONG_LAST = 0.4  # of what takes long and must find enough work left


@dataclass(frozen=True)
class Plan:
    """`kills`: kill -9 of a process, one in ten: of all processes of a host. `crashes`: a host goes down, and
    its disk loses the last writes. `stops`: SIGSTOP for longer than the lease, then SIGCONT. `terms`: SIGTERM. `cuts`:
    database connections cut at random. `restarts`: kill -9 of the database. `pauses`: a campaign paused and resumed.
    `deaths`, `cutoffs`: a host is killed, or loses its line to the database, until the others have its servers, which
    is to take `takeover_seconds` more than a lease. `freezes`, `outages`: one of the database `servers` in turn is
    stopped (SIGSTOP; SIGTERM) for `outage_seconds`.

    `hourly` and `daily`: limits of each account, 0 = tight ones for two accounts of each server and plenty for the
    others. `clock_speed`: how much faster than ours the databases' clock runs (a lease is to be less than an hour).
    """

    engine: str = "sqlite"
    mails: int = 2_000
    processes: int = 4
    hosts: int = 2
    kills: int = 15
    crashes: int = 1
    stops: int = 3
    terms: int = 2
    cuts: int = 2
    restarts: int = 1
    pauses: int = 2
    deaths: int = 0
    cutoffs: int = 0
    freezes: int = 0
    outages: int = 0
    outage_seconds: float = 30.0
    servers: int = 1
    lease_seconds: float = 3.0
    takeover_seconds: float = 5.0
    users: int = 2
    accounts: int = 3
    connections: int = 4
    hourly: int = 0
    daily: int = 0
    rtt_ms: int = 25
    clock_speed: float = 1.0
    seed: int = 1
    minutes: float = 15.0
    mutant: str = ""
    mysql_url: str = ""

    def random(self, purpose: str) -> random.Random:
        """A generator of its own for each purpose, so that one does not shift the other."""
        return random.Random(f"{self.seed} {purpose}")


@dataclass(frozen=True)
class Event:
    """Something to break once so many mails were accepted; `luck` (0..1) decides the victim."""

    at: int
    kind: str
    luck: float


def events(plan: Plan) -> list[Event]:
    """All that is to happen, in order."""
    chance = plan.random("events")
    kinds = [kind for kind, number in _numbers(plan).items() for _ in range(number)]
    chance.shuffle(kinds)
    at = sorted(int(plan.mails * chance.uniform(FIRST, LAST)) for _ in kinds)
    found = [Event(when, kind, chance.random()) for when, kind in zip(at, kinds, strict=True)]
    return sorted([*found, *_long_ones(plan)], key=lambda event: event.at)


def _long_ones(plan: Plan) -> list[Event]:
    """In equal steps, so that one has time before the next comes."""
    kinds = ["cutoff"] * plan.cutoffs + ["death"] * plan.deaths
    kinds += ["freeze"] * plan.freezes + ["outage"] * plan.outages
    chance = plan.random("long events")
    step = plan.mails * LONG_LAST / max(1, len(kinds))
    return [Event(int(step * (n + 0.5)), kind, chance.random()) for n, kind in enumerate(kinds)]


def _numbers(plan: Plan) -> dict[str, int]:
    hosts = -(-plan.kills // 10) if plan.kills > 2 else 0
    numbers = {"kill": plan.kills - hosts, "host": hosts, "crash": plan.crashes}
    numbers |= {"stop": plan.stops, "term": plan.terms, "pause": plan.pauses}
    return numbers | ({"cut": plan.cuts, "restart": plan.restarts} if plan.engine == "mysql" else {})

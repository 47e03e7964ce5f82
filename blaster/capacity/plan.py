"""What an installation needs for so many users and mails: the guide's "Capacity Planning" as arithmetic. Pure.

Every constant is here, ours with the place in docs/PERFORMANCE.md that it was measured in, the guide's beside it.
"""

import math
from dataclasses import dataclass

from blaster.capacity.demand import hours_to_clear
from blaster.capacity.supply import Left

MB = 1_000_000
MAIL_BYTES, GUIDE_MAIL_BYTES = 600, 500  # a row of mail_blaster with its indexes on MariaDB ("Size"); 500 MB for 1M
PROCESS_RATE = 1_400  # mails a second of one worker process, the lowest of two ("From the queue to the mail server")
PROCESS_MB = 58  # a worker process at work, the half of two ("Many users")
PROCESS_CONNECTIONS = 8  # to the databases ("Size")
PAGE_CONNECTIONS = 24  # at most, of one process that serves pages (db.connect)
LEAST_PROCESSES = 2  # so that one may die
LEAST_POOL_MB = 256
SYSTEM_MB = 1_024  # the rest: operating system, pages, the database beside its pool
GUIDE_POOL_SHARE = 0.5  # of the memory is the database's pool: 4 of 8 GB, 16 of 32 GB
GUIDE_POOL_MB_A_USER = 40  # 4 GB for 100 users
GUIDE_CONNECTIONS_A_USER = 5  # "3-5"
LARGE = 500  # users from which the guide considers partitions


@dataclass(frozen=True)
class Question:
    """`mails` and `servers` are of each user (mails: a day), limits of each account; `kept`: days that rows stay."""

    users: int = 100
    mails: int = 10_000
    kept: int = 30
    servers: int = 1
    accounts: int = 20
    hourly: int = 50
    daily: int = 500


@dataclass(frozen=True)
class Need:
    """One need, by our figures and by the guide's. `how`: where ours comes from, in words."""

    name: str
    ours: float
    guide: float
    how: str


@dataclass(frozen=True)
class Plan:
    """`disk` and `memory` in bytes; `hours` that a day's mails take, None: never; `fits`: within a day."""

    mails: int
    supply: int
    disk: Need
    memory: Need
    workers: Need
    connections: Need
    hours: float | None
    binding: str
    fits: bool
    is_large: bool


def plan(of: Question) -> Plan:
    """The answer."""
    a_day = of.users * of.mails
    hours, binding = _hours(of)
    workers = _workers(of, a_day)
    return Plan(
        mails=a_day,
        supply=of.users * of.accounts * min(of.daily, 24 * of.hourly),
        disk=_disk(of, a_day),
        memory=_memory(of, a_day, workers.ours),
        workers=workers,
        connections=_connections(of, workers.ours),
        hours=hours,
        binding=binding,
        fits=hours is not None and hours <= 24,
        is_large=of.users >= LARGE,
    )


def _disk(of: Question, a_day: int) -> Need:
    how = f"{MAIL_BYTES} bytes a mail with its indexes, {of.kept} days of mails"
    return Need("Database", a_day * of.kept * MAIL_BYTES, a_day * of.kept * GUIDE_MAIL_BYTES, how)


def _memory(of: Question, a_day: int, workers: float) -> Need:
    pool = max(LEAST_POOL_MB, a_day * MAIL_BYTES / MB)
    guide = of.users * GUIDE_POOL_MB_A_USER / GUIDE_POOL_SHARE
    how = f"a day’s mails in the database’s pool, {PROCESS_MB} MB a worker, {SYSTEM_MB // 1024} GB for the rest"
    return Need("Memory", (pool + workers * PROCESS_MB + SYSTEM_MB) * MB, guide * MB, how)


def _workers(of: Question, a_day: int) -> Need:
    by_limits = min(of.users * of.accounts * of.hourly, a_day) / 3600
    ours = max(LEAST_PROCESSES, math.ceil(by_limits / PROCESS_RATE))
    how = f"{PROCESS_RATE:,} mails a second each, and two at least, so that one may die"
    return Need("Worker processes", ours, of.users * of.servers, how)


def _connections(of: Question, workers: float) -> Need:
    ours = workers * PROCESS_CONNECTIONS + PAGE_CONNECTIONS
    how = f"{PROCESS_CONNECTIONS} for each worker process, up to {PAGE_CONNECTIONS} for the pages"
    return Need("Database connections", ours, of.users * GUIDE_CONNECTIONS_A_USER, how)


def _hours(of: Question) -> tuple[float | None, str]:
    """By the limits of one user's fresh accounts, since there are workers enough; and which limits decide."""
    hourly, daily = of.accounts * of.hourly, of.accounts * of.daily
    day = min(daily, 24 * hourly)
    hours = hours_to_clear(of.mails, Left(hourly, hourly, day, daily, hourly, daily))
    return hours, f"{'daily' if of.mails > daily else 'hourly'} limits of the accounts"

"""The workers' rules run ahead of time: which mails go out when. Pure.

Budgets are counted as `queue.quota` counts them: a mail is charged to a bucket of five minutes, which counts as long as
any instant of it lies in the rolling hour or day. So time goes in steps of a bucket, from one step in which an account
may send to the next. Campaigns of a user take turns, as the feeder lets them.
"""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from blaster import turns, windows
from blaster.windows import Windows

BUCKET = 5 * 60_000
_HOUR, _DAY = 12, 288  # buckets
_FARTHEST = 400 * _DAY  # what takes longer than that has no date
NO_LIMIT = 10**12
RATE = 5.0  # mails a second of one account, where nothing was observed


@dataclass(frozen=True)
class Account:
    """`usage`: (bucket, mails) of the last 24 hours. `usable_from`: ms, None: not before its owner acts. `rate`: mails
    a second. `day_limits`: (from when, limit), the steps of a warm-up; what comes later counts."""

    hour_limit: int
    day_limit: int
    usage: tuple[tuple[int, int], ...] = ()
    windows: Windows | None = None
    usable_from: int | None = 0
    rate: float = RATE
    day_limits: tuple[tuple[int, int], ...] = ()

    @property
    def is_usable(self) -> bool:
        """Will it ever send?"""
        limits = [self.day_limit, *(limit for _, limit in self.day_limits)]
        return self.usable_from is not None and self.hour_limit > 0 and max(limits) > 0


@dataclass(frozen=True)
class Campaign:
    """`pending`: mails that are not sent yet; `starts_at`: ms, when it joins in."""

    id: int
    pending: int
    windows: Windows | None = None
    starts_at: int = 0


@dataclass(frozen=True)
class Run:
    """`finish`: the instant of the last mail by campaign, None: never or not within a year. `hours`: mails by campaign
    for each hour (its first ms) in which any are sent."""

    finish: dict[int, int | None]
    hours: dict[int, Counter] = field(repr=False)


class _Tank:
    """One account on its way through the steps."""

    __slots__ = ("account", "hours", "_hour", "_day", "_in_hour", "_in_day")

    def __init__(self, account: Account, hours: "_Hours"):
        self.account, self.hours = account, hours
        usage = sorted((bucket // BUCKET, taken) for bucket, taken in account.usage if taken > 0)
        self._hour, self._day = deque(usage), deque(usage)
        self._in_hour = self._in_day = sum(taken for _, taken in usage)

    def left(self, step: int) -> int:
        """What its limits leave in this step."""
        hour, day = self._hour, self._day
        while hour and hour[0][0] < step - _HOUR:
            self._in_hour -= hour.popleft()[1]
        while day and day[0][0] < step - _DAY:
            self._in_day -= day.popleft()[1]
        return min(self.account.hour_limit - self._in_hour, self._day_limit(step) - self._in_day)

    def _day_limit(self, step: int) -> int:
        limit = self.account.day_limit
        for since, later in self.account.day_limits:
            if since <= step * BUCKET:
                limit = later
        return limit

    def take(self, step: int, mails: int) -> None:
        self._hour.append((step, mails))
        self._day.append((step, mails))
        self._in_hour += mails
        self._in_day += mails

    def free_at(self, step: int) -> int | None:
        """The first later step with something left; None: never. To be asked when nothing is left."""
        day_limit = self._day_limit(step)
        hour = _free_at(self._hour, self._in_hour, self.account.hour_limit, _HOUR)
        day = _free_at(self._day, self._in_day, day_limit, _DAY)
        grows = [-(-since // BUCKET) for since, limit in self.account.day_limits if since > step * BUCKET]
        if day is None or (grows and grows[0] < day):
            day = grows[0] if grows else None
        return None if hour is None or day is None else max(hour, day, step + 1)


def _free_at(usage: Iterable[tuple[int, int]], used: int, limit: int, window: int) -> int | None:
    if used < limit:
        return 0
    for bucket, taken in usage:
        used -= taken
        if used < limit:
            return bucket + window + 1
    return None


class _Hours:
    """Sending hours for steps that are asked for in order."""

    def __init__(self, hours: Windows | None, now: int):
        self._spans = windows.spans(hours, now) if hours else iter(())
        self._from, self._to = next(self._spans, (0, NO_LIMIT * BUCKET))

    def opens(self, step: int) -> int:
        """This step, or the first later one in which they are open."""
        while self._to <= step * BUCKET:
            self._from, self._to = next(self._spans)
        return max(step, -(-self._from // BUCKET))


def simulate(accounts: Sequence[Account], campaigns: Iterable[Campaign], now: int, *, servers: int = 1) -> Run:
    """Send everything; `now` in ms; `servers`: to how many SMTP servers the accounts belong."""
    return _Simulation(accounts, campaigns, now, servers).run()


def _together(account: Account, n: int) -> Account:
    """So many accounts that are alike act like one that may do so many times as much."""
    return replace(
        account,
        hour_limit=account.hour_limit * n,
        day_limit=account.day_limit * n,
        usage=tuple((bucket, taken * n) for bucket, taken in account.usage),
        rate=account.rate * n,
        day_limits=tuple((since, limit * n) for since, limit in account.day_limits),
    )


class _Simulation:
    def __init__(self, accounts: Sequence[Account], campaigns: Iterable[Campaign], now: int, servers: int):
        self.now, self.first, self.turn = now, now // BUCKET, 0
        hours = {each: _Hours(each, now) for each in {account.windows for account in accounts}}
        alike = Counter(account for account in accounts if account.is_usable)
        self.tanks = [_Tank(_together(account, n), hours[account.windows]) for account, n in alike.items()]
        self.many, self.lanes = list(alike.values()), max(1, alike.total() // servers)
        self.queue = [(max(self.first, -(-tank.account.usable_from // BUCKET)), i) for i, tank in enumerate(self.tanks)]
        heapify(self.queue)
        self.left = {campaign.id: campaign.pending for campaign in campaigns}
        self.open = [(campaign, _Hours(campaign.windows, now)) for campaign in campaigns if campaign.pending > 0]
        self.finish: dict[int, int | None] = {id: None if left > 0 else now for id, left in self.left.items()}
        self.sent: dict[int, Counter] = defaultdict(Counter)

    def run(self) -> Run:
        step = self.first
        while self.open and self.queue and step < self.first + _FARTHEST:
            starts = [hours.opens(max(step, campaign.starts_at // BUCKET)) for campaign, hours in self.open]
            soonest = max(min(starts), self.queue[0][0])
            if soonest > step:
                step = soonest
                continue
            ready = self._ready(step)
            if ready:
                sharing = [campaign for (campaign, _), start in zip(self.open, starts, strict=True) if start == step]
                self._send(step, ready, sharing)
        return Run(self.finish, dict(self.sent))

    def _ready(self, step: int) -> list[tuple[int, int]]:
        """(mails that it may send in this step, its number) of all accounts that may."""
        seconds = min(BUCKET, (step + 1) * BUCKET - self.now) / 1000
        ready = []
        while self.queue and self.queue[0][0] <= step:
            _, i = heappop(self.queue)
            tank = self.tanks[i]
            opens = tank.hours.opens(step)
            left = tank.left(step) if opens == step else 0
            if left > 0:
                ready.append((min(left, math.ceil(tank.account.rate * seconds)), i))
            elif (again := opens if opens > step else tank.free_at(step)) is not None:
                heappush(self.queue, (again, i))
        return ready

    def _send(self, step: int, ready: list[tuple[int, int]], sharing: list[Campaign]) -> None:
        supply = sum(mails for mails, _ in ready)
        total = rest = min(supply, sum(self.left[campaign.id] for campaign in sharing))
        shared = _Turns(self, step, sharing, sum(self.tanks[i].account.rate for _, i in ready))
        for mails, i in ready:
            taken = mails if total == supply else min(rest, mails, -(-mails * total // supply))
            rest -= taken
            tank = self.tanks[i]
            if taken:
                tank.take(step, taken)
                shared.add(taken, self.many[i], tank.account.rate / self.many[i])
            again = step + 1 if tank.left(step) > 0 else tank.free_at(step)
            if again is not None:
                heappush(self.queue, (again, i))
        shared.take()
        self.turn = shared.turn
        self.open = [each for each in self.open if self.left[each[0].id]]


class _Turns:
    """One step's mails go to the campaigns that share them, claim by claim as the feeder makes them."""

    def __init__(self, simulation: _Simulation, step: int, sharing: list[Campaign], rate: float):
        self.of, self.turn, self.sharing, self.rate = simulation, simulation.turn, list(sharing), rate
        self.hour = simulation.sent[step // _HOUR * _HOUR * BUCKET]
        self.began, self.gone = max(step * BUCKET, simulation.now), 0
        self.mails = 0
        self.accounts: deque[tuple[int, int]] = deque()  # what each is to send, and the most that it claims at once

    def add(self, mails: int, accounts: int, rate: float) -> None:
        """What so many accounts that are alike send in this step; `rate`: of one of them."""
        self.mails += mails
        if len(self.sharing) > 1:
            most = turns.stock(rate)
            shares = (mails // accounts + (i < mails % accounts) for i in range(accounts))
            self.accounts.extend((share, most) for share in shares if share)

    def take(self) -> None:
        """The accounts claim one after the other, again and again."""
        while len(self.sharing) > 1 and self.accounts:
            mails, most = self.accounts.popleft()
            self.turn += 1
            campaign = turns.next_of(self.sharing, self.turn)
            mails -= self._claim(campaign, min(most, mails))
            if mails:
                self.accounts.append((mails, most))
        if self.sharing:
            self._give(self.sharing[0], self.mails - self.gone)

    def _claim(self, campaign: Campaign, most: int) -> int:
        """Small towards the end of a campaign, so that its accounts end together."""
        return self._give(campaign, min(most, turns.share(self.of.left[campaign.id], self.of.lanes)))

    def _give(self, campaign: Campaign, mails: int) -> int:
        left = self.of.left
        mails = min(mails, left[campaign.id])
        left[campaign.id] -= mails
        self.gone += mails
        self.hour[campaign.id] += mails
        if not left[campaign.id]:
            self.sharing.remove(campaign)
            self.of.finish[campaign.id] = max(self.began + int(self.gone / self.rate * 1000), campaign.starts_at)
        return mails

"""The forecast against the budgets as they are counted, and against a run of the real claims by the tests' clock."""

import heapq
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaster import db, forecast, rehearsal, windows
from blaster.db import crm_db
from blaster.models.crm_db import SmtpAccount, SmtpServer
from blaster.queue import leases, quota
from blaster.rehearsal import BUCKET, Account, Campaign, simulate
from blaster.windows import Windows
from tests import queue_data
from tests.clock import DAY, HOUR, MINUTE, START
from tests.queue_data import ALICE, running_campaign

NOW = START - START % BUCKET + 2 * MINUTE
OFFICE = Windows("Europe/Berlin", (0, 1, 2, 3, 4), 8 * 60, 18 * 60)
EVENINGS = Windows("America/New_York", tuple(range(7)), 17 * 60, 23 * 60)


def finish(accounts, mails, **more):
    return simulate(accounts, [Campaign(1, mails, **more)], NOW).finish[1]


def by_steps(account: Account, mails: int) -> dict[int, int]:
    """Mails by bucket, asking the budget of the queue at each bucket."""
    usage, sent, now = dict(account.usage), {}, NOW
    while mails and now < NOW + 40 * DAY:
        limits = [limit for since, limit in account.day_limits if since <= quota.bucket_of(now)]
        left = quota.budget(account.hour_limit, (limits or [account.day_limit])[-1], usage.items(), now).left
        if not windows.is_open(account.windows, quota.bucket_of(now)) or account.usable_from > quota.bucket_of(now):
            left = 0
        bucket = quota.bucket_of(now)
        n = min(left, mails, math.ceil(account.rate * (bucket + BUCKET - now) / 1000))
        if n:
            usage[bucket] = usage.get(bucket, 0) + n
            sent[bucket] = n
            mails -= n
        now = bucket + BUCKET
    return sent


def by_hours(sent: dict[int, int]) -> dict[int, int]:
    hours: dict[int, int] = {}
    for bucket, n in sent.items():
        hours[bucket - bucket % HOUR] = hours.get(bucket - bucket % HOUR, 0) + n
    return hours


buckets = st.integers(-300, 0).map(lambda n: quota.bucket_of(NOW) + n * BUCKET)
accounts = st.builds(
    Account,
    hour_limit=st.integers(1, 40),
    day_limit=st.integers(1, 200),
    usage=st.dictionaries(buckets, st.integers(1, 12), max_size=8).map(lambda found: tuple(found.items())),
    windows=st.sampled_from([None, OFFICE, EVENINGS]),
    usable_from=st.sampled_from([0, NOW + 7 * HOUR]),
    rate=st.sampled_from([0.02, 5.0]),
    day_limits=st.sampled_from([(), ((NOW + 2 * DAY, 300),), ((NOW - DAY, 20), (NOW + DAY, 30), (NOW + 3 * DAY, 400))]),
)


@settings(max_examples=25, deadline=None)
@given(accounts, st.integers(1, 400))
def test_it_counts_as_the_budget_does_bucket_by_bucket(account, mails):
    sent = by_steps(account, mails)
    run = simulate([account], [Campaign(1, mails)], NOW)
    if sum(sent.values()) < mails:  # beyond the days that the slow way looks at
        return
    assert {hour: counts[1] for hour, counts in run.hours.items() if counts[1]} == by_hours(sent)
    last = max(sent)
    assert max(last, NOW) <= run.finish[1] <= last + BUCKET


@settings(max_examples=40, deadline=None)
@given(st.lists(accounts, min_size=1, max_size=4), st.integers(1, 2000), st.integers(0, 500), st.integers(0, 300))
def test_every_mail_is_sent_once_whoever_shares(some, first, second, third):
    ours = [Campaign(1, first), Campaign(2, second, OFFICE), Campaign(3, third, starts_at=NOW + HOUR)]
    run = simulate(some, ours, NOW)
    for campaign in ours:
        sent = sum(counts[campaign.id] for counts in run.hours.values())
        assert run.finish[campaign.id] is None or sent == campaign.pending
        assert run.finish[campaign.id] is None or run.finish[campaign.id] >= NOW


class Walk:
    """The workers' way of claiming, on the real queue by a clock that jumps: what an account claims keeps it busy."""

    RATE = 100.0
    STOCK = 200  # mails of two seconds, as the feeder claims them

    def __init__(self, clock, specs: list[Account], campaigns: list[Campaign]):
        self.clock, self.specs = clock, specs
        with db.session(crm_db):
            server = SmtpServer.create(user_id=ALICE, name="s", host="127.0.0.1", encryption="none")
            self.accounts = [
                SmtpAccount.create(
                    user_id=ALICE,
                    smtp_server_id=server.id,
                    email=f"a{i}@example.com",
                    hourly_limit=spec.hour_limit,
                    daily_limit=spec.day_limit,
                )
                for i, spec in enumerate(specs)
            ]
            for account, spec in zip(self.accounts, specs, strict=True):
                quota.charge((account.id, bucket, taken) for bucket, taken in spec.usage)
        self.hold = leases.take(f"server:{server.id}", "host:1", 400 * DAY)
        self.campaigns = {campaign.id: campaign for campaign in campaigns}
        self.pending = {running_campaign(campaign_id=c.id, mails=c.pending): c.pending for c in campaigns}
        self.finish: dict[int, float] = {}
        self.turn = 0

    def run(self) -> dict[int, float]:
        queue = [(self.clock.at, i) for i in range(len(self.specs))]
        while any(self.pending.values()):
            self.clock.at, i = heapq.heappop(queue)
            heapq.heappush(queue, (self._feed(i), i))
        return self.finish

    def _feed(self, i: int) -> int:
        """One claim for one account; returns when it is to be asked again."""
        now, account = self.clock.at, self.accounts[i]
        opens = windows.next_open(self.specs[i].windows, now)
        if opens > now:
            return opens
        ready = [c for c, n in self.pending.items() if n and windows.is_open(self.campaigns[c].windows, now)]
        if not ready:
            return min(windows.next_open(self.campaigns[c].windows, now) for c, n in self.pending.items() if n)
        self.turn += 1
        campaign = ready[self.turn % len(ready)]
        limit = min(self.STOCK, max(10, math.ceil(self.pending[campaign] / (8 * len(self.accounts)))))
        rows, left = queue_data.claim(ALICE, account.smtp_server_id, account.id, campaign, self.hold, limit)
        self.pending[campaign] -= len(rows)
        done = now + len(rows) / self.RATE * 1000
        if not self.pending[campaign]:
            self.finish[campaign] = done
        if left <= 0:
            return max(int(done), quota.budgets(ALICE, now, account.id)[account.id].next_at)
        return max(int(done), now + 1)


def mixed(times: int) -> list[Account]:
    used = tuple((quota.bucket_of(NOW) - n * 30 * BUCKET, 10 * times) for n in range(9))
    fast = {"rate": Walk.RATE}
    return [
        *[Account(50 * times, 500 * times, **fast)] * 3,
        Account(20 * times, 400 * times, usage=used, **fast),
        Account(200 * times, 300 * times, usage=used[3:], **fast),
        Account(100 * times, 1_000 * times, windows=OFFICE, **fast),
    ]


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(("mails", "times"), [(10_000, 2), (100_000, 20)])
def test_a_real_run_finishes_within_five_percent_of_it(clock, mails, times):
    clock.at = NOW
    campaigns = [
        Campaign(1, mails),
        Campaign(2, mails // 5),
        Campaign(3, mails // 4, windows=EVENINGS),
    ]
    planned = simulate(mixed(times), campaigns, NOW).finish
    real = Walk(clock, mixed(times), campaigns).run()
    for campaign in campaigns:
        taken, foretold = real[campaign.id] - NOW, planned[campaign.id] - NOW
        assert abs(taken - foretold) <= 0.05 * taken, (campaign, taken / HOUR, foretold / HOUR)


@pytest.mark.parametrize(
    ("some", "mails", "more", "words"),
    [
        ([Account(50, 500)] * 10, 10_000, {}, "daily limits of 10 accounts"),
        ([Account(50, 5_000)], 400, {}, "hourly limit of the account"),
        ([Account(10, 200)], 2_000, {}, "daily limit of the account"),  # 10 an hour would be 220 a day
        ([Account(5_000, 50_000, windows=OFFICE)] * 2, 80_000, {}, "sending hours"),
        ([Account(5_000, 50_000)], 1_000, {"windows": EVENINGS}, "sending hours"),
        ([Account(30_000, 200_000)] * 5, 20_000, {}, forecast.SPEED),
        ([Account(5_000, 50_000, usable_from=NOW + 5 * HOUR)], 1_000, {}, "accounts that have to rest"),
        ([], 10, {}, forecast.NO_ACCOUNT),
        ([Account(0, 10), Account(10, 0), Account(10, 10, usable_from=None)], 10, {}, forecast.NO_ACCOUNT),
        ([Account(1, 1)], 1_000, {}, forecast.TOO_LONG),
    ],
)
def test_what_decides_is_named(some, mails, more, words):
    found = forecast.plan(some, [Campaign(1, mails, **more)], NOW, 1)
    assert found.binding == words
    assert (found.finish is None) == (words in (forecast.NO_ACCOUNT, forecast.TOO_LONG))


def test_the_example_of_the_guide_takes_twenty_hours_and_five_times_its_hourly_limits_do_what_it_promises():
    found = forecast.plan([Account(50, 1_000)] * 10, [Campaign(1, 10_000)], NOW, 1)
    assert 20 * HOUR < found.finish - NOW < 21 * HOUR
    assert found.binding == "hourly limits of 10 accounts"
    assert 2 * HOUR < finish([Account(250, 1_000)] * 10, 10_000) - NOW < 4 * HOUR


def test_what_would_help_is_told_with_its_gain():
    campaigns = [Campaign(1, 10_000)]
    found = forecast.plan([Account(50, 500)] * 10, campaigns, NOW, 1)
    gains = {each.words: each for each in found.helps}
    five = gains["five more accounts"]
    assert five.finish == finish([Account(50, 500)] * 15, 10_000) == found.finish - five.saved
    assert all(each.saved * 10 > found.finish - NOW for each in found.helps)
    assert forecast.plan([Account(50, 500)] * 10, campaigns, NOW, 1, ask=False).helps == ()
    closed = forecast.plan([Account(500, 9_000, windows=OFFICE)], campaigns, NOW, 1)
    assert "no sending hours" in {each.words for each in closed.helps}


def test_what_is_nothing_is_done_at_once_and_a_campaign_waits_for_its_start():
    assert finish([Account(5, 5)], 0) == NOW
    assert finish([Account(500, 500)], 10, starts_at=NOW + 3 * HOUR) >= NOW + 3 * HOUR


def test_campaigns_take_turns():
    run = simulate([Account(100, 10_000)] * 2, [Campaign(1, 100_000), Campaign(2, 1_000)], NOW)
    alone = finish([Account(100, 10_000)] * 2, 1_000)
    assert 1.5 * (alone - NOW) <= run.finish[2] - NOW <= 3 * (alone - NOW) < (run.finish[1] - NOW) / 10


def test_a_million_mails_over_weeks_are_reckoned_in_few_steps(monkeypatch):
    """Counted, not timed: the steps that the simulation takes are those in which somebody may send."""
    steps = []
    send = rehearsal._Simulation._send
    monkeypatch.setattr(rehearsal._Simulation, "_send", lambda self, *a: steps.append(a[0]) or send(self, *a))
    assert finish([Account(200, 2_000)] * 25, 1_000_000) > NOW + 19 * DAY
    assert len(steps) <= 1_000_000 / 25 / 200 + 1

"""The forecast for pages: what it reckons with is gathered here, and what it says is made ready to be drawn."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from flask_login import current_user

from blaster import campaigns, forecast, recipients, rehearsal, schedule, warmup, windows, zones
from blaster.forecast import Plan
from blaster.queue import quota
from blaster.rehearsal import Account
from blaster.web.supply import Line

GOING_ON = ("staging", "running", "scheduled")
SECONDS = 20  # a forecast of a running campaign is shown so long
_HOUR = 60 * 60_000
_LONGEST = 48  # hours in a chart; more are drawn as days
_KEPT = 500


@dataclass(frozen=True)
class Chart:
    """`rows`: (first ms, mails, mails so far) of each hour or day (`unit`), those without mails too."""

    unit: str
    rows: list[tuple[int, int, int]]

    @property
    def most(self) -> int:
        """The highest bar."""
        return max((mails for _, mails, _ in self.rows), default=0)


def foretell(campaign, lines: Sequence[Line], *, mails: int | None = None, ask: bool = True) -> Plan:
    """The forecast for a campaign of the signed-in user, beside their others, as if it went on or began now.

    `mails`: of one that has not started; `ask`: also what would help.
    """
    everything = campaigns.list_campaigns(campaign.user_id)
    others = [each for each in everything if each.campaign_id != campaign.campaign_id and _goes_on(each)]
    sizes = {found.id: found.size for found in recipients.list_lists(campaign.user_id)}
    lines = [line for line in lines if line.state != "inactive"]
    plans = [_campaign(each, sizes) for each in others]
    plans.append(_campaign(campaign, sizes if mails is None else {campaign.list_id: mails}))
    accounts = _accounts(lines, _rate(everything, lines))
    servers = len({line.server.id for line in lines}) or 1
    return forecast.plan(accounts, plans, now(), campaign.campaign_id, servers=servers, ask=ask)


def now() -> int:
    """This moment, ms."""
    return time.time_ns() // 1_000_000


def _goes_on(campaign) -> bool:
    return campaign.status.status in GOING_ON and not schedule.is_held(campaign.status)


def _campaign(campaign, sizes: dict[int, int]) -> rehearsal.Campaign:
    status = campaign.status
    if status.status in ("draft", "scheduled"):
        left, starts_at = sizes.get(campaign.list_id, 0), status.start_at or 0
    else:
        left, starts_at = status.pending_emails + status.active_emails, 0
    return rehearsal.Campaign(campaign.campaign_id, left, windows.load(campaign.send_windows), starts_at)


def _rate(everything, lines: Sequence[Line]) -> float:
    """Mails a second of one account: as seen at the moment, or assumed."""
    ready = sum(line.state == "ok" for line in lines)
    seen = sum(
        c.status.emails_per_minute for c in everything if c.status.status == "running" and c.status.active_emails
    )
    return max(seen / 60 / ready, 0.1) if seen and ready else rehearsal.RATE


def _accounts(lines: Sequence[Line], rate: float) -> list[Account]:
    used = quota.usage([line.account.id for line in lines], now())
    return [_account(line, tuple(used[line.account.id]), rate) for line in lines]


def _account(line: Line, used: tuple, rate: float) -> Account:
    account, until = line.account, 0
    if line.state in ("attention", "cooling"):
        until = None if line.state == "attention" else line.until
    growing = warmup.next_step(account, now()) is not None
    steps = enumerate(warmup.steps(account)) if growing else ()
    return Account(
        account.hourly_limit,
        account.daily_limit,
        usage=used,
        windows=windows.load(account.send_windows),
        usable_from=until,
        rate=rate,
        day_limits=tuple((account.warmup_from + day * warmup.DAY, limit) for day, limit in steps),
    )


def live(campaign, lines: Sequence[Line]) -> Plan:
    """As `foretell` for a campaign under way, reckoned once in a while for all who watch."""
    kept = current_app.extensions.setdefault("outlook", {})
    key = (campaign.campaign_id, campaign.status.status, campaign.send_windows, int(time.time() // SECONDS))
    if key not in kept:
        if len(kept) >= _KEPT:
            kept.clear()
        kept[key] = foretell(campaign, lines)
    return kept[key]


def chart(plan: Plan, campaign_id: int) -> Chart:
    """The campaign's mails by hour, or by day of the user's zone where that would be too many."""
    hours = Counter({hour: mails[campaign_id] for hour, mails in plan.hours if mails.get(campaign_id)})
    if not hours:
        return Chart("hour", [])
    first, last = min(hours), max(hours)
    if last - first < _LONGEST * _HOUR:
        return Chart("hour", _filled(hours, range(first, last + 1, _HOUR)))
    return Chart("day", _by_day(hours, current_user.time_zone))


def _by_day(hours: Counter, zone: str) -> list[tuple[int, int, int]]:
    days: Counter = Counter()
    for hour, mails in hours.items():
        days[_midnight(hour, zone)] += mails
    starts, day = [], min(days)
    while day <= max(days):
        starts.append(day)
        wall = zones.wall_of(day, zone).replace(tzinfo=None, hour=0, minute=0)
        day = zones.instant_of(wall + timedelta(days=1), zone)[0]
    return _filled(days, starts)


def _midnight(instant: int, zone: str) -> int:
    wall = zones.wall_of(instant, zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    return zones.instant_of(wall, zone)[0]


def _filled(counts: Counter, starts) -> list[tuple[int, int, int]]:
    rows, total = [], 0
    for start in starts:
        total += counts[start]
        rows.append((start, counts[start], total))
    return rows

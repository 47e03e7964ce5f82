"""What Server 2 tells: mails by state, budgets, accounts, workers, what came back."""

from collections import Counter
from dataclasses import dataclass

from peewee import Case, fn

from blaster import db
from blaster.capacity.supply import Left, left_by_user
from blaster.db import crm_db
from blaster.mail.replies import CLASSES
from blaster.metrics.families import Metric, counter, counters, gauge, gauges
from blaster.models.archive import Upkeep
from blaster.models.bounces import CampaignBounces
from blaster.models.crm_db import CampaignControl, CampaignTally, Lease, Mail, SmtpAccount, SmtpHealth, SmtpServer
from blaster.queue import control, tally

RUN_STATES = ("staging", "running", "paused", "cancelling", "cancelled", "finished")
LEASES = ("worker", "server", "campaign", "progress", "guard", "mailbox", "import", "list", "decision", "webhooks")
LEASES += ("keys", "maintenance", "other")
BOUNCES = ("hard", "disabled", "quota", "soft", "block", "message", "complaint")
ACCOUNTS = ("ok", "cooling", "attention", "off")
LATELY = 5 * 60_000  # ms
AT_MOST = 10_000  # failures that are looked at


@dataclass(frozen=True)
class Queue:
    """`now`: ms; `left`: what the accounts of each user may send; `has_workers`: some process is alive."""

    families: list[Metric]
    now: int
    left: dict[int, Left]
    has_workers: bool


def look() -> Queue:
    """Reads tables that have a row for a campaign, an account or a lease, and of the queue only the latest failures."""
    now, rows = db.now(crm_db), _tallies()
    left, leases = left_by_user(now), list(Lease.select())
    families = [*_mails(rows), *_campaigns(now), *_budget(left), _accounts(), *_leases(leases, now), _bounces()]
    families.append(_maintenance())
    return Queue(families, now, left, any(_kind(each) == "worker" and each.expires_at > now for each in leases))


def _tallies() -> dict[str, Counter]:
    """By state of the campaign: mails by their state."""
    sums = [fn.SUM(getattr(CampaignTally, name)) for name in tally.STATES]
    same = CampaignTally.campaign_id == CampaignControl.campaign_id
    query = CampaignControl.select(CampaignControl.run_state, *sums).join(CampaignTally, on=same)
    rows = query.group_by(CampaignControl.run_state).tuples()
    return {row[0]: Counter(dict(zip(tally.STATES, map(int, row[1:]), strict=True))) for row in rows}


def _mails(rows: dict[str, Counter]) -> list[Metric]:
    totals = sum(rows.values(), Counter())
    waiting = {state: rows.get(state, Counter())["pending"] for state in control.OPEN}
    return [
        gauges(
            "mails",
            "Mails of all campaigns by state, archived ones too.",
            "state",
            {s: totals[s] for s in tally.STATES},
        ),
        counter("mails_sent", "Mails that a server has taken.", totals["sent"]),
        gauges("queue_mails", "Mails that wait, by the state of their campaign.", "campaign", waiting),
    ]


def _campaigns(now: int) -> list[Metric]:
    state = CampaignControl.run_state
    found = dict(CampaignControl.select(state, fn.COUNT(state)).group_by(state).tuples())
    return [
        gauges("campaigns", "Campaigns that were started, by state.", "state", _of(RUN_STATES, found)),
        gauges(
            "recent_failures",
            "Mails that failed in the last five minutes, by class of the reply.",
            "class",
            _lately(now),
        ),
    ]


def _lately(now: int) -> dict[str, int]:
    """By the index of each campaign that had something to do meanwhile."""
    active = CampaignControl.run_state.in_(control.OPEN) | (CampaignControl.changed_at > now - LATELY)
    ids = [campaign_id for (campaign_id,) in CampaignControl.select(CampaignControl.campaign_id).where(active).tuples()]
    failed = Mail.campaign_id.in_(ids) & (Mail.status == "failed") & (Mail.due_at > now - LATELY)
    found = Counter(name for (name,) in Mail.select(Mail.reply_class).where(failed).limit(AT_MOST).tuples())
    return _of(sorted(CLASSES - {"sent"}), found, "unknown")


def _budget(left: dict[int, Left]) -> list[Metric]:
    every = sum(left.values(), Left())
    limits = {"hour": every.hour_limit, "day": every.day_limit}
    return [
        gauges("budget_limit_mails", "Limits of all usable accounts together.", "window", limits),
        gauges(
            "budget_left_mails",
            "Mails that all accounts together may send in the next hour, and in the next 24 hours.",
            "window",
            {"hour": every.hour, "day": every.day},
        ),
    ]


def _accounts() -> Metric:
    ill = {(row.smtp_server_id, row.smtp_account_id): row.state for row in SmtpHealth.select()}
    on = Case(None, [(SmtpAccount.is_active & SmtpServer.is_active, 1)], 0)
    query = SmtpAccount.select(SmtpAccount.id, SmtpAccount.smtp_server_id, on)
    found: Counter = Counter()
    for account_id, server_id, is_on in query.join(SmtpServer, on=SmtpServer.id == SmtpAccount.smtp_server_id).tuples():
        states = (ill.get((server_id, of), "ok") for of in (0, account_id))
        found[max(states, key=ACCOUNTS.index) if is_on else "off"] += 1
    words = "SMTP accounts: ok, cooling (rests for a while), attention (waits for its owner), off."
    return gauges("accounts", words, "state", _of(ACCOUNTS, found))


def _kind(lease: Lease) -> str:
    return lease.name.partition(":")[0]


def _leases(leases: list[Lease], now: int) -> list[Metric]:
    alive = [lease for lease in leases if lease.expires_at > now]
    kinds = Counter(map(_kind, alive))
    hosts = {lease.owner.partition(":")[0] for lease in alive if _kind(lease) == "worker"}
    return [
        gauge("workers", "Worker processes that are alive.", kinds["worker"]),
        gauge("worker_hosts", "Hosts with a worker that is alive.", len(hosts)),
        gauges("leases", "Leases that are held, by what they are for.", "kind", _of(LEASES, kinds, "other")),
        gauge("leases_expired", "Leases that ran out and were not taken over yet.", len(leases) - len(alive)),
    ]


def _bounces() -> Metric:
    sums = [fn.SUM(getattr(CampaignBounces, name)) for name in BOUNCES]
    row = CampaignBounces.select(*sums).tuples().first()
    found = {name: int(number or 0) for name, number in zip(BOUNCES, row, strict=True)}
    return counters("bounces", "Reports that came back, by what they say.", "class", found)


def _maintenance() -> Metric:
    finished = Upkeep.select(fn.MAX(Upkeep.finished_at)).scalar() or 0
    return gauge(
        "maintenance_finished_timestamp_seconds", "When the nightly work was last done; 0: never.", finished / 1000
    )


def _of(names, found: dict, other: str = "") -> dict[str, int]:
    """All of `names`, those that were not found as 0; what is none of them counts as `other`."""
    values = {name: found.get(name, 0) for name in names}
    if other:
        values[other] += sum(number for name, number in found.items() if name not in values)
    return values

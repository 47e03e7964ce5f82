"""What must hold after every run, whatever was done to it. Each check returns the cases that speak against it."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from blaster.demo.maillog import HOUR_MS, busiest
from blaster.queue import tally
from scripts.lab.chaos import CRASHED, OPEN, WITHHELD
from scripts.lab.evidence import Evidence, row_of

CHARGED = ("claimed", "sending", "sent", "unknown")


@dataclass(frozen=True)
class Verdict:
    """`cases`: what was found against the claim; empty when it holds."""

    name: str
    claim: str
    cases: list[str]


def rows_conserved(found: Evidence) -> list[str]:
    rows = Counter(mail.campaign_id for mail in found.mails.values())
    return [
        f"campaign {tenant.campaign_id}: {rows[tenant.campaign_id]} of {tenant.mails} mails"
        for tenant in found.tenants
        if rows[tenant.campaign_id] != tenant.mails
    ]


def no_duplicates(found: Evidence) -> list[str]:
    return [f"{_name(found, row)} accepted {times} times" for row, times in found.accepts.items() if times > 1]


def sent_was_accepted(found: Evidence) -> list[str]:
    mails = found.mails.values()
    return [f"{mail.email} is sent" for mail in mails if mail.status == "sent" and not found.accepts[mail.id]]


def accepted_is_sent_or_unknown(found: Evidence) -> list[str]:
    states = {row: found.mails[row].status if row in found.mails else "not in the queue" for row in found.accepts}
    return [f"{_name(found, row)} is {state}" for row, state in states.items() if state not in ("sent", "unknown")]


def ledger_is_recount(found: Evidence) -> list[str]:
    charged = Counter((m.smtp_account_id, m.bucket) for m in found.mails.values() if m.bucket is not None)
    differences = {key: (found.usage[key], charged[key]) for key in found.usage | charged}
    cases = [f"account {key[0]}: {old} taken, {new} rows" for key, (old, new) in differences.items() if old != new]
    free = [m for m in found.mails.values() if (m.bucket is not None) != (m.status in CHARGED)]
    return cases + [f"{mail.email} is {mail.status} with bucket {mail.bucket}" for mail in free]


def budgets_kept(found: Evidence) -> list[str]:
    times = defaultdict(list)
    for record in found.accepted:
        times[record.login].append(record.time_ms)
    cases, hour_ms = [], HOUR_MS / found.plan.clock_speed
    for login, account in found.accounts.items():
        hour, day = busiest(times[login], hour_ms), busiest(times[login], 24 * hour_ms)
        if hour > account.hourly_limit or day > account.daily_limit:
            limits = f"limits {account.hourly_limit} and {account.daily_limit}"
            cases.append(f"{login}: {hour} in an hour, {day} in a day, {limits}")
    return cases


def owners_accounts(found: Evidence) -> list[str]:
    return [f"{record.recipient} through {record.login}" for record in found.accepted if not _is_owners(found, record)]


def _is_owners(found: Evidence, record) -> bool:
    mail, account = found.mails.get(row_of(record)), found.accounts.get(record.login)
    return bool(mail and account and mail.user_id == account.user_id and mail.email == record.recipient)


def nothing_under_way(found: Evidence) -> list[str]:
    return [f"{m.email} is {m.status}" for m in found.mails.values() if m.status in ("claimed", "sending")]


def finished_means_finished(found: Evidence) -> list[str]:
    """And the other way round: with nothing left to do a campaign ends by itself."""
    cases = []
    for campaign_id, counts in found.recount.items():
        state, open_mails = found.controls[campaign_id].run_state, counts["pending"] + counts["active"]
        if (state == "finished") != (open_mails == 0):
            cases.append(f"campaign {campaign_id} is {state} with {open_mails} open mails")
    return cases


def tally_is_recount(found: Evidence) -> list[str]:
    return [
        f"campaign {campaign_id}: tally {found.tallies[campaign_id]}, rows {counts}"
        for campaign_id, counts in found.recount.items()
        if found.tallies[campaign_id] != counts
    ]


def screens_are_right(found: Evidence) -> list[str]:
    cases = []
    for campaign_id, counts in found.recount.items():
        shown = {state: getattr(found.shown[campaign_id], f"{state}_emails") for state in tally.STATES}
        if shown != counts:
            cases.append(f"campaign {campaign_id}: shown {shown}, rows {counts}")
    return cases


def unknown_beyond(found: Evidence, doubt: Counter) -> list[str]:
    """Only a machine that lost its journal leaves more in doubt than what was between final dot and reply."""
    told, untold = found.unknown[True], found.unknown[False]
    cases = []
    if told > doubt[OPEN] + doubt[WITHHELD]:
        texts = Counter(m.smtp_text for m in found.mails.values() if m.status == "unknown" and m.lease_token is None)
        cases.append(f"{told} between final dot and reply, {doubt[OPEN] + doubt[WITHHELD]} may be: {dict(texts)}")
    if untold > doubt[CRASHED]:
        cases.append(f"{untold} without a word, {doubt[CRASHED]} may be")
    return cases


CHECKS: dict[str, tuple[str, Callable[[Evidence], list[str]]]] = {
    "I1": ("no mail is lost: every recipient has one row", rows_conserved),
    "I2": ("no mail was accepted twice", no_duplicates),
    "I3": ("what is sent was accepted", sent_was_accepted),
    "I4": ("what was accepted is sent, or unknown", accepted_is_sent_or_unknown),
    "I5": ("the ledger of budgets equals the rows that are charged", ledger_is_recount),
    "I6": ("no account exceeded its limit in any 60 minutes or 24 hours", budgets_kept),
    "I7": ("every mail went through an account of its owner", owners_accounts),
    "I9": ("nothing is claimed or being sent at rest", nothing_under_way),
    "I10": ("finished campaigns have nothing left, and only they", finished_means_finished),
    "I11": ("the tally equals the rows", tally_is_recount),
    "I11s": ("the screens show the same", screens_are_right),
}


def check(found: Evidence) -> list[Verdict]:
    return [Verdict(name, claim, cases(found)) for name, (claim, cases) in CHECKS.items()]


def _name(found: Evidence, row: int) -> str:
    return found.mails[row].email if row in found.mails else f"row {row}"

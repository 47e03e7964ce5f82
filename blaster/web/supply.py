"""SMTP accounts as pages show them: with their server, what they may still send, and how they are, in words."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from blaster import oauth, schedule, servers, windows
from blaster.models.crm_db import SmtpAccount, SmtpServer
from blaster.queue import health, quota
from blaster.queue.quota import Budget

_WORST = ("attention", "cooling", "waiting", "closed", "ok", "inactive")
CLOSED = "Outside its sending hours"


@dataclass(frozen=True)
class Line:
    """One account. `state`: ok | inactive | attention | cooling | waiting | closed (outside its sending hours); `words`
    why, `until` (ms) when it ends."""

    account: SmtpAccount
    server: SmtpServer
    budget: Budget
    state: str
    words: str = ""
    until: int = 0

    @property
    def left(self) -> int:
        """Mails it may send at this moment."""
        return self.budget.left if self.state == "ok" else 0


def lines(user_id: int, server_id: int | None = None) -> list[Line]:
    """The accounts of a user, or of one server of theirs. Raises NotFound."""
    by_id = {server.id: server for server in servers.list_servers(user_id)}
    budgets, rows = quota.budgets(user_id), health.of_user(user_id)
    accounts, found = servers.list_accounts(user_id, server_id), []
    unconsented = oauth.without_consent(accounts)
    for account in accounts:
        # One added or deleted between the queries has no budget or no server: it shows at the next look.
        if account.id in budgets and account.smtp_server_id in by_id:
            server = by_id[account.smtp_server_id]
            state = _state(account, server, budgets[account.id], rows)
            if account.id in unconsented and state[0] != "inactive":
                state = "attention", health.WORDS["needs-consent"], 0
            found.append(Line(account, server, budgets[account.id], *state))
    return found


def _state(account: SmtpAccount, server: SmtpServer, budget: Budget, rows: dict) -> tuple[str, str, int]:
    if not server.is_active:
        return "inactive", "The server is switched off", 0
    if not account.is_active:
        return "inactive", "Switched off", 0
    for row in (rows.get((server.id, health.SERVER)), rows.get((server.id, account.id))):
        if row is not None and row.state != "ok":
            return row.state, health.words(row), row.until
    opens = windows.next_open(windows.load(account.send_windows), budget.next_at) if budget.next_at else 0
    if not budget.left:
        return "waiting", f"The {budget.binding} is used up", opens
    return ("closed", CLOSED, opens) if opens > budget.next_at else ("ok", "", 0)


@dataclass(frozen=True)
class Supply:
    """What several accounts may send together."""

    accounts: int
    active: int
    hour_limit: int
    hour_used: int
    day_limit: int
    day_used: int
    left: int
    state: str  # the worst among the accounts, `empty` without any


def total(of: Iterable[Line]) -> Supply:
    """The sums over accounts; those switched off count only in `accounts`."""
    of = list(of)
    active = [line for line in of if line.state != "inactive"]
    budgets = [line.budget for line in active]
    return Supply(
        accounts=len(of),
        active=len(active),
        hour_limit=sum(budget.hour_limit for budget in budgets),
        hour_used=sum(budget.hour_used for budget in budgets),
        day_limit=sum(budget.day_limit for budget in budgets),
        day_used=sum(budget.day_used for budget in budgets),
        left=sum(line.left for line in active),
        state=min((line.state for line in of), key=_WORST.index, default="empty"),
    )


def shown_state(campaign, of: Supply) -> str:
    """The state of a campaign as people see it: running with nothing that may be sent now is `waiting`, scheduled and
    not starting by itself any more is `overdue`."""
    status = campaign.status
    if schedule.is_held(status):
        return "overdue"
    waits = status.status == "running" and status.active_emails == 0 and (of.left == 0 or opens_at(campaign))
    return "waiting" if waits else status.status


def opens_at(campaign) -> int:
    """When the sending hours of a campaign begin (ms); 0 while they are open."""
    now = time.time_ns() // 1_000_000
    opens = windows.next_open(windows.load(campaign.send_windows), now)
    return opens if opens > now else 0

"""The people behind the campaigns: they mend accounts that need it, resume what a server's reply paused, and look."""

import time

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import Mail, SmtpHealth
from blaster.queue import control, health, quota, tally
from scripts.lab.tenants import Tenant

EVERY = 2.0  # seconds
REFUSED = "The server refused"  # how the note of a campaign begins that a reply has paused


class Owner:
    """Acts for all tenants of a run. `budgets_return`: it is worth waiting until used-up budgets are free again."""

    def __init__(self, tenants: list[Tenant], *, budgets_return: bool):
        self.tenants, self.budgets_return = tenants, budgets_return
        self._next = 0.0

    def tend(self) -> None:
        """Every other second."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        for row in _in_need():
            health.clear(row.user_id, row.smtp_server_id, row.smtp_account_id)
        for tenant in self.tenants:
            state = control.state(tenant.user_id, tenant.campaign_id)
            if state.run_state == "paused" and state.note.startswith(REFUSED):
                control.resume(tenant.user_id, tenant.campaign_id)

    def is_at_rest(self) -> bool:
        """Campaigns have finished, or nothing is under way and what is pending waits for budgets only."""
        return all(self._rests(tenant) for tenant in self.tenants)

    def is_shown(self) -> bool:
        """The counters on the screens are those of the queue."""
        return all(_counts_shown(tenant) == _counts(tenant) for tenant in self.tenants)

    def _rests(self, tenant: Tenant) -> bool:
        finished = control.state(tenant.user_id, tenant.campaign_id).run_state == "finished"
        if finished or self.budgets_return:
            return finished
        counts, budgets = _counts(tenant), quota.budgets(tenant.user_id).values()
        return counts["pending"] > 0 and not counts["active"] and not any(budget.left for budget in budgets)


def _in_need() -> list[SmtpHealth]:
    with db.session(crm_db):
        return list(SmtpHealth.select().where(SmtpHealth.state == "attention"))


def _counts(tenant: Tenant) -> dict[str, int]:
    """Counted from the rows: the tally is among what is to be checked."""
    with db.session(crm_db):
        states = Mail.select(Mail.status).where(Mail.campaign_id == tenant.campaign_id).tuples()
        counts = dict.fromkeys(tally.STATES, 0)
        for (status,) in states:
            counts[tally.column_of(status)] += 1
        return counts


def _counts_shown(tenant: Tenant) -> dict[str, int]:
    with db.session(campaign_db):
        status = CampaignStatus.get_by_id(tenant.campaign_id)
        return {state: getattr(status, f"{state}_emails") for state in tally.STATES}

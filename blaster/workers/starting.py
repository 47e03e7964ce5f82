"""Scheduled campaigns start when their time has come.

Any process may do it, and several at once: the start is one conditional step on Server 1, and what comes after it is
found by `campaigns.started` wherever a process dies.
"""

import logging

from blaster import audit, campaigns, schedule, servers
from blaster.errors import Conflict
from blaster.schedule import Due

log = logging.getLogger(__name__)


def start_due(public_url: str) -> None:
    """Each is looked over once more: what is missing by now holds it until its owner has seen to it.

    `public_url`: the setting.
    """
    for found in schedule.due():
        try:
            _start(found, public_url)
        except Conflict as error:  # nothing happens to one that another process or its owner was quicker with
            schedule.hold(found, str(error))


def _start(found: Due, public_url: str) -> None:
    accounts = [account for account in servers.list_accounts(found.user_id) if account.is_active]
    looked_over = campaigns.review(found.user_id, found.campaign_id, accounts=accounts, public_url=public_url)
    problems = looked_over.problems
    if problems:
        raise Conflict(problems[0].text)
    campaigns.start(found.user_id, found.campaign_id, due_at=found.start_at)
    audit.note(0, "start", "campaign", found.campaign_id, "as scheduled", user_id=found.user_id)
    log.info("campaign %s starts as scheduled", found.campaign_id)

"""All that is known after a run, read once: what the database says, and what the mail servers saw."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.demo.maillog import Record
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import CampaignControl, Mail, SmtpAccount, SmtpUsage
from blaster.queue import tally
from scripts.lab.plan import Plan
from scripts.lab.sinks import SinkProcess
from scripts.lab.tenants import Tenant


@dataclass(frozen=True)
class Evidence:
    """`accepted`: what the mail servers took, `mails`: the queue, both complete."""

    plan: Plan
    tenants: list[Tenant]
    mails: dict[int, Mail]
    accounts: dict[str, SmtpAccount]
    usage: Counter
    tallies: dict[int, dict[str, int]]
    controls: dict[int, CampaignControl]
    shown: dict[int, CampaignStatus]
    accepted: list[Record]

    @cached_property
    def accepts(self) -> Counter:
        """How often each mail of the queue was accepted."""
        return Counter(map(row_of, self.accepted))

    @cached_property
    def recount(self) -> dict[int, dict[str, int]]:
        """Mails by state, for each campaign, as the tally should have them."""
        counts = {tenant.campaign_id: dict.fromkeys(tally.STATES, 0) for tenant in self.tenants}
        for mail in self.mails.values():
            counts[mail.campaign_id][tally.column_of(mail.status)] += 1
        return counts

    @cached_property
    def unknown(self) -> Counter:
        """By whether somebody told (True), a worker or a journal, or recovery had to give up (False)."""
        return Counter(mail.lease_token is None for mail in self.mails.values() if mail.status == "unknown")


def row_of(record: Record) -> int:
    """The mail of the queue that was accepted; the Message-ID carries its number."""
    return int(record.message_id[1:].partition(".")[0])


def gather(plan: Plan, tenants: list[Tenant], sinks: list[SinkProcess]) -> Evidence:
    """Only when nothing moves any more."""
    with db.session(crm_db):
        usage = {(row.smtp_account_id, row.bucket): row.taken - row.extra for row in SmtpUsage.select() if row.taken}
        ids = [tenant.campaign_id for tenant in tenants]
        crm = {
            "mails": {mail.id: mail for mail in Mail.select()},
            "accounts": {account.email: account for account in SmtpAccount.select()},
            "usage": Counter(usage),
            "tallies": {campaign_id: tally.counts(campaign_id) for campaign_id in ids},
            "controls": {control.campaign_id: control for control in CampaignControl.select()},
        }
    with db.session(campaign_db):
        shown = {status.campaign_id: status for status in CampaignStatus.select()}
    accepted = [record for sink in sinks for record in sink.records()]
    return Evidence(plan, tenants, **crm, shown=shown, accepted=accepted)

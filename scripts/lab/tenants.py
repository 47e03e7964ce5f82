"""Who sends: users with servers at the sinks, accounts, a list and a campaign, made through the product's doors."""

from dataclasses import dataclass

from blaster import campaigns, passwords, recipients, servers, users
from blaster.demo import people
from blaster.queue import control
from scripts.lab.plan import Plan
from scripts.lab.sinks import SinkProcess


@dataclass(frozen=True)
class Tenant:
    """A user with one started campaign of `mails` recipients."""

    user_id: int
    campaign_id: int
    mails: int


def populate(plan: Plan, sinks: list[SinkProcess]) -> list[Tenant]:
    """All users of the plan; their campaigns are started, and staged by the first worker that comes."""
    share, rest = divmod(plan.mails, plan.users)
    return [_tenant(plan, sinks, number, share + (number < rest)) for number in range(plan.users)]


def _tenant(plan: Plan, sinks: list[SinkProcess], number: int, mails: int) -> Tenant:
    name = f"user{number}"
    user = users.create(f"{name}@example.com", name, passwords.made_up())
    users.edit_sender(user.id, organisation=name, postal_address="1 Laboratory Lane\nCambridge")
    fair = mails // (len(sinks) * plan.accounts)
    for place, sink in enumerate(sinks):
        fields = {"host": "127.0.0.1", "port": sink.port, "encryption": sink.encryption}
        server = servers.add_server(user.id, **fields, max_connections=plan.connections)
        for account in range(plan.accounts):
            hourly, daily = _limits(plan, account, fair, mails)
            address = f"{name}-s{place}-a{account}@example.com"
            limits = {"hourly_limit": hourly, "daily_limit": daily}
            servers.add_account(user.id, server.id, email=address, password="secret", **limits)
    return Tenant(user.id, _start(user.id, name, mails), mails)


def _limits(plan: Plan, account: int, fair: int, plenty: int) -> tuple[int, int]:
    """(hourly, daily): where there are several accounts, the first two get half of what they could send."""
    tight = max(1, fair // 2)
    hourly = tight if plan.accounts > 1 and account == 0 else plenty
    daily = tight if plan.accounts > 2 and account == 1 else plenty
    return plan.hourly or hourly, plan.daily or daily


def _start(user_id: int, name: str, mails: int) -> int:
    chosen = recipients.create_list(user_id, "readers")
    recipients.import_csv(user_id, chosen.id, people.as_csv(name, mails))
    text = {"subject": "Hello {{ first_name }}", "html": "<p>Hello</p>", "text": "Hello"}
    draft = campaigns.create_campaign(user_id, name="lab", list_id=chosen.id, **text)
    started = campaigns.start(user_id, draft.campaign_id)
    handed_over = (started.list_id, started.stage_until, campaigns.content(started))
    control.open_campaign(user_id, draft.campaign_id, *handed_over)
    return draft.campaign_id

"""Two demo users, each with servers, accounts, a list and a campaign that is under way to the sink.

Safe to repeat: what is there already is left alone, what an interruption left out is made.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from blaster import campaigns, passwords, recipients, servers, users
from blaster.demo import people
from blaster.models.campaign_db import Campaign, User

LETTERS = Path(__file__).parent / "letters"
LIST = "Readers of the demo"
# The two users together have 9 accounts: a list of 100,000 still finishes within the first hour.
HOURLY_LIMIT = 30_000
DAILY_LIMIT = 200_000


@dataclass(frozen=True)
class Story:
    """What one demo user has: two servers with so many accounts each, and a letter to send."""

    email: str
    name: str
    sender: str
    postal_address: str
    accounts: tuple[int, int]
    campaign: str
    subject: str
    letter: str


STORIES = (
    Story(
        email="alice@example.com",
        name="Alice Alder",
        sender="Alder Street Bakery",
        postal_address="12 Alder Street\nLondon N1 7AA\nUnited Kingdom",
        accounts=(3, 2),
        campaign="Winter loaves",
        subject='{{ first_name | default: "Friend" }}, the winter loaves are here',
        letter="bakery.html",
    ),
    Story(
        email="bob@example.com",
        name="Bob Brandt",
        sender="Museum of Hours",
        postal_address="3 Clock Square\n1010 Vienna\nAustria",
        accounts=(2, 2),
        campaign="A night among the clocks",
        subject="Saturday: a night among the clocks, {{ first_name }}",
        letter="museum.html",
    ),
)


@dataclass(frozen=True)
class Demo:
    """One seeded user: how to sign in, and the campaign."""

    user_id: int
    email: str
    password: str
    campaign_id: int


def seed(data_dir: Path, sink_port: int, count: int = 10_000) -> list[Demo]:
    """Make what is missing and start the campaigns; the servers point to the sink on that port from now on.

    The passwords are made up on the first call and kept in `demo-sign-in.json`, for the owner of the data only.
    """
    passwords = _passwords(data_dir / "demo-sign-in.json")
    return [_tell(story, passwords[story.email], sink_port, count) for story in STORIES]


def _tell(story: Story, password: str, sink_port: int, count: int) -> Demo:
    user = users.by_email(story.email) or users.create(story.email, story.name, password)
    if not user.postal_address:
        users.edit_sender(user.id, organisation=story.sender, postal_address=story.postal_address)
    _point_servers(user, story, sink_port)
    campaign = _campaign(user, story, _fill_list(user, count))
    return Demo(user.id, story.email, password, campaign.campaign_id)


def _passwords(path: Path) -> dict[str, str]:
    if not path.exists():
        made = {story.email: passwords.made_up() for story in STORIES}
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(made, file, indent=1)
    return json.loads(path.read_text())


def _point_servers(user: User, story: Story, port: int) -> None:
    known = {server.name: server for server in servers.list_servers(user.id)}
    for number, accounts in enumerate(story.accounts, start=1):
        fields = {"name": f"Demo relay {number}", "host": "127.0.0.1", "port": port, "encryption": "none"}
        server = known.get(fields["name"]) or servers.add_server(user.id, **fields)
        if server.port != port:
            servers.edit_server(user.id, server.id, **fields)
        _add_accounts(user, server.id, [f"relay{number}-{n + 1}.{story.email}" for n in range(accounts)])


def _add_accounts(user: User, server_id: int, logins: list[str]) -> None:
    known = {account.login for account in servers.list_accounts(user.id, server_id)}
    for login in logins:
        if login not in known:
            limits = {"daily_limit": DAILY_LIMIT, "hourly_limit": HOURLY_LIMIT}
            servers.add_account(user.id, server_id, email=user.email, login=login, password="demo", **limits)


def _fill_list(user: User, count: int) -> int:
    known = [one for one in recipients.list_lists(user.id) if one.name == LIST]
    chosen = known[0] if known else recipients.create_list(user.id, LIST)
    if chosen.size < count:
        recipients.import_csv(user.id, chosen.id, people.as_csv(user.email.partition("@")[0], count))
    return chosen.id


def _campaign(user: User, story: Story, list_id: int) -> Campaign:
    known = [one for one in campaigns.list_campaigns(user.id) if one.name == story.campaign]
    campaign = known[0] if known else _draft(user, story, list_id)
    if campaigns.get_campaign(user.id, campaign.campaign_id).status.status == "draft":
        campaigns.start(user.id, campaign.campaign_id)
    return campaign


def _draft(user: User, story: Story, list_id: int) -> Campaign:
    return campaigns.create_campaign(
        user.id,
        name=story.campaign,
        subject=story.subject,
        sender_name=story.sender,
        sender_email="",
        reply_to=story.email,
        list_id=list_id,
        html=(LETTERS / story.letter).read_text(encoding="utf-8"),
        text="",
    )

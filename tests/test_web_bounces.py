"""Pages of what comes back: mailboxes, bounces of a campaign, the word that resumes a held one."""

import html
import re

import pytest

from blaster import bounces, campaigns, db, mailboxes, servers
from blaster.db import campaign_db, crm_db
from blaster.models.bounces import CampaignBounces, DomainPause, Mailbox, ProviderCount
from blaster.models.campaign_db import Campaign
from blaster.models.crm_db import Mail, SmtpAccount
from blaster.queue import control, domains, guard, providers, tally
from tests.mailservers import LOGIN, PASSWORD
from tests.routes import own
from tests.test_bounces import about

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])


def form(server, **changes) -> dict:
    fields = {"kind": "imap", "host": server.host, "port": server.port, "encryption": "none", "login": LOGIN}
    return fields | {"password": PASSWORD, "folder": "INBOX"} | changes


def started(user_id: int) -> tuple[int, Mail]:
    """A campaign with one mail that was sent."""
    campaign_id = own(user_id, started=True)["campaign_id"]
    campaigns.mirror(user_id, campaign_id, "running")
    with db.session(crm_db):
        Mail.update(status="sent").where(Mail.campaign_id == campaign_id).execute()
        return campaign_id, Mail.get(Mail.campaign_id == campaign_id)


def came_back(app, mail: Mail, name: str = "dsn_unknown_user", key: bytes = b""):
    key = key or app.config["BLASTER"].secret_key.encode()
    return bounces.record(mail.user_id, about(mail, name, key=key), key=app.config["BLASTER"].secret_key.encode())


def test_a_mailbox_is_added_tried_edited_switched_and_deleted(alice, imap):
    assert "No mailbox is read yet" in alice.get("/mailboxes").text
    imap.deliver(b"one", b"two")
    assert alice.post("/mailboxes/new", form(imap)).location == "/mailboxes"
    page = alice.get("/mailboxes").text
    assert "Mailbox added. Signed in to 127.0.0.1" in page
    assert "INBOX holds 2 mails" in page
    (box,) = mailboxes.list_mailboxes(alice.user_id)
    assert PASSWORD not in alice.get(f"/mailboxes/{box.id}/edit").text
    alice.post(f"/mailboxes/{box.id}/edit", form(imap, password="", folder="Bounces"))
    assert mailboxes.get_mailbox(alice.user_id, box.id).folder == "Bounces"
    answer = alice.post(f"/mailboxes/{box.id}/test", htmx=True).text
    assert "There is no folder “Bounces”" in answer
    alice.post(f"/mailboxes/{box.id}/deactivate")
    assert not mailboxes.get_mailbox(alice.user_id, box.id).is_active
    assert "Switch on" in alice.get("/mailboxes").text
    alice.post(f"/mailboxes/{box.id}/delete")
    assert mailboxes.list_mailboxes(alice.user_id) == []


def test_what_cannot_be_comes_back_beside_its_field(alice, imap):
    answer = alice.post("/mailboxes/new", form(imap, host="imap example", password=""))
    assert answer.status_code == 422
    assert "Enter the name of the server alone" in answer.text
    assert LOGIN in answer.text
    assert mailboxes.list_mailboxes(alice.user_id) == []


def test_trouble_with_a_mailbox_is_shown(alice, imap):
    alice.post("/mailboxes/new", form(imap))
    with db.session(crm_db):
        Mailbox.update(last_error="The server did not accept <login>.").execute()
    assert "The server did not accept &lt;login&gt;." in alice.get("/mailboxes").text


def test_bounces_of_a_campaign_by_class(app, alice):
    campaign_id, mail = started(alice.user_id)
    assert "Nothing has come back" in alice.get(f"/campaigns/{campaign_id}/bounces").text
    came_back(app, mail)
    page = alice.get(f"/campaigns/{campaign_id}/bounces").text
    assert mail.email in page
    assert "No such address" in page and "Suppressed" in page and "5.1.1" in page
    assert "No bounces of this kind" in alice.get(f"/campaigns/{campaign_id}/bounces?class=quota").text
    assert alice.get(f"/campaigns/{campaign_id}/bounces?before={10**30}").status_code == 200
    page = alice.get("/mailboxes").text
    name = campaigns.get_campaign(alice.user_id, campaign_id).name
    assert mail.email in page and f'/bounces">{name}</a>' in page
    with db.session(campaign_db):
        Campaign.update(user_id=0).execute()
    assert f'/bounces">Campaign {campaign_id}</a>' in alice.get("/mailboxes").text


def test_what_bounced_is_text_whatever_it_says(app, alice):
    campaign_id, mail = started(alice.user_id)
    key = app.config["BLASTER"].secret_key.encode()
    raw = about(mail, key=key).replace(b"no such person", b"<script>no such user</script>")
    bounces.record(alice.user_id, raw, key=key)
    page = alice.get(f"/campaigns/{campaign_id}/bounces").text
    assert "&lt;script&gt;no such user" in page
    assert "<script>no such" not in page


def test_an_unmatched_bounce_is_shown_as_such(app, alice, bob):
    _, mail = started(alice.user_id)
    came_back(app, mail, key=b"forged")
    assert "Unmatched: nothing was changed" in alice.get("/mailboxes").text
    assert mail.email not in bob.get("/mailboxes").text


def test_a_draft_has_no_bounces(alice):
    draft = campaigns.create_campaign(alice.user_id, name="News", subject="News", text="Hello")
    assert alice.get(f"/campaigns/{draft.campaign_id}/bounces").status_code == 303


def held(user_id: int) -> int:
    campaign_id, _ = started(user_id)
    with db.session(crm_db):
        tally.add(campaign_id, 0, {"sent": 200})
        CampaignBounces.create(campaign_id=campaign_id, user_id=user_id, hard=20)
    guard.look([campaign_id])
    campaigns.mirror(user_id, campaign_id, "paused")
    return campaign_id


def test_a_held_campaign_says_why_and_wants_its_owners_word(alice):
    campaign_id = held(alice.user_id)
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "Paused to protect your name as a sender" in page
    assert 'name="understood"' in page
    alice.post(f"/campaigns/{campaign_id}/resume")
    assert control.state(alice.user_id, campaign_id).run_state == "paused"
    assert "Tick the box first" in alice.get(f"/campaigns/{campaign_id}").text
    alice.post(f"/campaigns/{campaign_id}/resume", {"understood": "1"})
    assert control.state(alice.user_id, campaign_id).run_state == "running"
    assert "Paused to protect" not in alice.get(f"/campaigns/{campaign_id}").text
    assert guard.look([campaign_id]) == 0


def test_a_stranger_cannot_say_it_for_the_owner(alice, bob):
    campaign_id = held(alice.user_id)
    assert bob.post(f"/campaigns/{campaign_id}/resume", {"understood": "1"}).status_code == 404
    assert guard.outlook(alice.user_id, campaign_id)[1] == "hard"


def test_warnings_and_resting_domains_are_on_the_progress_page(alice):
    campaign_id, _ = started(alice.user_id)
    with db.session(crm_db):
        tally.add(campaign_id, 0, {"sent": 999})
        CampaignBounces.create(campaign_id=campaign_id, user_id=alice.user_id, hard=20, complaint=1)
    for _ in range(domains.FEWEST):
        domains.refused(alice.user_id, "example.net", "unwanted")
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "20 addresses do not exist" in page
    assert "1 recipient reported the mail as spam" in page
    assert "example.net refuses your mail as unwanted" in page
    url = html.unescape(re.search(rf'"(/campaigns/{campaign_id}/progress[^"]+)"', page)[1])
    assert alice.get(url, htmx=True).status_code == 204
    with db.session(crm_db):
        DomainPause.delete().execute()
    drawn_whole = f"/campaigns/{campaign_id}/progress"  # as it is once a minute
    assert "refuses your mail" not in alice.get(drawn_whole, htmx=True).text


def test_a_resting_domain_is_released_by_its_owner(alice, bob):
    for _ in range(domains.FEWEST):
        domains.refused(alice.user_id, "example.net", "unwanted")
    assert "Go on there now" in alice.get("/mailboxes").text
    assert bob.post("/mailboxes/domains/release", {"domain": "example.net"}).status_code == 404
    alice.post("/mailboxes/domains/release", {"domain": "example.net"})
    assert "example.net gets mail again." in alice.get("/mailboxes").text
    assert domains.resting() == []


def test_mails_to_big_providers_are_shown_with_the_rule(alice, bob):
    with db.session(crm_db):
        day = db.now(crm_db) // providers.DAY
        values = {"user_id": alice.user_id, "from_domain": "example.com", "provider": "gmail", "day": day}
        ProviderCount.create(**values, mails=4_321)
    page = alice.get("/mailboxes").text
    assert "4,321" in page and "Close to bulk" in page and "5,000" in page
    assert "4,321" not in bob.get("/mailboxes").text


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("", ""),
        ("bounces+{token}@Example.com", "bounces+{token}@example.com"),
        ("{token}@example.com", "{token}@example.com"),
        ("bounces@example.com", None),
        ("{token}", None),
        ("bounces {token}@example.com", None),
        (f"{'b' * 30}{{token}}@example.com", None),
        ("b{token}@example.com>,<evil@example.org", None),
    ],
)
def test_an_account_may_have_an_address_for_bounces(alice, given, stored):
    ids = own(alice.user_id)
    fields = {"email": "news@example.com", "daily_limit": 10, "hourly_limit": 5, "auth": "password"}
    answer = alice.post(f"/accounts/{ids['account_id']}/edit", fields | {"bounce_address": given})
    assert answer.status_code == (422 if stored is None else 303)
    assert servers.get_account(alice.user_id, ids["account_id"]).bounce_address == (stored or "")
    with db.session(crm_db):
        assert SmtpAccount.select().count() == 1

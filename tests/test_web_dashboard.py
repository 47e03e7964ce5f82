import re

from blaster import campaigns, db, recipients, servers
from blaster.models.campaign_db import CampaignStatus


def make_campaign(user_id: int, name: str = "Spring news", **status) -> int:
    campaign_id = campaigns.create_campaign(user_id, name=name).campaign_id
    if status:
        with db.session(db.campaign_db):
            CampaignStatus.update(**status).where(CampaignStatus.campaign_id == campaign_id).execute()
    return campaign_id


def add_account(user_id: int) -> None:
    server = servers.add_server(user_id, host="smtp.example.com", port=587, encryption="starttls")
    servers.add_account(user_id, server.id, email="n@example.com", password="x", hourly_limit=50, daily_limit=500)


def poll_of(page: str) -> tuple[str, str]:
    """URL and trigger of the fragment that refreshes itself."""
    return re.search(r'<div id="overview"[^>]*?hx-get="([^"]+)"[^>]*?hx-trigger="([^"]+)"', page).groups()


def test_a_newcomer_is_led_to_the_first_campaign(alice):
    page = alice.get("/").text
    assert "Four steps to the first campaign" in page
    assert page.count('class="done"') == 0
    add_account(alice.user_id)
    found = recipients.create_list(alice.user_id, "Customers")
    recipients.import_csv(alice.user_id, found.id, "email\nzoe@example.com\n")
    make_campaign(alice.user_id)
    assert alice.get("/").text.count('class="done"') == 4


def test_the_steps_go_away_once_a_campaign_has_started(alice):
    make_campaign(alice.user_id, status="finished", total_emails=10, sent_emails=10)
    page = alice.get("/").text
    assert "Four steps" not in page
    assert "Spring news" in page


def test_it_refreshes_while_something_runs_and_then_stops(alice):
    add_account(alice.user_id)
    campaign_id = make_campaign(alice.user_id, status="running", total_emails=10, sent_emails=4, pending_emails=6)
    url, trigger = poll_of(alice.get("/").text)
    assert trigger == "every 2s"
    assert alice.get(url, htmx=True).status_code == 204
    with db.session(db.campaign_db):
        CampaignStatus.update(sent_emails=5, pending_emails=5).execute()
    fragment = alice.get(url, htmx=True)
    assert fragment.status_code == 200
    assert fragment.text.strip().startswith('<div id="overview"')
    assert poll_of(fragment.text)[0] != url
    with db.session(db.campaign_db):
        CampaignStatus.update(status="finished", sent_emails=10, pending_emails=0).execute()
    assert "hx-trigger" not in alice.get(url, htmx=True).text
    assert f'href="/campaigns/{campaign_id}"' in alice.get("/").text


def test_it_asks_less_often_while_campaigns_wait(alice):
    make_campaign(alice.user_id, status="running", total_emails=10, pending_emails=10)
    page = alice.get("/").text
    assert poll_of(page)[1] == "every 10s", "without an account nothing can be sent"
    assert "Waiting" in page
    with db.session(db.campaign_db):
        CampaignStatus.update(status="paused").execute()
    assert poll_of(alice.get("/").text)[1] == "every 10s"


def test_it_sums_what_is_left(alice):
    add_account(alice.user_id)
    make_campaign(alice.user_id, status="running", total_emails=20, sent_emails=4, pending_emails=10, active_emails=6)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", alice.get("/").text))
    assert "Mails in the queue 16" in text
    assert "May be sent now 50" in text
    assert "of 500 allowed" in text

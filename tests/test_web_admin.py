import re

import pytest

from blaster import campaigns, db, servers
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import CampaignControl, CampaignTally
from blaster.queue import leases
from tests.web import Visitor


def run_campaign(user_id: int, name: str = "Secret plan", *, pending: int = 60, sent: int = 40) -> None:
    campaign = campaigns.create_campaign(user_id, name=name, subject="Between us", text="Nobody else reads this")
    with db.session(db.campaign_db):
        CampaignStatus.update(
            status="running", total_emails=pending + sent, pending_emails=pending, sent_emails=sent
        ).where(CampaignStatus.campaign_id == campaign.campaign_id).execute()
    with db.session(db.crm_db):
        CampaignControl.create(campaign_id=campaign.campaign_id, user_id=user_id, list_id=1, run_state="running")
        CampaignTally.create(campaign_id=campaign.campaign_id, slot=0, pending=pending, sent=sent)


def add_account(user_id: int) -> None:
    server = servers.add_server(user_id, host="smtp.secret.example", port=587, encryption="starttls")
    servers.add_account(user_id, server.id, email="plan@secret.example", password="x", hourly_limit=50, daily_limit=500)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_an_empty_installation_says_so(admin):
    page = admin.get("/admin/capacity").text
    assert "No campaign is running." in page
    assert "Nobody has added an SMTP account yet." in page
    assert "No worker is alive." in page


def test_it_shows_demand_and_supply_of_every_user(admin, alice, bob):
    run_campaign(alice.user_id)
    run_campaign(bob.user_id, pending=1_000, sent=0)
    add_account(alice.user_id)
    text = text_of(admin.get("/admin/capacity").text)
    assert "Running campaigns 2 of 2 users" in text
    assert "Mails to send 1,060" in text
    assert "May be sent now 50" in text
    assert f"Alice user {alice.user_id} 1 40 60 100" in text
    assert f"Bob user {bob.user_id} 1 0 1,000 1,000" in text
    assert f"Alice user {alice.user_id} 1 1 0 500 50 500" in text
    assert "More is waiting" not in text, "without workers that is the smaller trouble"
    assert "No worker is running, so nothing is sent." in text


def test_it_shows_workers_and_their_leases(admin, alice):
    run_campaign(alice.user_id)
    for name in ("worker:mail1:4711", "server:7", "campaign:3"):
        leases.take(name, "mail1:4711", 30_000)
    leases.take("worker:mail2:12", "mail2:12", 30_000)
    text = text_of(admin.get("/admin/capacity").text)
    assert "Worker processes 2 on 2 hosts" in text
    assert "server:7 mail1:4711 in" in text
    assert "No worker is running" not in text
    assert "More is waiting than the accounts may send" in text


def test_it_marks_users_with_many_campaigns(admin, alice):
    for _ in range(4):
        run_campaign(alice.user_id)
    assert "5 or more" not in admin.get("/admin/capacity").text
    run_campaign(alice.user_id)
    assert "5 or more" in admin.get("/admin/capacity").text


@pytest.mark.parametrize("url", ["/admin/capacity", "/admin/capacity/live"])
def test_it_names_no_address_no_host_and_no_content(admin, alice, url):
    run_campaign(alice.user_id)
    add_account(alice.user_id)
    page = admin.get(url).text
    for secret in ("alice@", "secret.example", "Secret plan", "Between us", "Nobody else"):
        assert secret not in page


def test_the_fragment_is_one_element_that_asks_again(admin):
    fragment = admin.get("/admin/capacity/live", htmx=True).text.strip()
    assert fragment.startswith('<div id="capacity"')
    assert 'hx-trigger="every 10s"' in fragment
    assert fragment.endswith("</div>")
    assert "<html" not in fragment


def test_users_do_not_see_it(app, alice):
    assert alice.get("/admin/capacity").status_code == 403
    assert "for administrators" in alice.get("/admin/capacity").text
    assert "/admin/" not in alice.get("/").text
    assert Visitor(app).get("/admin/capacity").status_code == 303


def test_the_balance_says_who_starves(admin, alice, bob):
    run_campaign(alice.user_id)
    run_campaign(bob.user_id, pending=1_000, sent=0)
    add_account(alice.user_id)
    text = text_of(admin.get("/admin/capacity").text)
    assert f"Bob user {bob.user_id} Starves 1,000 0 0 0 never as it is" in text
    assert f"Alice user {alice.user_id} Flows 60 50 50 500 in about 1 h 12 min" in text
    assert "All together 1,060 50 50 500 never as it is" in text
    assert "Server 1 people, lists, counters" in text


def test_a_user_with_many_campaigns_is_warned_of(admin, alice):
    for _ in range(5):
        run_campaign(alice.user_id)
    assert "Alice runs 5 campaigns at once." in admin.get("/admin/capacity").text


def test_the_planner_answers_by_its_address(admin):
    text = text_of(admin.get("/admin/capacity/plan").text)
    assert "1,000,000 mails a day" in text
    assert "Worker processes 1,400 mails a second each, and two at least, so that one may die 2 100" in text
    text = text_of(admin.get("/admin/capacity/plan?users=500&accounts=1").text)
    assert "the queue grows" in text
    assert "sql/partitioning.sql" in text


def test_the_planner_refuses_what_is_no_number(admin):
    answer = admin.get("/admin/capacity/plan?users=0&mails=many")
    assert answer.status_code == 422
    assert "Enter a whole number from 1 to 100,000." in answer.text
    assert "mails a day" not in answer.text

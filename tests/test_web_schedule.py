"""Pages of schedules, sending hours, settings, the forecast and the planner."""

import time
from datetime import timedelta

import pytest

from blaster import campaigns, db, schedule, servers, users, windows, zones
from blaster.models.campaign_db import CampaignStatus
from blaster.queue import control
from tests.test_web_campaigns import add_account, draft_of

BERLIN = "Europe/Berlin"
HOURS = {"days": ["0", "1"], "opens": "08:00", "closes": "18:00", "zone": BERLIN}


@pytest.fixture
def engine():
    """What is here is about pages: one engine will do."""
    return "sqlite"


@pytest.fixture
def alice(alice):
    """Somebody who may send: with an account and a footer."""
    add_account(alice)
    users.edit_sender(alice.user_id, organisation="Alder", postal_address="1 Alder Street")
    return alice


def tomorrow(zone=BERLIN) -> str:
    wall = zones.wall_of(time.time_ns() // 1_000_000, zone) + timedelta(days=1)
    return f"{wall:%Y-%m-%dT08:00}"


def status_of(person, campaign_id):
    return campaigns.get_campaign(person.user_id, campaign_id).status


def set_status(campaign_id, **values):
    with db.session(db.campaign_db):
        CampaignStatus.update(**values).where(CampaignStatus.campaign_id == campaign_id).execute()


def test_a_draft_is_scheduled_shown_with_its_zone_and_taken_back(alice):
    campaign_id = draft_of(alice)
    assert f'href="/campaigns/{campaign_id}/schedule"' in alice.get(f"/campaigns/{campaign_id}/review").text
    answer = alice.post(f"/campaigns/{campaign_id}/schedule", {"start_at": tomorrow(), "zone": BERLIN})
    assert answer.status_code == 303
    status = status_of(alice, campaign_id)
    assert (status.status, status.start_zone) == ("scheduled", BERLIN)
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "Starts by itself on" in page and page.count("08:00 (Europe/Berlin)") == 2  # the start, and the finish
    assert "08:00 (Europe/Berlin)" in alice.get("/campaigns").text
    assert alice.get(f"/campaigns/{campaign_id}/edit").status_code == 303
    assert alice.post(f"/campaigns/{campaign_id}/unschedule").location == f"/campaigns/{campaign_id}/review"
    assert status_of(alice, campaign_id).status == "draft"


def test_what_is_not_ready_is_not_scheduled(alice):
    campaign_id = draft_of(alice, subject="")
    answer = alice.post(f"/campaigns/{campaign_id}/schedule", {"start_at": tomorrow(), "zone": BERLIN})
    assert answer.status_code == 422 and "Write a subject" in answer.text
    answer = alice.post(f"/campaigns/{draft_of(alice)}/schedule", {"start_at": "2020-01-01T08:00", "zone": BERLIN})
    assert answer.status_code == 422 and "That time has passed" in answer.text


def test_an_overdue_start_waits_for_a_click_and_says_so(alice):
    campaign_id = draft_of(alice)
    schedule.schedule(alice.user_id, campaign_id, tomorrow(), BERLIN)
    set_status(campaign_id, start_at=time.time_ns() // 1_000_000 - schedule.GRACE - 60_000)
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "It should have started on" in page and "Overdue" in page and "Start now" in page
    assert "waits for your click" in alice.get("/").text
    assert alice.post(f"/campaigns/{campaign_id}/start").status_code == 303
    assert status_of(alice, campaign_id).status == "staging"


def test_sending_hours_of_a_campaign_are_set_shown_and_lifted_under_way(alice):
    campaign_id = draft_of(alice)
    url = f"/campaigns/{campaign_id}/hours"
    assert alice.post(url, HOURS).location == f"/campaigns/{campaign_id}"
    assert "Monday, Tuesday, 08:00 to 18:00 (Europe/Berlin)" in alice.get(f"/campaigns/{campaign_id}/review").text
    alice.post(f"/campaigns/{campaign_id}/start")
    state = control.state(alice.user_id, campaign_id)
    assert windows.load(state.send_windows) == windows.Windows(BERLIN, (0, 1), 480, 1080)
    campaigns.mirror(alice.user_id, campaign_id, "running")
    assert alice.post(url, {**HOURS, "always": "1"}, htmx=True).headers["HX-Redirect"]
    assert control.state(alice.user_id, campaign_id).send_windows is None


def test_wrong_hours_are_refused_beside_the_field(alice):
    answer = alice.post(f"/campaigns/{draft_of(alice)}/hours", {**HOURS, "days": []}, htmx=True)
    assert answer.status_code == 422 and "Choose at least one day" in answer.text and "<html" not in answer.text


def closed_now() -> dict:
    """Hours that are over by now and come again tomorrow."""
    day = zones.wall_of(time.time_ns() // 1_000_000, "UTC").weekday()
    return {"days": [str((day + 2) % 7)], "opens": "08:00", "closes": "09:00", "zone": "UTC"}


def test_closed_accounts_and_campaigns_say_when_they_go_on(alice):
    campaign_id = draft_of(alice)
    alice.post(f"/campaigns/{campaign_id}/start")
    set_status(campaign_id, status="running")
    account = servers.list_accounts(alice.user_id)[0]
    assert alice.post(f"/accounts/{account.id}/hours", closed_now()).location == f"/accounts/{account.id}/edit"
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "Outside its sending hours (1 account)" in page and "Waiting" in page and "Closed now" in page
    alice.post(f"/campaigns/{campaign_id}/hours", closed_now())
    page = alice.get(f"/campaigns/{campaign_id}").text
    assert "Outside its sending hours. Goes on by itself at" in page and "08:00" in page


def test_the_zone_of_a_person_is_that_of_their_times(alice):
    answer = alice.post("/settings", {"name": "Alice A.", "time_zone": "Asia/Kathmandu"})
    assert (answer.status_code, users.get(alice.user_id).time_zone) == (303, "Asia/Kathmandu")
    assert "+0545" in alice.get("/planner").text
    campaign_id = draft_of(alice)
    assert '<option selected value="Asia/Kathmandu">' in alice.get(f"/campaigns/{campaign_id}/schedule").text
    assert alice.post("/settings", {"name": "A", "time_zone": "../etc"}).status_code == 422


def test_the_review_foretells_and_the_progress_page_does(alice):
    campaign_id = draft_of(alice)
    page = alice.get(f"/campaigns/{campaign_id}/review").text
    assert "Started now, it will finish about" in page and "decided by the speed of the server" in page
    alice.post(f"/campaigns/{campaign_id}/start")
    assert "Will finish about" in alice.get(f"/campaigns/{campaign_id}").text
    account = servers.list_accounts(alice.user_id)[0]
    servers.set_account_active(alice.user_id, account.id, False)
    other = draft_of(alice)
    assert "Started now" not in alice.get(f"/campaigns/{other}/review").text


def test_the_planner_starts_from_ones_own_accounts_and_answers(alice):
    page = alice.get("/planner").text
    assert 'name="accounts"' in page and "decided by the daily limit of the account" in page
    answer = alice.get("/planner?mails=10000&accounts=10&hourly=50&daily=500&speed=5")
    assert "decided by the daily limits of 10 accounts" in answer.text
    assert "Five more accounts" in answer.text and "Mails by hour" in answer.text and "<rect" in answer.text
    weeks = alice.get("/planner?mails=100000&accounts=10&hourly=50&daily=500&speed=5&days=0&days=1").text
    assert "Mails by day" in weeks and "decided by sending hours" in weeks


@pytest.mark.parametrize(
    "query",
    ["mails=0", "mails=-5", "mails=many", "accounts=1001", "hourly=1e9", "daily=", "days=0&opens=25:00", "days=9"],
)
def test_a_question_that_makes_no_sense_is_refused(alice, query):
    answer = alice.get(f"/planner?{query}")
    assert answer.status_code == 422 and 'class="error"' in answer.text


def test_a_plan_that_never_ends_says_so(alice):
    assert "would not finish within a year" in alice.get("/planner?mails=1000000&accounts=1&hourly=1&daily=1").text

"""What Prometheus gets: figures that agree with a known state, for those alone who may read them."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from blaster import boot, config, db, metrics, schema
from blaster.db import campaign_db, crm_db
from blaster.models.archive import Upkeep
from blaster.models.bounces import CampaignBounces
from blaster.models.campaign_db import Campaign, CampaignStatus
from blaster.models.crm_db import CampaignControl, Mail, SmtpAccount, SmtpHealth
from blaster.models.minutes import CampaignMinute
from blaster.queue import leases, quota, tally
from blaster.web import create_app, health
from tests.queue_data import ALICE, BOB, claim, running_campaign, server_with_account

DEPLOY = Path(__file__).parent.parent / "deploy"
MINUTE = 60_000
TOKEN = "a token for the tests"


def read(text: str = "") -> dict:
    """By name and the value of the label, if there is one: `{"blaster_mails pending": 3.0}`."""
    found = {}
    for family in text_string_to_metric_families(text or metrics.text().decode()):
        for sample in family.samples:
            assert len(sample.labels) <= 1
            found[" ".join((sample.name, *sample.labels.values()))] = sample.value
    return found


def shown(campaign_id, user_id=ALICE, *, pending=0, ago=0, lag=0, status="running"):
    """The campaign on Server 1, started `ago` ms ago and published `lag` ms ago."""
    with db.session(campaign_db):
        now = db.now(campaign_db)
        Campaign.create(campaign_id=campaign_id, user_id=user_id, name="News")
        values = {"pending_emails": pending, "started_at": now - ago, "snapshot_at": now - lag}
        CampaignStatus.create(campaign_id=campaign_id, status=status, **values)


def test_mails_campaigns_and_leases(databases):
    server, account = server_with_account(hourly=100, daily=1_000)
    for campaign_id, mails in ((7, 20), (8, 5), (9, 3)):
        running_campaign(ALICE, campaign_id, mails)
    hold = leases.take(f"server:{server.id}", "mail-1:1:1", 600_000)
    for number in (1, 2):
        leases.take(f"worker:mail-{number}:1:1", f"mail-{number}:1:1", 600_000)
    leases.take("wonder:1", "mail-1:1:1", 600_000)
    leases.take("worker:mail-3:1:1", "mail-3:1:1", -1)
    claim(ALICE, server.id, account.id, 7, hold, 4)
    with db.session(crm_db):
        now = db.now(crm_db)
        for recipient, status in ((10, "sent"), (11, "sent"), (12, "unknown")):
            Mail.update(status=status).where((Mail.campaign_id == 7) & (Mail.recipient_id == recipient)).execute()
        for recipient, reply, ago in ((13, "hard", 1), (14, "hard", 2), (15, "new", 3), (16, "soft", 6)):
            values = {"status": "failed", "reply_class": reply, "due_at": now - ago * MINUTE}
            Mail.update(**values).where((Mail.campaign_id == 7) & (Mail.recipient_id == recipient)).execute()
        tally.add(7, server.id, {"pending": -7, "sent": 2, "unknown": 1, "failed": 4})
        CampaignControl.update(run_state="paused").where(CampaignControl.campaign_id == 8).execute()
        CampaignControl.update(run_state="finished").where(CampaignControl.campaign_id == 9).execute()
        CampaignBounces.create(campaign_id=7, user_id=ALICE, hard=3, complaint=1)
        CampaignBounces.create(campaign_id=8, user_id=ALICE, hard=2)
        Upkeep.create(name="nightly", began_at=1, finished_at=1_780_000_000_000)
    found = read()
    expected = {
        "blaster_mails pending": 17,
        "blaster_mails active": 4,
        "blaster_mails sent": 2,
        "blaster_mails failed": 4,
        "blaster_mails unknown": 1,
        "blaster_mails suppressed": 0,
        "blaster_mails_sent_total": 2,
        "blaster_queue_mails running": 9,
        "blaster_queue_mails paused": 5,
        "blaster_queue_mails staging": 0,
        "blaster_campaigns running": 1,
        "blaster_campaigns paused": 1,
        "blaster_campaigns finished": 1,
        "blaster_recent_failures hard": 2,
        "blaster_recent_failures soft": 0,
        "blaster_recent_failures unknown": 1,
        "blaster_workers": 2,
        "blaster_worker_hosts": 2,
        "blaster_leases_expired": 1,
        "blaster_leases worker": 2,
        "blaster_leases server": 1,
        "blaster_leases other": 1,
        "blaster_bounces_total hard": 5,
        "blaster_bounces_total complaint": 1,
        "blaster_bounces_total soft": 0,
        "blaster_maintenance_finished_timestamp_seconds": 1_780_000_000,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_budgets_and_accounts(databases):
    server, accounts = server_with_account(hourly=100, daily=150, accounts=4)
    other, _ = server_with_account(BOB, hourly=7, daily=9, accounts=1)
    off, resting, ill, used = accounts
    with db.session(crm_db):
        now = db.now(crm_db)
        SmtpAccount.update(is_active=False).where(SmtpAccount.id == off.id).execute()
        health = {"smtp_server_id": server.id, "user_id": ALICE}
        SmtpHealth.create(smtp_account_id=resting.id, state="cooling", until=now + 2 * quota.DAY, **health)
        SmtpHealth.create(smtp_account_id=ill.id, state="attention", **health)
        SmtpHealth.create(smtp_server_id=other.id, user_id=BOB, state="cooling", until=now + 60_000)
        quota.move([(used.id, None, quota.bucket_of(now))] * 80)
    found = read()
    expected = {
        "blaster_budget_limit_mails hour": 107,
        "blaster_budget_limit_mails day": 159,
        "blaster_budget_left_mails hour": 20 + 7,
        "blaster_budget_left_mails day": 70 + 9,
        "blaster_accounts ok": 1,
        "blaster_accounts cooling": 2,
        "blaster_accounts attention": 1,
        "blaster_accounts off": 1,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_age_standstill_and_lag(databases):
    server_with_account()
    shown(7, pending=5, ago=90 * MINUTE, lag=2_000)
    shown(8, pending=0, ago=300 * MINUTE, lag=40_000)
    shown(9, pending=9, ago=500 * MINUTE, status="paused")
    with db.session(campaign_db):
        minute = db.now(campaign_db) - 30 * MINUTE
        CampaignMinute.create(campaign_id=7, minute=minute, sent=1)
    found = read()
    for name, seconds in (("queue_age", 90 * 60), ("still", 30 * 60), ("mirror_lag", 40)):
        assert seconds <= found[f"blaster_{name}_seconds"] < seconds + 60, name
    assert found["blaster_stalled_campaigns no_worker"] == 1
    assert found["blaster_stalled_campaigns limits"] == 0
    assert found["blaster_database_up crm"] == found["blaster_database_up campaign"] == 1
    assert found["blaster_database_bytes crm"] > 10_000


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_idle_installation_has_the_same_series_as_a_busy_one(databases):
    idle = set(read())
    server_with_account()
    for user_id in range(1, 20):
        running_campaign(user_id, 100 + user_id, 2)
        leases.take(f"worker:mail-{user_id}:1:1", f"mail-{user_id}:1:1", 600_000)
        shown(100 + user_id, user_id, pending=2)
    assert set(read()) == idle
    text = metrics.text().decode()
    assert "@" not in text and "mail-1" not in text and "example" not in text


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("away", ["campaign", "crm"])
def test_a_database_that_is_away_leaves_its_figures_out(databases, away, tmp_path):
    database = {"campaign": campaign_db, "crm": crm_db}[away]
    database.obj.database = str(tmp_path / "nowhere" / "at.db")
    found = read()
    other = {"campaign": "crm", "crm": "campaign"}[away]
    assert (found[f"blaster_database_up {away}"], found[f"blaster_database_up {other}"]) == (0, 1)
    assert ("blaster_workers" in found) is (away == "campaign")
    assert ("blaster_queue_age_seconds" in found) is (away == "crm")
    assert "blaster_stalled_campaigns unknown" not in found or away == "campaign"


def of(settings_env, **changes):
    """A client of an application with these settings."""
    env = {**settings_env, **{f"BLASTER_{name.upper()}": value for name, value in changes.items()}}
    return create_app(config.load(env)).test_client()


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    ("changes", "address", "headers", "status"),
    [
        ({}, "127.0.0.1", {}, 404),
        ({}, "127.0.0.1", {"Authorization": "Bearer "}, 404),
        ({"metrics_token": TOKEN}, "127.0.0.1", {}, 401),
        ({"metrics_token": TOKEN}, "192.0.2.1", {"Authorization": "Bearer wrong"}, 401),
        ({"metrics_token": TOKEN}, "192.0.2.1", {"Authorization": "Basic YTph"}, 401),
        ({"metrics_token": TOKEN}, "192.0.2.1", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"metrics_addresses": "10.0.0.0/8 ::1"}, "10.1.2.3", {}, 200),
        ({"metrics_addresses": "10.0.0.0/8 ::1"}, "::1", {}, 200),
        ({"metrics_addresses": "10.0.0.0/8"}, "192.0.2.1", {}, 404),
        ({"metrics_addresses": "10.0.0.0/8"}, "10.1.2.3", {"X-Forwarded-For": "192.0.2.1"}, 404),
        ({"metrics_addresses": "10.0.0.0/8", "metrics_token": TOKEN}, "192.0.2.1", {}, 401),
    ],
)
def test_who_may_read_them(databases, changes, address, headers, status):
    answer = of(databases, **changes).get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status
    assert ("blaster_mails" in answer.text) is (status == 200)
    if status == 200:
        assert answer.content_type.startswith("text/plain; version=0.0.4")
        assert read(answer.text)["blaster_workers"] == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_many_who_ask_at_once_cost_one_reading(databases):
    client = of(databases, metrics_addresses="127.0.0.1")
    first = client.get("/metrics").text
    running_campaign(ALICE, 7, 20)
    assert client.get("/metrics").text == first


class TestReady:
    def test_it_is(self, databases):
        answer = of(databases).get("/readyz")
        assert (answer.status_code, answer.text) == (200, "ok\n")

    @pytest.mark.parametrize("engine", ["sqlite"])
    def test_not_while_a_database_is_away(self, databases, tmp_path):
        client = of(databases)
        crm_db.obj.database = str(tmp_path / "nowhere" / "at.db")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "Server 2 does not answer.\n")
        assert client.get("/healthz").status_code == 200

    @pytest.mark.parametrize("engine", ["mysql"])
    def test_not_while_a_server_is_away(self, databases):
        url = databases["BLASTER_CRM_URL"]
        answer = of(databases, crm_url=re.sub(r":\d+/", ":1/", url)).get("/readyz")
        boot.boot(config.load(databases))
        assert (answer.status_code, answer.text) == (503, "Server 2 does not answer.\n")

    @pytest.mark.parametrize("engine", ["sqlite"])
    def test_not_before_the_migrations(self, databases):
        with db.session(campaign_db):
            campaign_db.execute_sql("DELETE FROM schema_migration_campaign WHERE name LIKE '0008%'")
        answer = of(databases).get("/readyz")
        assert answer.status_code == 503
        assert answer.text == "Server 1 lacks migrations: 0008_providers.\n"

    @pytest.mark.parametrize("engine", ["sqlite"])
    def test_files_of_a_newer_version_do_not_make_it_unready(self, databases, monkeypatch):
        client = of(databases)
        assert client.get("/readyz").status_code == 200
        monkeypatch.setattr(schema, "pending", lambda _: (["0099_newer"], []))
        monkeypatch.setattr(health, "FRESH", 0)
        client.application.extensions["health"].clear()
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("engine", ["mysql"])
class TestWhatReadsThem:
    """Dashboard and alerts name only metrics, labels and values that are exported."""

    USE = re.compile(r'(blaster_\w+)(?:\{(\w+)=~?\\?"([^"\\]*)\\?"\})?')

    @pytest.mark.parametrize("file", ["grafana/blaster.json", "prometheus/alerts.yml"])
    def test_it_is_exported(self, databases, file):
        families = list(text_string_to_metric_families(metrics.text().decode()))
        exported = {sample.name for family in families for sample in family.samples}
        values = {(s.name, *item) for family in families for s in family.samples for item in s.labels.items()}
        used = set(self.USE.findall((DEPLOY / file).read_text()))
        assert len({name for name, _, _ in used}) > 10
        assert {name for name, _, _ in used} <= exported
        named = {(name, label, value) for name, label, some in used if label for value in some.split("|")}
        assert named and named <= values

    @pytest.mark.parametrize("files", [["grafana/blaster.json", "prometheus/alerts.yml"], ["../docs/MONITORING.md"]])
    def test_none_is_forgotten(self, databases, files):
        said = "".join((DEPLOY / file).read_text() for file in files)
        names = {s.name for f in text_string_to_metric_families(metrics.text().decode()) for s in f.samples}
        assert {name for name in names if not re.search(rf"{name}\b", said)} == set()

    def test_the_dashboard_has_a_place_for_each_panel(self, databases):
        panels = json.loads((DEPLOY / "grafana" / "blaster.json").read_text())["panels"]
        squares = [
            (x, y)
            for at in (panel["gridPos"] for panel in panels)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        assert len(set(squares)) == len(squares) and max(x for x, _ in squares) < 24
        assert all(target["expr"] for panel in panels for target in panel["targets"])

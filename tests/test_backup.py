"""A backup that was taken while mails go out restores to books that balance, and nothing goes on by itself."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blaster import boot, config, db, schema, sessions, vault
from blaster.backup import manifest, mysql, sqlite
from blaster.backup import take as taking
from blaster.backup.manifest import Unusable
from blaster.backup.restore import restore
from blaster.db import campaign_db, crm_db
from blaster.models.attachments import CampaignAttachment
from blaster.models.campaign_db import Campaign, CampaignModel, CampaignStatus, Recipient, RecipientList, User
from blaster.models.crm_db import CampaignControl, CrmModel, Lease, Mail, SmtpAccount
from blaster.queue import control, decisions, leases, recount, staging, tally
from tests.conftest import create_schemas, environment
from tests.queue_data import (
    ALICE,
    CONTENT,
    assert_books_balance,
    claim,
    known_sender,
    running_campaign,
    server_with_account,
    statuses,
)
from tests.work import wait_until, worker

SCRIPTS = Path(__file__).parent.parent / "scripts"


@pytest.fixture
def other_place(databases, engine, request, tmp_path):
    """Empty databases and a data directory with the keys in it, as on a new machine; its environment."""
    folder = tmp_path / "other"
    folder.mkdir()
    shutil.copy(Path(databases["BLASTER_DATA_DIR"]) / "vault.key", folder)
    urls = create_schemas(request.getfixturevalue("mysql_url")) if engine == "mysql" else ()
    yield environment(folder, *urls)
    close()
    boot.boot(config.load(databases))


def close():
    for database in (campaign_db, crm_db):
        database.close()
        if hasattr(database.obj, "close_all"):
            database.obj.close_all()


def move_to(env):
    """Let this process work on other databases."""
    close()
    boot.boot(config.load(env))
    return config.load(env)


def campaign(campaign_id=7, mails=100, status="running", **values):
    """A running campaign that both servers know."""
    running_campaign(ALICE, campaign_id, mails)
    with db.session(campaign_db):
        Campaign.create(campaign_id=campaign_id, user_id=ALICE, name=f"News {campaign_id}")
        CampaignStatus.create(campaign_id=campaign_id, status=status, total_emails=mails, **values)


def shown(campaign_id=7) -> CampaignStatus:
    with db.session(campaign_db):
        return CampaignStatus.get_by_id(campaign_id)


def everything() -> dict:
    """All rows of all tables."""
    found = {}
    for base, database in ((CampaignModel, campaign_db), (CrmModel, crm_db)):
        with db.session(database):
            for model in base.__subclasses__():
                found[model._meta.table_name] = sorted(map(repr, model.select().tuples()))
    return found


def take(databases, tmp_path):
    return taking.take(config.load(databases), tmp_path / "backups")


def test_under_load_it_restores_to_counts_that_agree_and_nothing_is_sent_again(databases, other_place, sink, tmp_path):
    known_sender()
    server_with_account(host=sink.host, port=sink.port, hourly=250, daily=100_000)
    campaign(7, 500)
    campaign(8, 100)
    with worker(databases, lease_seconds=5):
        wait_until(lambda: statuses(7).get("sent", 0) > 20)
        folder = take(databases, tmp_path)
        with db.session(crm_db):
            SmtpAccount.update(hourly_limit=100_000).execute()
        wait_until(lambda: {"sent"} == set(statuses(7)) | set(statuses(8)))
    assert len(sink.records()) == 600
    settings = move_to(other_place)
    said = list(restore(settings, folder))
    assert said[-1] == "Counted anew: 2 of 2 campaigns agree with their mails."
    assert_books_balance()
    states = statuses(7)
    assert set(states) == {"sent", "unknown"} and sum(states.values()) == 500
    assert (shown().status, shown().sent_emails) == ("paused", states["sent"]) and "Restored from" in shown().note
    for campaign_id in (7, 8):
        control.resume(ALICE, campaign_id)
    with worker(other_place, lease_seconds=5):
        wait_until(lambda: {shown(7).status, shown(8).status} == {"finished"})
    assert len(sink.records()) == 600
    assert statuses(7) == states


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_waited_is_sent_again_only_if_its_owner_says_so(databases, other_place, sink, tmp_path):
    known_sender()
    server_with_account(host=sink.host, port=sink.port, hourly=100_000, daily=100_000)
    campaign(7, 30)
    folder = take(databases, tmp_path)
    list(restore(move_to(other_place), folder))
    assert statuses() == {"unknown": 30}
    with db.session(crm_db):
        some = [mail.id for mail in Mail.select(Mail.id).order_by(Mail.id).limit(10)]
    assert decisions.send_again(ALICE, 7, some) == 10
    assert decisions.count_as_sent(ALICE, 7) == 20
    assert control.state(ALICE, 7).run_state == "paused"
    control.resume(ALICE, 7)
    with worker(other_place, lease_seconds=5):
        wait_until(lambda: shown().status == "finished")
    assert len(sink.records()) == 10 and statuses() == {"sent": 30}
    assert_books_balance()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_recipients_who_were_not_in_the_queue_yet_are_in_doubt_too(databases, other_place, tmp_path):
    with db.session(campaign_db):
        chosen = RecipientList.create(user_id=ALICE, name="All")
        for name in ("a", "b", "c", "d"):
            Recipient.create(user_id=ALICE, list_id=chosen.id, email=f"{name}@b.example", email_key=f"{name}@b.example")
        ids = [row.id for row in Recipient.select().order_by(Recipient.id)]
        Campaign.create(campaign_id=7, user_id=ALICE, name="News", list_id=chosen.id)
        CampaignStatus.create(campaign_id=7, status="staging", total_emails=3)
    control.open_campaign(ALICE, 7, chosen.id, ids[2], CONTENT)
    staging.stage_batch(control.state(ALICE, 7), 1)
    control.pause(ALICE, 7)
    folder = take(databases, tmp_path)
    list(restore(move_to(other_place), folder))
    assert statuses() == {"unknown": 3}
    assert_books_balance()
    assert (control.resume(ALICE, 7), shown().unknown_emails) == ("running", 3)


def test_every_value_comes_back_as_it_was(databases, other_place, tmp_path):
    known_sender()
    server_with_account()
    campaign(7, 3)
    wild = 'it\'s \\ "quoted"; 100 %s\r\n\t\u2028zoë 🎂 \x1a;\nCOMMIT;\n'
    with db.session(campaign_db), db.session(crm_db):
        Campaign.update(html=wild, subject="").execute()
        Mail.update(smtp_text=wild, fields=None).where(Mail.recipient_id == 1).execute()
        data = bytes(range(256)) * 20
        CampaignAttachment.create(campaign_id=7, position=0, filename=wild, content_type="a/b", data=data)
    before, folder = everything(), take(databases, tmp_path)
    list(restore(move_to(other_place), folder, nothing_sent=True))
    after = everything()
    del before["campaign_status"], after["campaign_status"]  # it was published anew
    del before["campaign_minutes"], after["campaign_minutes"]
    assert after == before
    assert control.state(ALICE, 7).run_state == "running"
    assert schema.migrate() == []


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_was_under_way_is_unknown_and_no_worker_or_journal_can_settle_it(databases, other_place, tmp_path):
    server, account = server_with_account()
    campaign(7, 20)
    hold = leases.take(f"server:{server.id}", "h:1:1", 600_000)
    rows, _ = claim(ALICE, server.id, account.id, 7, hold, 8)
    folder = take(databases, tmp_path)
    said = list(restore(move_to(other_place), folder))
    assert "8 mails were under way and 12 waited: whether they were sent since is unknown." in said
    assert statuses() == {"unknown": 20}
    assert_books_balance()
    with db.session(crm_db):
        assert Lease.select().count() == 0
        assert not Mail.select().where(Mail.lease_token.is_null(False)).exists()


def between(monkeypatch, change):
    """Do something between the moments of the two databases."""
    for engine in (sqlite, mysql):

        def dump(database, path, really=engine.dump):
            really(database, path)
            if database is crm_db:
                change()

        monkeypatch.setattr(engine, "dump", dump)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_campaign_that_finished_between_the_two_moments(databases, other_place, tmp_path, monkeypatch):
    campaign(7, 20)

    def finish():
        with db.session(crm_db), db.session(campaign_db):
            Mail.update(status="sent").execute()
            CampaignControl.update(run_state="finished").execute()
            CampaignStatus.update(status="finished", sent_emails=20, pending_emails=0).execute()

    between(monkeypatch, finish)
    folder = take(databases, tmp_path)
    list(restore(move_to(other_place), folder))
    assert statuses() == {"unknown": 20}
    assert (control.state(ALICE, 7).run_state, shown().status, shown().unknown_emails) == ("finished", "finished", 20)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_campaigns_that_were_started_or_cancelled_between_the_two_moments(
    databases, other_place, tmp_path, monkeypatch
):
    campaign(7, 20)
    with db.session(campaign_db):
        known_sender()
        chosen = RecipientList.create(user_id=ALICE, name="All")
        for i in range(3):
            Recipient.create(user_id=ALICE, list_id=chosen.id, email=f"r{i}@b.example", email_key=f"r{i}@b.example")
        Campaign.create(campaign_id=9, user_id=ALICE, name="Late", list_id=chosen.id)
        CampaignStatus.create(campaign_id=9, status="draft")

    def change():
        with db.session(campaign_db):
            CampaignStatus.update(status="cancelled").where(CampaignStatus.campaign_id == 7).execute()
            started = {"status": "running", "started_at": db.now(campaign_db), "total_emails": 3}
            CampaignStatus.update(**started).where(CampaignStatus.campaign_id == 9).execute()

    between(monkeypatch, change)
    folder = take(databases, tmp_path)
    list(restore(move_to(other_place), folder))
    assert control.state(ALICE, 7).run_state == "cancelling"
    while not control.close_cancelled(7):
        pass
    assert statuses(7) == {"cancelled": 20} and recount.difference(7) == {}
    assert (control.state(ALICE, 9).run_state, shown(9).status, shown(9).unknown_emails) == ("paused", "paused", 3)


def test_numbers_that_may_stand_in_mails_are_not_given_out_again(databases, other_place, tmp_path):
    campaign(7, 5)
    folder = take(databases, tmp_path)
    list(restore(move_to(other_place), folder))
    with db.session(campaign_db), db.session(crm_db):
        last = Mail.select(Mail.id).order_by(Mail.id.desc()).limit(1).scalar()
        assert Campaign.create(user_id=ALICE, name="New").campaign_id > 1_000
        made = Mail.create(user_id=ALICE, campaign_id=7, recipient_id=99, email="x@b.example", email_key="x@b.example")
        assert made.id > last + 1_000_000


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_start_whose_time_has_passed_waits_for_a_click(databases, other_place, tmp_path):
    with db.session(campaign_db):
        now = db.now(campaign_db)
        for campaign_id, start_at in ((5, now - 1_000), (6, now + 3_600_000)):
            Campaign.create(campaign_id=campaign_id, user_id=ALICE, name="News")
            CampaignStatus.create(campaign_id=campaign_id, status="scheduled", start_at=start_at)
    folder = take(databases, tmp_path)
    list(restore(move_to(other_place), folder))
    assert "may have been sent already" in shown(5).note and shown(6).note == ""


class TestRefusals:
    @pytest.fixture
    def folder(self, databases, tmp_path):
        campaign(7, 3)
        return take(databases, tmp_path)

    def refused(self, env, folder, **how) -> str:
        with pytest.raises(Unusable) as refusal:
            list(restore(move_to(env), folder, **how))
        return str(refusal.value)

    def test_a_target_that_is_not_empty(self, databases, folder):
        before = everything()
        assert "--replace" in self.refused(databases, folder)
        assert everything() == before
        control.cancel(ALICE, 7)
        list(restore(config.load(databases), folder, replace=True))
        assert control.state(ALICE, 7).run_state == "paused"

    def test_running_workers(self, databases, folder):
        hold = leases.take("worker:h:1:1", "h:1:1", 600_000)
        assert "Stop all workers" in self.refused(databases, folder, replace=True)
        leases.release(hold)

    @pytest.mark.parametrize("engine", ["sqlite"])
    @pytest.mark.parametrize("name", ["vault.key", "secret.key"])
    def test_other_keys(self, folder, other_place, name):
        if name == "vault.key":
            (Path(other_place["BLASTER_DATA_DIR"]) / name).write_text(config._new_vault_key())
        else:
            other_place["BLASTER_SECRET_KEY"] = "another secret key for the tests, 0123456789"
        assert name in self.refused(other_place, folder)

    @pytest.mark.parametrize("engine", ["sqlite"])
    def test_files_that_are_damaged_or_of_no_backup(self, folder, other_place):
        with (folder / "crm.db.gz").open("ab") as file:
            file.write(b"x")
        assert "not what was written" in self.refused(other_place, folder)
        (folder / manifest.NAME).unlink()
        assert "is no backup" in self.refused(other_place, folder)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_neither_keys_nor_passwords_are_in_a_backup(databases, tmp_path):
    server_with_account()
    with db.session(crm_db):
        SmtpAccount.update(password=vault.encrypt("hunter2-canary")).execute()
    settings, folder = config.load(databases), take(databases, tmp_path)
    said = b"".join(gzip.open(p).read() if p.suffix == ".gz" else p.read_bytes() for p in folder.iterdir())
    for secret in ("hunter2-canary", settings.secret_key, *settings.vault_keys):
        assert secret.encode() not in said


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_scripts(databases, other_place, tmp_path):
    campaign(7, 3)

    def run(env, script, *options):
        command = [sys.executable, SCRIPTS / script, *options]
        return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True)

    done = run(databases, "backup.py", tmp_path / "b", "--keep", "1")
    assert done.returncode == 0 and "Keep the keys apart" in done.stdout, done.stderr
    (folder,) = (tmp_path / "b").iterdir()
    assert run(databases, "restore.py", folder).returncode == 1
    done = run(other_place, "restore.py", folder)
    assert done.returncode == 0 and "1 of 1 campaigns agree" in done.stdout, done.stderr
    move_to(other_place)
    assert statuses() == {"unknown": 3} and recount.difference(7) == {}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_decision_that_was_under_way_is_not_carried_out_a_second_time(databases, other_place, tmp_path):
    campaign(7, 5)
    with db.session(crm_db):
        Mail.update(status="unknown", due_at=5).execute()
        tally.add(7, 0, {"pending": -5, "unknown": 5})
    decisions.begin(ALICE, 7, "send-again")
    folder = take(databases, tmp_path)
    list(restore(move_to(other_place), folder))
    assert decisions.waiting() == []
    assert statuses() == {"unknown": 5}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_sessions_that_were_ended_since_open_nothing(databases, other_place, tmp_path):
    known_sender()
    with db.session(campaign_db):
        cookie = sessions.begin(User.get_by_id(ALICE), "127.0.0.1", "Firefox")
    folder = take(databases, tmp_path)
    list(restore(move_to(other_place), folder))
    assert sessions.find(ALICE, cookie) is None

"""Workers and their work in trouble: signals, kills, templates and accounts that change under the mails in hand."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blaster import campaigns, db, recipients, vault
from blaster.db import crm_db
from blaster.demo.faults import Rule
from blaster.models.crm_db import CampaignContent, Mail, SmtpAccount
from blaster.queue import control
from tests.faults import account_of, all_sent_once, mails_by_status, received
from tests.queue_data import ALICE, BOB, assert_books_balance, running_campaign, server_with_account, statuses
from tests.work import is_at_rest, processes, wait_until, worker

LAUNCH = "import sys; from blaster.workers.launcher import launch; sys.exit(launch(2))"
only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def server(databases, sink):
    """Alice's server at the sink, with three accounts."""
    return server_with_account(accounts=3, host=sink.host, port=sink.port)[0]


# Pauses and signals


def test_in_a_storm_of_pauses_no_intent_follows_one(databases, server, sink):
    running_campaign(mails=1_500)
    sink.play(Rule("dot", "delay", seconds=0.01))
    stopped = 0
    with worker(databases):
        wait_until(lambda: statuses().get("sent", 0) > 50)
        for _ in range(20):
            control.pause(ALICE, 7)
            before = mails_by_status()
            waiting = before.get("pending", set()) | before.get("claimed", set())
            stopped += bool(waiting)
            time.sleep(0.05)
            after = mails_by_status()
            assert not waiting & (after.get("sending", set()) | after.get("sent", set()))
            control.resume(ALICE, 7)
            time.sleep(0.05)
        sink.play()
        wait_until(is_at_rest)
    assert stopped > 5
    all_sent_once(1_500, sink)


@only_sqlite
def test_a_second_sigterm_changes_nothing(databases, server, sink):
    running_campaign(mails=500)
    sink.play(Rule("dot", "delay", seconds=1))
    with processes(databases, 1) as (process,):
        wait_until(lambda: statuses().get("sending"))
        process.signal(signal.SIGTERM)
        time.sleep(0.1)
        process.signal(signal.SIGTERM)
        assert process.process.wait(30) == 0
    found = statuses()
    assert set(found) == {"sent", "pending"}
    assert found["sent"] == len(sink.records())
    assert_books_balance()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@only_sqlite
def test_after_a_kill_of_launcher_and_workers_a_restart_goes_on_by_itself(databases, server, sink):
    running_campaign(mails=1_500)
    sink.play(Rule("dot", "delay", seconds=0.01))
    launcher = launch(databases)
    wait_until(lambda: statuses().get("sent", 0) > 100)
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    assert len(children) == 2
    for pid in (*map(int, children), launcher.pid):
        os.kill(pid, signal.SIGKILL)
    launcher.wait(10)
    assert not is_at_rest()
    sink.play()
    launcher = launch(databases)
    try:
        wait_until(is_at_rest)
    finally:
        launcher.terminate()
        assert launcher.wait(30) == 0
    found = statuses()
    assert found["sent"] + found.get("unknown", 0) == 1_500
    assert found.get("unknown", 0) <= server.max_connections
    assert set(received(sink).values()) == {1}
    assert_books_balance()


def launch(env) -> subprocess.Popen:
    env = {**os.environ, **env, "BLASTER_LEASE_SECONDS": "3"}
    with open(f"{env['BLASTER_DATA_DIR']}/launcher.log", "a") as log:
        return subprocess.Popen([sys.executable, "-c", LAUNCH], env=env, stderr=log)


def test_workers_killed_while_staging_leave_nobody_out(databases):
    customers = recipients.create_list(ALICE, "Customers")
    recipients.import_csv(ALICE, customers.id, "\n".join(f"r{i}@example.net" for i in range(3_000)))
    draft = campaigns.create_campaign(ALICE, name="Spring", list_id=customers.id, subject="Hi", html="Hi")
    campaigns.start(ALICE, draft.campaign_id)

    def staged() -> int:
        return sum(statuses(draft.campaign_id).values())

    for mark in (1, 800, 1_600):
        with processes(databases, 1, migration_batch=20) as (process,):
            wait_until(lambda least=mark: staged() >= least)
            process.kill()
    with processes(databases, 1):
        wait_until(lambda: control.state(ALICE, draft.campaign_id).is_staged)
    assert statuses(draft.campaign_id) == {"pending": 3_000}
    assert_books_balance()


# Templates


@only_sqlite
def test_a_mail_that_cannot_be_made_fails_alone(databases, server, sink):
    running_campaign(mails=100)
    with db.session(crm_db):
        CampaignContent.update(text="{% if n %}{{ 1 | divided_by: n }}{% endif %}Hi").execute()
        Mail.update(fields='{"n": "0"}').where(Mail.email == "r13@example.net").execute()
    with worker(databases):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 99, "failed": 1}
    with db.session(crm_db):
        mail = Mail.get(Mail.status == "failed")
    assert (mail.email, mail.reply_class) == ("r13@example.net", "message")
    assert "could not be made" in mail.smtp_text
    assert_books_balance()


@only_sqlite
def test_a_template_that_takes_too_long_pauses_its_campaign(databases, server, sink):
    running_campaign(mails=300)
    with db.session(crm_db):
        loops = "{% for a in (1..200) %}{% for b in (1..200) %}{{ n }}{% endfor %}{% endfor %}"
        CampaignContent.update(text=loops).execute()
    with worker(databases):
        wait_until(lambda: control.state(ALICE, 7).run_state == "paused")
        wait_until(lambda: not {"claimed", "sending"} & set(statuses()))
    assert "could not be made" in control.state(ALICE, 7).note
    assert statuses()["pending"] > 0
    assert received(sink) == {}
    assert_books_balance()


@only_sqlite
def test_a_message_that_cannot_be_made_pauses_its_campaign_and_no_other(databases, server, sink):
    server_with_account(BOB, host=sink.host, port=sink.port)
    running_campaign(mails=20)
    running_campaign(ALICE, 8, mails=50, first=1_000)
    running_campaign(BOB, 9, mails=50, first=2_000)
    with db.session(crm_db):
        CampaignContent.update(html="{% if").where(CampaignContent.campaign_id == 7).execute()
    with worker(databases):
        wait_until(lambda: control.state(ALICE, 7).run_state == "paused")
        wait_until(lambda: is_at_rest(8) and is_at_rest(9))
    assert "could not be made" in control.state(ALICE, 7).note
    assert statuses(7) == {"pending": 20}
    assert statuses(8) == statuses(9) == {"sent": 50}
    assert_books_balance()


@only_sqlite
def test_an_error_of_ours_leaves_the_mails_to_the_other_accounts(databases, server, sink):
    own_keys = vault._box
    vault.unlock((vault.Fernet.generate_key().decode(),))
    lost = vault.encrypt("secret")
    vault._box = own_keys
    account = account_of(server)
    with db.session(crm_db):
        SmtpAccount.update(password=lost).where(SmtpAccount.id == account.id).execute()
    running_campaign(mails=100)
    with worker(databases):
        wait_until(is_at_rest)
    assert account.email not in {record.login for record in sink.records()}
    all_sent_once(100, sink)

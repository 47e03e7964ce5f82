"""Nothing is found in a sound installation; each planted fault is found, and it alone."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from blaster import config, db, doctor, schema, vault
from blaster.db import campaign_db, crm_db
from blaster.doctor import Patient, connections, engine, examination, host, indexes
from blaster.models.bounces import Mailbox
from blaster.models.campaign_db import Campaign, CampaignStatus, Recipient, User
from blaster.models.crm_db import (
    CampaignContent,
    CampaignControl,
    CampaignTally,
    Lease,
    Mail,
    SmtpAccount,
    SmtpHealth,
    SmtpServer,
)
from blaster.models.providers import OauthToken
from blaster.queue import leases, recount
from tests.queue_data import running_campaign, statuses

LONG_AGO = 1_000
DOCTOR = Path(__file__).parent.parent / "scripts" / "doctor.py"


def a_row(model, **values):
    """Insert or change; each test has one user, server and account, and campaign 7 with three mails."""
    return lambda: model.create(**values) if "id" in values or model in NEW else model.update(**values).execute()


NEW = (Lease, Mail, Mailbox, SmtpHealth, OauthToken, CampaignTally)
KEY = {"email": "a@b.example", "email_key": "a@b.example"}
A_MAIL = {"user_id": 1, "campaign_id": 7, "recipient_id": 99, **KEY}


def a_worker():
    Lease.create(name="worker:h:1:1", owner="h:1:1", token=1, expires_at=db.now(crm_db) + 600_000)


def waits(state, **values):
    """Campaign 7 in a state, since long ago, while a worker is alive."""

    def plant():
        a_worker()
        CampaignControl.update(run_state=state, changed_at=LONG_AGO, **values).execute()
        CampaignStatus.update(status=state).execute()

    return plant


def an_orphan():
    a_row(Mail, **A_MAIL, status="sending", lease_token=9)()
    CampaignTally.create(campaign_id=7, slot=1, active=1)


def claims_after_the_end():
    an_orphan()
    waits("cancelled")()


def without_message():
    CampaignContent.delete().execute()


def a_stray():
    Campaign.delete().execute()
    CampaignStatus.delete().execute()


def not_handed_over():
    status = {"status": "staging", "started_at": LONG_AGO}
    other = Campaign.create(user_id=1, name="Other")
    CampaignStatus.create(campaign_id=other.campaign_id, **status)


def progress_behind():
    a_worker()
    CampaignControl.update(run_state="paused", changed_at=LONG_AGO).execute()
    CampaignStatus.update(status="running").execute()


def many_campaigns():
    for _ in range(5):
        other = Campaign.create(user_id=1, name="Other")
        CampaignStatus.create(campaign_id=other.campaign_id, status="running")


def another_key():
    old = vault.encrypt("hunter2")
    vault.unlock((config._new_vault_key(),))
    SmtpAccount.update(password=old).execute()


def by_consent():
    SmtpAccount.update(auth="google").execute()
    OauthToken.create(smtp_account_id=1, user_id=1, provider="google", access="", refresh="", expires_at=0, trouble="x")


def no_workers():
    waits("running")()
    Lease.delete().execute()


FAULTS = {
    "password-plain": a_row(SmtpAccount, password="hunter2"),
    "key-does-not-open": another_key,
    "without-user": lambda: (a_row(SmtpAccount, user_id=999)(), a_row(SmtpServer, user_id=999)()),
    "without-server": a_row(SmtpAccount, smtp_server_id=999),
    "server-without-account": lambda: SmtpServer.create(user_id=1, host="second.example.com"),
    "account-stopped": a_row(SmtpHealth, smtp_server_id=1, smtp_account_id=1, user_id=1, state="attention", reason="x"),
    "consent-ended": by_consent,
    "mailbox-failing": a_row(Mailbox, user_id=1, host="h", login="l", last_error="refused"),
    "zone-unknown": a_row(User, time_zone="Mars/Olympus"),
    "no-workers": no_workers,
    "lease-expired": a_row(Lease, name="server:9", owner="h:1:1", token=5, expires_at=1),
    "not-handed-over": not_handed_over,
    "staging-stuck": waits("staging", is_staged=False),
    "cancelling-stuck": waits("cancelling"),
    "no-accounts-for-user": lambda: (a_row(SmtpAccount, is_active=False)(), waits("running")()),
    "progress-behind": progress_behind,
    "campaign-stray": a_stray,
    "many-campaigns": many_campaigns,
    "orphans": an_orphan,
    "claims-after-the-end": claims_after_the_end,
    "tally-wrong": a_row(CampaignTally, campaign_id=7, slot=3, sent=2, failed=-1),
    "message-missing": without_message,
    "index-missing": lambda: crm_db.execute_sql(drop("mail_blaster", "mail_blaster_campaign_id_recipient_id")),
    "column-missing": lambda: crm_db.execute_sql("ALTER TABLE smtp_health DROP COLUMN failures"),
    "column-missing (table)": lambda: crm_db.execute_sql("DROP TABLE provider_counts"),
    "migrations-missing": lambda: crm_db.execute_sql("DELETE FROM schema_migration_crm WHERE name='0007_bounces'"),
    "tables-of-a-newer-version": lambda: crm_db.execute_sql(
        "INSERT INTO schema_migration_crm (name, applied) VALUES ('9999_tomorrow', '2030-01-01')"
    ),
}
IN_SQL = {
    "index-missing",
    "column-missing",
    "column-missing (table)",
    "migrations-missing",
    "tables-of-a-newer-version",
}
# What goes along with a fault: an index that is not there is not used either.
ALONG = {"index-missing": {"index-not-used"}, "without-server": {"server-without-account"}}
WARNINGS = {"server-without-account", "account-stopped", "consent-ended", "mailbox-failing", "zone-unknown"}
WARNINGS |= {"progress-behind", "many-campaigns", "message-missing", "journal-left", "cookies-not-secure"}


def drop(table: str, index: str) -> str:
    return f"DROP INDEX {index}" if db.is_sqlite(crm_db) else f"DROP INDEX {index} ON {table}"


@pytest.fixture
def durable(engine):
    """The tests' MariaDB does not wait for its disk; one in earnest does, and the doctor looks."""
    yield
    if engine == "mysql":
        crm_db.execute_sql("SET GLOBAL innodb_flush_log_at_trx_commit=0")


@pytest.fixture
def sound(durable, databases, engine):
    """An installation with a user, a server, an account and a paused campaign with three mails."""
    if engine == "mysql":
        crm_db.execute_sql("SET GLOBAL innodb_flush_log_at_trx_commit=1")
    with db.session(campaign_db), db.session(crm_db):
        User.create(id=1, email="zoe@example.com", password_hash="-")
        SmtpServer.create(id=1, user_id=1, host="smtp.example.com")
        secret = vault.encrypt("hunter2")
        SmtpAccount.create(id=1, user_id=1, smtp_server_id=1, email="zoe@example.com", password=secret)
        running_campaign(1, 7, mails=3)
        CampaignControl.update(run_state="paused").execute()
        Campaign.create(campaign_id=7, user_id=1, name="News")
        CampaignStatus.create(campaign_id=7, status="paused")
    yield Patient(config.load(databases), patience=0)
    vault.unlock(config.load(databases).vault_keys)
    schema.migrate()
    crm_db.execute_sql("DELETE FROM schema_migration_crm WHERE name='9999_tomorrow'")
    examination.mend(Patient(config.load(databases)))


def kinds(patient) -> dict[str, str]:
    return {finding.kind: finding.severity for finding in examination.examine(patient)}


def test_nothing_is_found_where_all_is_well(sound):
    assert list(examination.examine(sound)) == []


def pairs():
    """All on SQLite, those that are about SQL on MariaDB too."""
    for name in FAULTS:
        yield pytest.param("sqlite", name, id=f"sqlite-{name}")
        if name in IN_SQL or name in ("orphans", "claims-after-the-end", "tally-wrong", "without-server"):
            yield pytest.param("mysql", name, id=f"mysql-{name}")


@pytest.mark.parametrize(("engine", "name"), list(pairs()))
def test_a_planted_fault_is_found_and_it_alone(sound, engine, name):
    with db.session(campaign_db), db.session(crm_db):
        FAULTS[name]()
    found, name = kinds(sound), name.partition(" ")[0]
    assert set(found) - ALONG.get(name, set()) == {name}
    assert found[name] == ("warning" if name in WARNINGS else "fault")


@pytest.mark.parametrize("engine", ["sqlite"])
def test_each_finding_says_what_where_why_and_how_to_cure_it(sound):
    planted = ("password-plain", "lease-expired", "mailbox-failing", "tally-wrong")
    with db.session(crm_db):
        for name in planted:
            FAULTS[name]()
    found = list(examination.examine(sound))
    assert {finding.kind for finding in found} == set(planted)
    for finding in found:
        assert all((finding.where, finding.what, finding.why, finding.cure))
        assert "hunter2" not in repr(finding) and "@" not in finding.what + finding.where


MENDED = (
    "password-plain",
    "tally-wrong",
    "index-missing",
    "column-missing",
    "column-missing (table)",
    "migrations-missing",
)


@pytest.mark.parametrize("name", MENDED)
def test_fix_mends_what_is_safe(sound, name):
    before = statuses()
    with db.session(crm_db):
        FAULTS[name]()
    assert examination.mend(sound) >= 1
    assert list(examination.examine(sound)) == []
    with db.session(crm_db):
        assert vault.decrypt(SmtpAccount.get().password) == "hunter2"
    assert statuses() == before and recount.difference(7) == {}


@pytest.mark.parametrize("engine", ["sqlite"])
class TestHost:
    def changed(self, patient, **settings):
        return dataclasses.replace(patient, settings=dataclasses.replace(patient.settings, **settings))

    SETTINGS = {
        "public-url-missing": ({"public_url": ""}, "fault"),
        "cookies-not-secure": ({"public_url": "https://mail.example.com"}, "warning"),
        "secret-key-short": ({"secret_key": "short"}, "fault"),
        "clock-speed": ({"clock_speed": 60.0}, "fault"),
    }

    @pytest.mark.parametrize("name", SETTINGS)
    def test_settings(self, sound, name):
        values, severity = self.SETTINGS[name]
        assert kinds(self.changed(sound, **values)) == {name: severity}

    def test_one_database_for_both(self, sound):
        patient = self.changed(sound, campaign_url=sound.settings.crm_url)
        assert kinds(patient) == {"one-database-for-both": "fault"}

    def test_a_journal_that_was_left(self, sound):
        folder = sound.settings.data_dir / "journal"
        folder.mkdir()
        left = folder / "h-1-1.journal"
        left.write_text("B x h:1:1\n")
        assert kinds(sound) == {}  # its worker may just have begun it
        os.utime(left, (1, 1))
        assert kinds(sound) == {"journal-left": "warning"}

    def test_a_key_file_that_others_can_read_is_closed_by_fix(self, sound):
        key = sound.settings.data_dir / "vault.key"
        key.chmod(0o644)
        assert kinds(sound) == {"key-file-open": "fault"}
        examination.mend(sound)
        assert kinds(sound) == {} and key.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(("needed", "severity"), [("LITTLE", "warning"), ("TOO_LITTLE", "fault")])
    def test_a_full_disk(self, sound, monkeypatch, needed, severity):
        monkeypatch.setattr(host, "LITTLE", 1 << 60)
        monkeypatch.setattr(host, needed, 1 << 60)
        assert kinds(sound) == {"disk": severity}

    def test_a_lease_that_is_alive_and_mails_under_it_are_no_fault(self, sound):
        with db.session(crm_db):
            hold = leases.take("server:1", "h:1:1", 600_000)
            a_row(Mail, **A_MAIL, status="sending", lease_token=hold.token)()
            CampaignTally.create(campaign_id=7, slot=1, active=1)
        assert kinds(sound) == {}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_database_that_is_away_is_one_finding_with_its_cure(sound, tmp_path):
    settings = dataclasses.replace(sound.settings, crm_url="mysql://blaster:hunter2@127.0.0.1:1/crm")
    db.connect(settings)
    found = list(examination.examine(Patient(settings)))
    assert [(one.kind, one.where) for one in found] == [("database-away", "Server 2")]
    assert "Start the database server" in found[0].cure and "hunter2" not in repr(found)
    db.connect(sound.settings)


def test_versions_that_are_too_old():
    said = {"10.5.9-MariaDB": True, "5.5.5-10.6.0-MariaDB-log": False, "8.0.0": True, "8.0.36-0ubuntu": False}
    said |= {"11.4.2-MariaDB": False, "5.7.44-log": True}
    for version, is_old in said.items():
        assert bool(list(engine.too_old("Server 2", *engine.engine_of(version)))) == is_old, version
    assert list(engine.too_old("Server 1", "SQLite", (3, 34, 1)))


# What is set for the whole server, what it was before, and what is found.
VARIABLES = {
    "option-innodb_flush_log_at_trx_commit": ("innodb_flush_log_at_trx_commit", 2),
    "option-max_allowed_packet": ("max_allowed_packet", 1 << 20),
    "option-sql_mode": ("sql_mode", "''"),
    "read-only": ("read_only", 1),
    "connections": ("max_connections", 20),
}


@pytest.mark.parametrize("engine", ["mysql"])
class TestServer:
    @pytest.fixture(autouse=True)
    def fresh_connections(self, sound):
        yield
        for database in (campaign_db.obj, crm_db.obj):
            database.close_all()

    def ask(self, statement):
        for database in (campaign_db.obj, crm_db.obj):
            database.close_all()
        with db.session(crm_db):
            crm_db.execute_sql(statement)

    @pytest.mark.parametrize("name", VARIABLES)
    def test_variables(self, sound, name):
        variable, value = VARIABLES[name]
        with db.session(crm_db):
            before = crm_db.execute_sql(f"SELECT @@GLOBAL.{variable}").fetchone()[0]
        self.ask(f"SET GLOBAL {variable}={value}")
        try:
            for database in (campaign_db.obj, crm_db.obj):
                database.close_all()
            assert set(kinds(sound)) == {name}
        finally:
            self.ask(f"SET GLOBAL {variable}={before!r}")

    @pytest.mark.parametrize(
        ("name", "command"),
        [
            ("isolation", "SET SESSION tx_isolation='REPEATABLE-READ'"),
            ("clock", "SET SESSION tx_isolation='READ-COMMITTED', timestamp=1700000000"),
        ],
    )
    def test_a_proxy_that_changes_the_session(self, sound, monkeypatch, name, command):
        for database in (campaign_db.obj, crm_db.obj):
            database.close_all()
            monkeypatch.setitem(database.connect_params, "init_command", command)
        assert set(kinds(sound)) == {name}

    def test_an_index_that_is_there_and_ignored(self, sound, monkeypatch):
        monkeypatch.setattr(indexes, "ENOUGH", 100)
        with db.session(campaign_db):
            rows = [(1, 1 + i % 2, f"r{i}@b.example", f"r{i}@b.example") for i in range(600)]
            columns = (Recipient.user_id, Recipient.list_id, Recipient.email, Recipient.email_key)
            db.insert_new(Recipient, columns, rows)
            campaign_db.execute_sql("ANALYZE TABLE recipients").fetchall()
            assert list(examination.examine(sound)) == []
            campaign_db.execute_sql("ALTER TABLE recipients ALTER INDEX recipients_list_id_email_key IGNORED")
            try:
                assert kinds(sound) == {"index-not-used": "warning"}
            finally:
                campaign_db.execute_sql("ALTER TABLE recipients ALTER INDEX recipients_list_id_email_key NOT IGNORED")

    def test_a_buffer_pool_too_small_for_the_users(self, sound, monkeypatch):
        monkeypatch.setattr(engine, "_size", lambda database: 10 << 30)
        with db.session(campaign_db):
            for i in range(2, 12):
                User.create(id=i, email=f"u{i}@example.com", password_hash="-")
        assert kinds(sound) == {"buffer-pool": "warning"}

    def test_wrong_passwords_and_names_have_their_cures(self):
        for number, words in {1045: "refused", 1049: "does not exist", 1040: "max_connections"}.items():
            assert words in connections._away("Server 1", Exception(number)).cure


def run(env, *options):
    done = subprocess.run([sys.executable, DOCTOR, *options], env={**os.environ, **env}, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_script_speaks_to_people_and_programs(sound, databases):
    assert run(databases) == (0, "Nothing found.\n")
    with db.session(crm_db):
        FAULTS["password-plain"]()
    code, text = run(databases, "--json")
    (found,) = json.loads(text)
    assert (code, found["kind"], found["fixable"]) == (2, "password-plain", True)
    assert run(databases, "--fix") == (0, "Nothing found.\n")
    (Path(databases["BLASTER_DATA_DIR"]) / "vault.key").unlink()
    code, text = run(databases)
    assert code == 2 and "vault.key is missing" in text
    assert not (Path(databases["BLASTER_DATA_DIR"]) / "vault.key").exists()  # no new one, which would open nothing


def test_exit_codes():
    mild, bad = doctor.warning("k", "w", "x", "y", "c"), doctor.fault("k", "w", "x", "y", "c")
    assert [doctor.exit_code(found) for found in ([], [mild], [mild, bad])] == [0, 1, 2]

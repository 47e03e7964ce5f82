"""Another key for all that is stored, and nothing forgotten."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from blaster import audit, boot, config, db, oauth, rotation, second_factors, servers, vault, webhooks
from blaster.consent import Tokens
from blaster.models.bounces import Mailbox
from blaster.models.crm_db import SmtpAccount
from tests.routes import own

PROJECT = Path(__file__).parent.parent


@pytest.fixture
def stored(databases, signed_in):
    """Somebody who has a secret of each kind."""
    user_id = signed_in("Alice").user_id
    ids = own(user_id)
    second_factors.drawn(user_id)
    webhooks.rotate_secret(user_id, ids["webhook_id"])
    tokens = Tokens("access", "refresh", 3_600)
    oauth.store(user_id, ids["account_id"], "google", tokens)
    oauth.store(user_id, ids["mailbox_id"], "google", tokens, Mailbox)
    return user_id, ids


def columns_with_secrets() -> dict[str, list[str]]:
    """Whatever looks encrypted, wherever it lies."""
    found: dict[str, list[str]] = {}
    for database in (db.campaign_db, db.crm_db):
        with db.session(database):
            for table in database.get_tables():
                names = [column.name for column in database.get_columns(table)]
                for row in database.execute_sql(f"SELECT * FROM {table}").fetchall():
                    for name, value in zip(names, row, strict=True):
                        if isinstance(value, str) and value.startswith("vault1:"):
                            found.setdefault(f"{table}.{name}", []).append(value)
    return found


def test_every_secret_gets_the_new_key(stored, settings):
    before = columns_with_secrets()
    known = {f"{column.model._meta.table_name}.{column.column_name}" for column in rotation.SECRETS}
    assert set(before) == known, "add the column to rotation.SECRETS, and a secret of its kind to `stored` here"
    new = Fernet.generate_key().decode()
    vault.unlock((new, *settings.vault_keys))
    assert sum(done for _, done, _ in rotation.rotate()) == sum(map(len, before.values()))
    assert sum(done for _, done, _ in rotation.rotate()) == 0
    vault.unlock((new,))
    after = columns_with_secrets()
    assert set(after) == known and not set(sum(before.values(), [])) & set(sum(after.values(), []))
    assert all(vault.decrypt(secret) for secrets in after.values() for secret in secrets)


def test_a_password_in_the_clear_is_encrypted_and_a_secret_without_a_key_is_told(stored):
    with db.session(db.crm_db):
        SmtpAccount.update(password="in the clear").execute()
        Mailbox.update(password="vault1:gAAAAA").execute()
    told = {name: (done, locked) for name, done, locked in rotation.rotate() if done or locked}
    assert told == {"smtp_accounts.password": (1, 0), "mailboxes.password": (0, 1)}
    with db.session(db.crm_db):
        assert vault.decrypt(SmtpAccount.get().password) == "in the clear"


def test_what_changes_meanwhile_is_left_alone(stored, monkeypatch):
    user_id, ids = stored
    fields = {"email": "news@example.com", "daily_limit": 10, "hourly_limit": 5}
    rotate = vault.rotate

    def meanwhile(secret):
        if vault.decrypt(secret) == "secret":
            servers.edit_account(user_id, ids["account_id"], password="another", **fields)
        return rotate(secret)

    monkeypatch.setattr(vault, "rotate", meanwhile)
    monkeypatch.setattr(vault, "is_current", lambda secret: False)
    list(rotation.rotate())
    assert servers.credentials(servers.get_account(user_id, ids["account_id"]))[1] == "another"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_script_makes_a_key_and_rotates(stored, databases):
    def run(action):
        env = {**os.environ, **databases}
        return subprocess.run(
            [sys.executable, PROJECT / "scripts" / "keys.py", action],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    file = Path(databases["BLASTER_DATA_DIR"]) / "vault.key"
    old = file.read_text().split()
    assert "Restart pages and workers" in run("new")
    keys = file.read_text().split()
    assert keys[1:] == old and len(keys) == 2 and file.stat().st_mode & 0o77 == 0
    assert "secrets are under the first key now" in run("rotate")
    assert run("rotate") == "Everything is under the first key.\n"
    boot.boot(replace(config.load(databases), vault_keys=(keys[0],)))
    assert all(vault.decrypt(secret) for secrets in columns_with_secrets().values() for secret in secrets)
    noted = [(row.act, row.target) for row in audit.search(audit.Asked(0))]
    assert noted == [("rotate", "key"), ("rotate", "key"), ("create", "key")]

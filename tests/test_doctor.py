"""The doctor finds each planted fault and nothing in a sound installation."""

import pytest

from blaster import doctor, vault
from blaster.db import crm_db
from blaster.doctor import rows
from blaster.models.campaign_db import User
from blaster.models.crm_db import Lease, Mail, SmtpAccount, SmtpServer

FAULTS = {
    "plain": (lambda: SmtpAccount.update(password="hunter2").execute(), "lies in the clear"),
    "user": (lambda: SmtpAccount.update(user_id=999).execute(), "user 999, who does not exist"),
    "server": (lambda: SmtpAccount.delete().execute(), "has no account"),
    "lease": (lambda: Lease.insert(name="server:1", owner="h:1:1", token=5, expires_at=1).execute(), "ran out"),
    "orphan": (
        lambda: Mail.create(
            user_id=1, campaign_id=3, recipient_id=1, email="a@b.example", email_key="a@b.example",
            status="sending", lease_token=9,
        ),
        "1 mails of campaign 3",
    ),
}  # fmt: skip


@pytest.fixture
def sound(databases):
    user = User.create(email="zoe@example.com", password_hash="-", session_token="-")
    server = SmtpServer.create(user_id=user.id, host="smtp.example.com")
    secret = vault.encrypt("hunter2")
    SmtpAccount.create(user_id=user.id, smtp_server_id=server.id, email="zoe@example.com", password=secret)


def test_nothing_is_found_where_all_is_well(sound):
    assert doctor.exit_code(list(doctor.examine(rows.CHECKS))) == 0


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(sound, name):
    plant, words = FAULTS[name]
    with crm_db.connection_context():
        plant()
    found = list(doctor.examine(rows.CHECKS))
    assert any(words in finding.what for finding in found)
    assert doctor.exit_code(found) == (1 if name == "server" else 2)


def test_fix_encrypts_a_plain_password(sound):
    SmtpAccount.update(password="hunter2").execute()
    for finding in doctor.examine(rows.CHECKS):
        finding.fix()
    assert vault.decrypt(SmtpAccount.get().password) == "hunter2"
    assert not list(doctor.examine(rows.CHECKS))

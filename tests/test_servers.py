import pytest

from blaster import db, servers, vault
from blaster.errors import Invalid, NotFound
from blaster.models.crm_db import SmtpAccount

ALICE, BOB = 1, 2
SERVER = {"name": "Office", "host": "smtp.example.com", "port": 587, "encryption": "starttls", "max_connections": 4}
ACCOUNT = {"email": "alice@example.com", "login": "alice", "daily_limit": 500, "hourly_limit": 50}


@pytest.fixture
def server(databases):
    return servers.add_server(ALICE, **SERVER)


@pytest.fixture
def account(server):
    return servers.add_account(ALICE, server.id, password="canary-password", **ACCOUNT)


def _fields(row, names):
    return {name: getattr(row, name) for name in names}


def test_server_keeps_what_was_entered(server):
    found = servers.get_server(ALICE, server.id)
    assert _fields(found, SERVER) == SERVER
    assert found.is_active and found.created_at > 0


def test_server_without_a_name_is_called_by_its_host(databases):
    server = servers.add_server(ALICE, name=" ", host=" SMTP.Example.com ", port="465", encryption="tls")
    assert (server.name, server.host, server.port, server.max_connections) == (
        "smtp.example.com",
        "smtp.example.com",
        465,
        10,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", ""),
        ("host", "https://example.com"),
        ("host", "smtp example com"),
        ("host", "alice@example.com"),
        ("host", "smtp.example.com:587"),
        ("host", "a" * 256),
        ("port", 0),
        ("port", 65_536),
        ("port", "smtp"),
        ("port", None),
        ("encryption", "ssl"),
        ("max_connections", 0),
        ("max_connections", "101"),
    ],
)
def test_bad_server_field_is_named(server, field, value):
    for attempt in (
        lambda: servers.add_server(ALICE, **SERVER | {field: value}),
        lambda: servers.edit_server(ALICE, server.id, **SERVER | {field: value}),
    ):
        with pytest.raises(Invalid) as refusal:
            attempt()
        assert list(refusal.value.errors) == [field]
    assert len(servers.list_servers(ALICE)) == 1


def test_all_bad_fields_are_named_at_once(databases):
    with pytest.raises(Invalid) as refusal:
        servers.add_server(ALICE, name="", host="", port="", encryption="")
    assert set(refusal.value.errors) == {"host", "port", "encryption"}


def test_server_is_edited_and_switched_off(server):
    servers.edit_server(ALICE, server.id, **SERVER | {"host": "relay.example.com", "port": "25"})
    servers.set_server_active(ALICE, server.id, False)
    found = servers.get_server(ALICE, server.id)
    assert (found.host, found.port, found.is_active) == ("relay.example.com", 25, False)


def test_server_goes_with_its_accounts_only(account):
    other = servers.add_server(ALICE, **SERVER)
    kept = servers.add_account(ALICE, other.id, password="", **ACCOUNT)
    servers.delete_server(ALICE, account.smtp_server_id)
    assert [server.id for server in servers.list_servers(ALICE)] == [other.id]
    assert [row.id for row in servers.list_accounts(ALICE)] == [kept.id]


def test_password_is_encrypted_and_comes_back_for_the_worker(account):
    stored = servers.get_account(ALICE, account.id)
    assert _fields(stored, ACCOUNT) == ACCOUNT
    assert vault.is_encrypted(stored.password) and "canary" not in stored.password
    assert servers.credentials(stored) == ("alice", "canary-password")


def test_empty_password_keeps_the_old_one(account):
    servers.edit_account(ALICE, account.id, password="", **ACCOUNT | {"login": "", "hourly_limit": "60"})
    found = servers.get_account(ALICE, account.id)
    assert servers.credentials(found) == ("alice@example.com", "canary-password")
    assert found.hourly_limit == 60
    servers.edit_account(ALICE, account.id, password="another", **ACCOUNT)
    assert servers.credentials(servers.get_account(ALICE, account.id)) == ("alice", "another")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "alice"),
        ("login", "alice\r\nRSET"),
        ("daily_limit", -1),
        ("daily_limit", 1_000_001),
        ("hourly_limit", ""),
        ("hourly_limit", "many"),
    ],
)
def test_bad_account_field_is_named(account, field, value):
    for attempt in (
        lambda: servers.add_account(ALICE, account.smtp_server_id, password="p", **ACCOUNT | {field: value}),
        lambda: servers.edit_account(ALICE, account.id, **ACCOUNT | {field: value}),
    ):
        with pytest.raises(Invalid) as refusal:
            attempt()
        assert list(refusal.value.errors) == [field]


def test_password_from_plain_sql_works_and_is_encrypted_by_its_use(server):
    with db.session(db.crm_db):
        plain = SmtpAccount.create(user_id=ALICE, smtp_server_id=server.id, email="a@example.com", password="in clear")
    assert servers.credentials(plain) == ("a@example.com", "in clear")
    sealed = servers.get_account(ALICE, plain.id)
    assert vault.is_encrypted(sealed.password)
    assert servers.credentials(sealed) == ("a@example.com", "in clear")


def test_password_typed_meanwhile_is_not_overwritten(server):
    with db.session(db.crm_db):
        plain = SmtpAccount.create(user_id=ALICE, smtp_server_id=server.id, email="a@example.com", password="in clear")
    servers.edit_account(ALICE, plain.id, password="new", **ACCOUNT)
    servers.credentials(plain)
    assert servers.credentials(servers.get_account(ALICE, plain.id))[1] == "new"


def test_account_without_sign_in_has_no_password(server):
    account = servers.add_account(ALICE, server.id, password="", **ACCOUNT)
    assert servers.credentials(account) == ("alice", "")


def test_account_is_switched_off_and_deleted(account):
    servers.set_account_active(ALICE, account.id, False)
    assert not servers.get_account(ALICE, account.id).is_active
    servers.delete_account(ALICE, account.id)
    assert servers.list_accounts(ALICE) == []


def test_stranger_finds_nothing(account):
    server_id = account.smtp_server_id
    assert servers.list_servers(BOB) == servers.list_accounts(BOB) == []
    for attempt in (
        lambda: servers.get_server(BOB, server_id),
        lambda: servers.edit_server(BOB, server_id, **SERVER),
        lambda: servers.set_server_active(BOB, server_id, False),
        lambda: servers.delete_server(BOB, server_id),
        lambda: servers.list_accounts(BOB, server_id),
        lambda: servers.add_account(BOB, server_id, password="p", **ACCOUNT),
        lambda: servers.get_account(BOB, account.id),
        lambda: servers.edit_account(BOB, account.id, password="p", **ACCOUNT),
        lambda: servers.set_account_active(BOB, account.id, False),
        lambda: servers.delete_account(BOB, account.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert servers.get_server(ALICE, server_id).is_active
    assert [row.id for row in servers.list_accounts(ALICE, server_id)] == [account.id]
    assert servers.credentials(servers.get_account(ALICE, account.id))[1] == "canary-password"

"""Secrets that are planted are found nowhere but encrypted: on no page, in no log, in no error, in no dump."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from blaster import (
    api_tokens,
    config,
    db,
    mailboxes,
    oauth,
    rotation,
    second_factors,
    servers,
    signing,
    vault,
    webhooks,
)
from blaster.consent import Tokens
from blaster.db import crm_db
from blaster.demo.faults import Rule
from blaster.mail.auth import Credentials
from blaster.models.bounces import Mailbox
from blaster.models.crm_db import SmtpAccount
from blaster.models.sign_in import SecondFactor
from tests.routes import ADMIN, CALL, OWNED, PERSONAL, build, own, rules

pytest_plugins = ["tests.dns_server"]
TYPED = "canary-7f3a"  # part of every secret that somebody types


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def settings(databases, name_server) -> config.Settings:
    return config.load(databases | {"BLASTER_DNS_SERVERS": name_server.address})


@pytest.fixture
def planted(alice, sink) -> tuple[dict[str, int], list[str], str]:
    """Rows with a secret of each kind, the secrets as they are in the clear, and a token of the API."""
    user_id, ids = alice.user_id, own(alice.user_id, started=True)
    fields = {"email": "news@example.com", "daily_limit": 10, "hourly_limit": 5}
    servers.edit_account(user_id, ids["account_id"], password=f"{TYPED}-account", **fields)
    place = {"kind": "imap", "host": "imap.example.com", "encryption": "tls", "login": "bounces@example.com"}
    mailboxes.edit_mailbox(user_id, ids["mailbox_id"], password=f"{TYPED}-mailbox", **place)
    for holder, of in (("account_id", SmtpAccount), ("mailbox_id", Mailbox)):
        oauth.store(user_id, ids[holder], "google", Tokens(f"{TYPED}-access", f"{TYPED}-refresh", 3_600), of)
    server = servers.add_server(user_id, host=sink.host, port=sink.port, encryption="none")
    tried = servers.add_account(user_id, server.id, password=f"{TYPED}-tried", **fields)
    inserted = servers.add_account(user_id, server.id, password="", **fields)
    with db.session(crm_db):  # as the operator's guide does it
        SmtpAccount.update(password=f"{TYPED}-inserted").where(SmtpAccount.id == inserted.id).execute()
    _, token = api_tokens.create_token(user_id, "Test", api_tokens.SCOPES)
    secrets = [TYPED, token, webhooks.rotate_secret(user_id, ids["webhook_id"]), second_factors.drawn(user_id)]
    with db.session(db.campaign_db):
        SecondFactor.update(confirmed_at=1).execute()  # until then its page shows it, to be typed into a telephone
    (key,) = signing.list_keys(user_id)
    secrets.append(vault.decrypt(key.private_key).splitlines()[1])
    return ids | {"tried_id": tried.id}, secrets, token


@pytest.fixture
def leaks(planted, caplog, capfd):
    """Which of the secrets a text holds, and what was logged and printed since."""
    caplog.set_level(logging.DEBUG)

    def found(text: str = "") -> list[str]:
        out, err = capfd.readouterr()
        said = "\n".join([text, caplog.text, out, err, *map(repr, (record.args for record in caplog.records))])
        return [secret for secret in planted[1] if secret in said]

    return found


def test_no_page_shows_a_secret(app, alice, admin, planted, leaks, nowhere):
    ids, _, token = planted
    program, headers = app.test_client(), {"Authorization": f"Bearer {token}"}
    for rule, method in rules(app, PERSONAL, OWNED, ADMIN, CALL):
        if method == "GET":
            url = build(app, rule, ids)
            person = admin if rule.endpoint.partition(".")[0] in ("admin", "users", "complaints") else alice
            is_call = rule.endpoint.startswith("api.")
            answer = program.get(url, headers=headers) if is_call else person.get(url)
            assert leaks(answer.text) == [], url


def test_no_answer_repeats_what_was_typed(alice, visitor, planted, leaks, nowhere):
    ids, _, _ = planted
    secret = f"{TYPED}-typed"
    for url, form in (
        (f"/servers/{ids['server_id']}/accounts/new", {"email": "not one", "password": secret}),
        (f"/accounts/{ids['account_id']}/edit", {"email": "", "password": secret}),
        ("/mailboxes/new", {"host": "", "password": secret}),
        (f"/mailboxes/{ids['mailbox_id']}/edit", {"host": "", "password": secret}),
        ("/settings/sign-in/password", {"current_password": secret, "password": secret, "repeated_password": "x"}),
    ):
        for htmx in (False, True):
            assert leaks(alice.post(url, form, htmx=htmx).text) == [], url
    for form in ({"email": "alice@example.com", "password": secret}, {"email": secret, "password": secret}):
        answer = visitor.post("/login", form)
        assert answer.status_code == 422 and secret not in answer.text.replace(f'value="{secret}"', "")
    assert leaks() == []


def test_trouble_tells_no_secret(app, alice, planted, leaks, sink, monkeypatch):
    ids, _, _ = planted
    sink.play(Rule("auth", "reply", reply="535 5.7.8 no"))
    for _ in range(2):
        page = alice.post(f"/accounts/{ids['tried_id']}/test", htmx=True).text
        assert "did not accept login" in page and leaks(page) == []

    def broken(*_, **__):
        raise RuntimeError("broken")

    monkeypatch.setattr(servers, "add_account", broken)
    form = {"email": "a@example.com", "password": f"{TYPED}-x", "hourly_limit": "5", "daily_limit": "10"}
    form["auth"] = "password"
    answer = alice.post(f"/servers/{ids['server_id']}/accounts/new", form)
    assert (answer.status_code, leaks(answer.text)) == (500, [])


def test_no_dump_holds_a_secret(planted, settings):
    list(rotation.rotate())  # the operator's command: it finds what was inserted in the clear
    dumps = ""
    for name in ("campaign", "crm"):
        with closing(sqlite3.connect(Path(settings.data_dir) / f"{name}.db")) as file:
            dumps += "\n".join(file.iterdump())
    assert [secret for secret in planted[1] if secret in dumps] == []
    assert dumps.count("vault1:") >= len(rotation.SECRETS)


def test_what_is_printed_or_logged_is_looked_at(leaks, planted):
    assert leaks() == []
    print(TYPED)  # noqa: T201
    assert leaks() == [TYPED]
    logging.getLogger("blaster").debug("%s", planted[1][2])
    assert planted[1][2] in leaks()


def test_no_object_spells_its_secret(planted, settings, databases):
    told = config.load(databases | {"BLASTER_METRICS_TOKEN": TYPED, "BLASTER_GOOGLE_CLIENT_SECRET": TYPED})
    for each in (Credentials("login", TYPED), Tokens(TYPED, TYPED, 1), told):
        assert TYPED not in repr(each) + str(each)
    assert settings.secret_key not in repr(settings) and settings.vault_keys[0] not in repr(settings)

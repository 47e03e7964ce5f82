"""Bounce mailboxes that are read by consent: given in the browser, renewed in time, asked for again when it has ended.

The provider and the mail servers are real servers on this machine.
"""

import threading

import pytest

from blaster import consent, db, mailboxes, oauth, vault
from blaster.db import crm_db
from blaster.errors import Invalid, NotFound
from blaster.models.bounces import Mailbox
from blaster.models.providers import MailboxToken
from blaster.web import create_app
from tests.mailservers import LOGIN
from tests.queue_data import ALICE, BOB
from tests.test_bounce_reader import about, key, read, sent, state, suppressed
from tests.test_isolation import everything
from tests.test_oauth import begun_at, env, settings  # noqa: F401
from tests.work import wait_until, worker

pytest_plugins = ["tests.fake_provider"]
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def fields(server, kind: str = "imap") -> dict:
    return {"kind": kind, "host": server.host, "port": server.port, "encryption": "none", "login": LOGIN}


def mailbox(server, kind: str = "imap", *, user_id: int = ALICE, minutes: int | None = 60) -> Mailbox:
    """A mailbox with a token that still holds so long; None: nobody has consented."""
    box = mailboxes.add_mailbox(user_id, password="", auth="google", **fields(server, kind))
    if minutes is not None:
        given = consent.Tokens("access-canary-0", "refresh-canary-0", minutes * 60)
        oauth.store(user_id, box.id, "google", given, Mailbox)
    return box


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_it_is_read_with_a_token_that_is_renewed_in_time(settings, provider, imap, pop, kind):  # noqa: F811
    server = imap if kind == "imap" else pop
    server.tokens = {"access-canary-1"}
    (mail,) = sent(n=1)
    server.deliver(about(mail, key=key(settings)))
    box = mailbox(server, kind, minutes=9)
    read(settings)
    assert suppressed() == [mail.email] and state(box).last_error == ""
    read(settings)
    assert server.sign_ins == [(LOGIN, "access-canary-1")] * 2
    assert [request["refresh_token"] for request in provider.requests] == ["refresh-canary-0"]
    row = oauth.token_of(ALICE, box.id, Mailbox)
    assert vault.decrypt(row.refresh) == "refresh-canary-1"
    assert "canary" not in repr(everything())


def test_a_worker_reads_it_while_no_campaign_runs(env, provider, imap):  # noqa: F811
    imap.tokens = {"access-canary-1"}
    box = mailbox(imap, minutes=-5)
    imap.deliver(b"From: zoe@example.org\n\nHello")
    with worker(env):
        wait_until(lambda: state(box).mails == 1)


@pytest.mark.parametrize("ends", ["refused at renewal", "refused by the server", "never given"])
def test_without_consent_it_waits_and_its_owner_is_told(settings, alice, provider, imap, ends):  # noqa: F811
    imap.tokens = {"another"}
    minutes = {"refused at renewal": -1, "refused by the server": 60, "never given": None}[ends]
    box = mailbox(imap, user_id=alice.user_id, minutes=minutes)
    provider.error = "invalid_grant"
    for _ in range(3):
        read(settings)
    assert "ign in again" in state(box).last_error or "Nobody has given consent" in state(box).last_error
    assert len(provider.requests) == (ends == "refused at renewal"), "it is not asked again and again"
    page = alice.get("/mailboxes").text
    assert "Needs attention" in page and f'href="/mailboxes/{box.id}/consent"' in page
    assert "ign in" in alice.post(f"/mailboxes/{box.id}/test", htmx=True).text
    provider.error, imap.tokens = "", {f"access-canary-{len(provider.requests) + 1}"}
    asked = begun_at(alice, f"/mailboxes/{box.id}/consent")
    assert asked["login_hint"] == LOGIN and asked["scope"] == "https://mail.google.com/"
    answer = alice.get(f"/consent/answer?code=x&state={asked['state']}")
    assert answer.location == "/mailboxes"
    read(settings)
    assert state(box).last_error == "" and state(box).read_at
    assert "Ready" in alice.get("/mailboxes").text


def test_a_provider_in_trouble_leaves_it_for_the_next_look(settings, provider, imap, monkeypatch):  # noqa: F811
    monkeypatch.setattr(oauth, "BUSY", 0)
    imap.tokens = {"access-canary-2"}
    box = mailbox(imap, minutes=-1)
    provider.status = 503
    read(settings)
    assert "status 503" in state(box).last_error and not oauth.without_consent([state(box)])
    provider.status = 200
    read(settings)
    assert state(box).last_error == ""


def test_of_two_that_want_a_new_token_one_asks(settings, provider, imap):  # noqa: F811
    imap.tokens = {"access-canary-1"}
    box = mailbox(imap, minutes=-1)
    provider.wait.clear()
    reading = threading.Thread(target=read, args=(settings,))
    reading.start()
    wait_until(lambda: provider.requests)
    with pytest.raises(consent.Unreachable, match="at this moment"):
        oauth.sign_in(settings, box)
    provider.wait.set()
    reading.join()
    assert oauth.sign_in(settings, box) == (LOGIN, "access-canary-1", "xoauth2")
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("protocol", "scope"),
    [("imap", "IMAP.AccessAsUser.All"), ("pop3", "POP.AccessAsUser.All"), ("smtp", "SMTP.Send")],
)
def test_microsoft_is_asked_for_what_the_protocol_needs(settings, protocol, scope):  # noqa: F811
    from dataclasses import replace

    registered = replace(settings, microsoft_client_id="client")
    words = consent.provider(registered, "microsoft", protocol).scope.split()
    assert f"https://outlook.office.com/{scope}" in words and "offline_access" in words


def test_a_token_belongs_to_one_mailbox_and_one_owner(settings, imap):  # noqa: F811
    box = mailbox(imap)
    assert oauth.token_of(BOB, box.id, Mailbox) is None and oauth.token_of(ALICE, box.id) is None
    with pytest.raises(NotFound):
        oauth.store(BOB, box.id, "google", consent.Tokens("a", "r", 60), Mailbox)
    mailboxes.edit_mailbox(ALICE, box.id, **fields(imap), auth="google", folder="Bounces")
    assert oauth.token_of(ALICE, box.id, Mailbox)
    mailboxes.edit_mailbox(ALICE, box.id, **fields(imap) | {"login": "other@example.com"}, auth="google")
    assert oauth.token_of(ALICE, box.id, Mailbox) is None, "it was for another mailbox"
    with pytest.raises(Invalid) as refused:
        mailboxes.edit_mailbox(ALICE, box.id, **fields(imap), auth="password")
    assert list(refused.value.errors) == ["password"]
    oauth.store(ALICE, box.id, "google", consent.Tokens("a", "r", 60), Mailbox)
    mailboxes.delete_mailbox(ALICE, box.id)
    with db.session(crm_db):
        assert MailboxToken.select().count() == 0


@pytest.fixture
def app(settings):  # noqa: F811
    return create_app(settings)


def test_one_is_added_in_the_browser_without_a_password(alice, imap):
    form = fields(imap) | {"auth": "google", "password": ""}
    assert alice.post("/mailboxes/new", form).status_code == 303
    page = alice.get("/mailboxes").text
    assert "once you have signed in with Google" in page and "Sign in with Google" in page
    assert imap.sign_ins == []
    assert alice.post("/mailboxes/new", form | {"auth": "password"}).status_code == 422

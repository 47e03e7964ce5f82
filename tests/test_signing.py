"""Keys of users: made in the browser, published in the DNS, and what they sign on its way through real workers."""

import threading

import dkim
import pytest

from blaster import config, db, servers, signing, vault
from blaster.db import crm_db
from blaster.domains.resolver import Resolver, Unanswered
from blaster.errors import Invalid, NotFound
from blaster.mail import dkim_keys
from blaster.models.crm_db import CampaignContent
from blaster.models.dkim import DkimKey
from blaster.web import create_app
from blaster.workers.holds import Holds
from blaster.workers.key_watch import KeyWatch
from tests.queue_data import ALICE, BOB, running_campaign, server_with_account, statuses
from tests.test_dkim import ED25519, RSA, pem
from tests.test_isolation import everything
from tests.test_web_servers import ACCOUNT, SERVER
from tests.work import is_at_rest, processes, wait_until, worker

pytest_plugins = ["tests.dns_server"]
only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def ask(name_server):
    return Resolver(name_server.address, each=0.3, together=5)


def add(name_server=None, *, user_id=ALICE, domain="example.com", selector="s1", kind="ed25519", **fields) -> DkimKey:
    """A key, published with a name server."""
    key = signing.add_key(user_id, domain=domain, selector=selector, kind=kind, **fields)
    if name_server:
        name_server.add(f"{key.selector}._domainkey.{key.domain}", "TXT", key.record)
        signing.look(user_id, Resolver(name_server.address), key_id=key.id)
    return key


def verify(raw: bytes, *keys: DkimKey) -> list[bool]:
    """Whether each signature of a mail is right, by a library that shares nothing with our code."""
    records = {f"{key.selector}._domainkey.{key.domain}.".encode(): key.record.encode() for key in keys}
    checked = dkim.DKIM(raw.replace(b"\r\n..", b"\r\n."))
    count = raw.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    return [checked.verify(i, dnsfunc=lambda name, timeout=5: records.get(name)) for i in range(count)]


def signed_names(raw: bytes) -> set[bytes]:
    return set(raw.partition(b" h=")[2].partition(b";")[0].replace(b"\r\n ", b"").split(b":"))


# Keys


def test_a_key_is_kept_encrypted_and_signs_once_it_is_published(databases, name_server, ask):
    key = add()
    with db.session(crm_db):
        stored = DkimKey.get_by_id(key.id).private_key
    assert "PRIVATE" not in stored and "PRIVATE" in vault.decrypt(stored)
    assert signing.signers([ALICE]) == {} and signing.look(ALICE, ask, key_id=key.id).verdict == "missing"
    assert signing.signers([ALICE]) == {}
    name_server.add("s1._domainkey.example.com", "TXT", key.record)
    assert signing.look(ALICE, ask, domain="example.com").verdict == "published"
    assert len(signing.signers([ALICE, BOB])[ALICE]["example.com"]) == 1
    name_server.zone.clear()
    signing.look(ALICE, ask, key_id=key.id)
    assert signing.signers([ALICE]) == {}, "nobody could check it any more"


@only_sqlite
def test_its_owner_may_insist(databases):
    key = add()
    signing.insist(ALICE, key.id, True)
    assert list(signing.signers([ALICE])) == [ALICE]
    signing.insist(ALICE, key.id, False)
    assert signing.signers([ALICE]) == {}


@only_sqlite
@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        (["{record}"], "published"),
        (["{record}; t=s; n=note"], "published"),
        (["p={p}; k=ed25519"], "published"),
        (["some other text", "{record}"], "published"),
        (["p={p}"], "wrong"),
        (["v=DKIM1; k=ed25519; p="], "wrong"),
        (["v=DKIM1; k=ed25519; p=AAAA"], "wrong"),
        (["{record}", "v=DKIM1; k=ed25519; p=AAAA"], "wrong"),
        (["some other text"], "missing"),
        ([], "missing"),
    ],
)
def test_what_the_dns_shows_is_compared(databases, name_server, ask, texts, verdict):
    key = add()
    for text in texts:
        text = text.format(record=key.record, p=key.record.partition("p=")[2])
        name_server.add("s1._domainkey.example.com", "TXT", text)
    assert signing.look(ALICE, ask, key_id=key.id).verdict == verdict


@only_sqlite
def test_silence_leaves_what_was_known(databases, name_server, ask):
    key = add(name_server)
    name_server.silent.add("s1._domainkey.example.com")
    with pytest.raises(Unanswered):
        signing.look(ALICE, ask, key_id=key.id)
    assert signing.list_keys(ALICE)[0].signs


@only_sqlite
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"selector": ""}, "selector"),
        ({"selector": "a b"}, "selector"),
        ({"selector": "s1"}, "selector"),
        ({"selector": "x" * 64}, "selector"),
        ({"pem": "no key"}, "pem"),
        ({"pem": "x" * 20_000}, "pem"),
    ],
)
def test_what_is_no_key_is_refused(databases, fields, field):
    add()
    with pytest.raises(Invalid) as refused:
        add(**({"selector": "s2"} | fields))
    assert list(refused.value.errors) == [field]


@only_sqlite
def test_a_key_of_ones_own_is_taken(databases):
    for name, key in (("r", RSA), ("e", ED25519)):
        assert dkim_keys.record(pem(key)) == add(selector=name, pem="\n" + pem(key)).record


@only_sqlite
def test_strangers_keys_are_not_found(databases, ask):
    key = add()
    for act in (
        lambda: signing.look(BOB, ask, key_id=key.id),
        lambda: signing.insist(BOB, key.id, True),
        lambda: signing.delete_key(BOB, key.id),
    ):
        with pytest.raises(NotFound):
            act()
    assert signing.list_keys(BOB) == []


@only_sqlite
def test_a_key_that_cannot_be_read_signs_nothing_and_stops_nothing(databases, name_server):
    add(name_server)
    good = add(name_server, selector="s2")
    with db.session(crm_db):
        DkimKey.update(private_key="vault1:gone").where(DkimKey.id != good.id).execute()
    assert len(signing.signers([ALICE])[ALICE]["example.com"]) == 1


# Mails


def test_worker_processes_sign_what_they_send(databases, name_server, sink):
    server_with_account(host=sink.host, port=sink.port)
    keys = [add(name_server, kind="rsa", selector="rsa"), add(name_server, selector="ed")]
    running_campaign(mails=40)
    with processes(databases, 1, public_url="https://mail.example.com"):
        wait_until(is_at_rest)
    assert statuses() == {"sent": 40}
    mails = sink.raw_messages()
    assert len(mails) == 40
    for raw in mails:
        assert verify(raw, *keys) == [True, True]
        # RFC 8058 section 4: without these two under a signature no mail program offers the button.
        assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from"} < signed_names(raw)
        assert raw.count(b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") == 1


@only_sqlite
@pytest.mark.parametrize(
    ("sender", "domain", "signs"),
    [
        ("news@shop.example.com", "example.com", True),
        ("news@EXAMPLE.com", "example.com", True),
        ("news@example.com", "shop.example.com", False),
        ("news@notexample.com", "example.com", False),
    ],
)
def test_a_mail_is_signed_by_its_from_domain(databases, name_server, sink, sender, domain, signs):
    _, account = server_with_account(host=sink.host, port=sink.port)
    with db.session(crm_db):
        account.from_domains = "notexample.com shop.example.com"
        account.save()
    key, other = add(name_server, domain=domain), add(name_server, user_id=BOB, selector="bob")
    running_campaign(mails=2)
    with db.session(crm_db):
        CampaignContent.update(sender_email=sender).execute()
    with worker(databases):
        wait_until(is_at_rest)
    assert [verify(raw, key, other) for raw in sink.raw_messages()] == [[True] if signs else []] * 2


@only_sqlite
def test_keys_that_come_and_go_count_in_mid_campaign(databases, name_server, sink, monkeypatch):
    from blaster.workers import orchestrator

    monkeypatch.setattr(orchestrator, "REFRESH_SECONDS", 0.1)
    _, account = server_with_account(host=sink.host, port=sink.port, hourly=10)

    def more() -> None:
        with db.session(crm_db):
            account.hourly_limit += 10
            account.save()

    def signed() -> list[int]:
        return [raw.count(b"DKIM-Signature:") for raw in sink.raw_messages()]

    running_campaign(mails=30)
    with worker(databases) as running:
        wait_until(lambda: len(signed()) == 10)
        key = add(name_server)
        wait_until(lambda: running.messages.get(7).signers)
        more()
        wait_until(lambda: len(signed()) == 20)
        signing.delete_key(ALICE, key.id)
        wait_until(lambda: not running.messages.get(7).signers)
        more()
        wait_until(is_at_rest)
    assert signed() == [0] * 10 + [1] * 10 + [0] * 10


def look_again(databases, name_server, age: int = signing.SEEN_FOR) -> None:
    """A worker's look, so many ms after the last one at each key."""
    with db.session(crm_db):
        DkimKey.update(checked_at=DkimKey.checked_at - age - 1_000).execute()
    settings = config.load(databases | {"BLASTER_DNS_SERVERS": name_server.address})
    KeyWatch(settings, Holds("here:1", 60_000), threading.Event()).work()


def test_a_key_whose_record_went_signs_no_more_until_it_is_back(databases, name_server):
    good, never = add(name_server), add(selector="s2")
    other = add(name_server, user_id=BOB, domain="example.net", selector="bob")
    name_server.zone[("s1._domainkey.example.com", "TXT")] = ["v=DKIM1; k=ed25519; p=AAAA"]
    look_again(databases, name_server, age=0)
    assert list(signing.signers([ALICE, BOB])) == [ALICE, BOB], "looked at within a day"
    look_again(databases, name_server)
    assert list(signing.signers([ALICE, BOB])) == [BOB]
    (lost,) = signing.lost(ALICE)
    assert (lost.id, lost.verdict, signing.lost(BOB)) == (good.id, "wrong", [])
    assert [signing.covering([lost], [domain]) for domain in ("shop.example.com", "notexample.com")] == [[lost], []]
    name_server.zone.clear()
    look_again(databases, name_server, age=signing.LOST_FOR)
    assert signing.lost(ALICE)[0].verdict == "missing" and signing.lost(ALICE)[0].lost_at == lost.lost_at
    assert signing.lost(BOB) == [], "an hour is for what is lost"
    for key in (good, other):
        name_server.add(f"{key.selector}._domainkey.{key.domain}", "TXT", key.record)
    look_again(databases, name_server, age=signing.LOST_FOR)
    assert list(signing.signers([ALICE, BOB])) == [ALICE, BOB] and signing.lost(ALICE) == []
    assert signing.list_keys(ALICE)[1].id == never.id and not signing.list_keys(ALICE)[1].lost_at


@only_sqlite
def test_a_name_server_that_is_silent_takes_no_signature_away(databases, name_server):
    silent, gone = add(name_server), add(name_server, selector="s2")
    name_server.failing.add("s1._domainkey.example.com")
    del name_server.zone[("s2._domainkey.example.com", "TXT")]
    look_again(databases, name_server)
    assert [key.id for key in signing.list_keys(ALICE) if key.signs] == [silent.id]
    assert [key.id for key in signing.lost(ALICE)] == [gone.id]


@only_sqlite
def test_one_process_looks_at_the_keys(databases, name_server):
    add(name_server)
    name_server.zone.clear()
    Holds("elsewhere:1", 60_000).take("keys")
    look_again(databases, name_server)
    assert signing.lost(ALICE) == []


# Pages


@pytest.fixture
def app(databases, name_server):
    return create_app(config.load(databases | {"BLASTER_DNS_SERVERS": name_server.address}))


@only_sqlite
def test_a_key_is_made_published_and_used_in_the_browser(alice, name_server):
    server = servers.add_server(alice.user_id, **SERVER)
    account = servers.add_account(alice.user_id, server.id, **ACCOUNT)
    url = f"/accounts/{account.id}/domain"
    keys = f"/accounts/{account.id}/keys"
    assert alice.post(keys, {"domain": "example.com", "selector": "blaster", "kind": "rsa"}).location == url
    (key,) = signing.list_keys(alice.user_id)
    page = alice.get(url).text
    assert key.record in page and "blaster._domainkey.example.com" in page and "Not looked up" in page
    assert "PRIVATE" not in repr(everything()) and vault.decrypt(key.private_key) not in page
    alice.post(f"{keys}/{key.id}/look")
    assert "Not yet" in alice.get(url).text
    name_server.add("blaster._domainkey.example.com", "TXT", key.record)
    alice.post(url, {})
    page = alice.get(url).text
    assert "are signed with this key" in page and "The key of blaster has 2048 bits" in page
    name_server.zone.clear()
    alice.post(f"{keys}/{key.id}/look")
    assert "Not signing since" in alice.get(url).text
    assert "Your key blaster of example.com signs no more" in alice.get(f"/accounts/{account.id}/edit").text
    assert "A key signs no more" in alice.get(f"/servers/{server.id}").text
    for change, words in (("activate", "because you said so"), ("deactivate", "Not signing since")):
        alice.post(f"{keys}/{key.id}/{change}")
        assert words in alice.get(url).text
    alice.post(f"{keys}/{key.id}/delete")
    assert signing.list_keys(alice.user_id) == []


@only_sqlite
def test_the_page_says_what_is_wrong_with_a_key(alice):
    server = servers.add_server(alice.user_id, **SERVER)
    account = servers.add_account(alice.user_id, server.id, **ACCOUNT)
    for change, words in (
        ({"domain": "example.net"}, "does not send from this domain"),
        ({"kind": "own"}, "Paste the private key"),
        ({"kind": "own", "pem": "secret-canary"}, "no private key in PEM form"),
        ({"selector": "a b"}, "Use letters, digits and hyphens"),
    ):
        form = {"domain": "example.com", "selector": "s1", "kind": "ed25519"} | change
        answer = alice.post(f"/accounts/{account.id}/keys", form)
        assert answer.status_code == 422 and words in answer.text
    assert signing.list_keys(alice.user_id) == []

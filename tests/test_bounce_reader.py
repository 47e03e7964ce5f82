"""Bounce mailboxes read by a worker: from a conversation with a server to what is suppressed."""

import threading

import pytest

from blaster import bounces, db, mailboxes, oauth, suppressions
from blaster.db import crm_db
from blaster.errors import Invalid, NotFound
from blaster.mail.compile import Content, compile_message
from blaster.mail.tokens import token
from blaster.models.bounces import DomainPause, Mailbox
from blaster.models.crm_db import SmtpAccount
from blaster.queue import leases
from blaster.workers.bounce_reader import BounceReader
from blaster.workers.holds import Holds
from tests.mailservers import LOGIN, PASSWORD
from tests.queue_data import ALICE, BOB, running_campaign, server_with_account, statuses
from tests.test_bounces import MAILS, about, sent
from tests.work import wait_until, worker

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])


def mailbox(server, kind="imap", user_id=ALICE, **options) -> Mailbox:
    fields = {"kind": kind, "host": server.host, "port": server.port, "encryption": "none", "login": LOGIN}
    return mailboxes.add_mailbox(user_id, **{**fields, "password": PASSWORD, **options})


def read(settings, owner="here:1", every=0) -> Holds:
    """One look of a worker process into whatever is due."""
    holds = Holds(owner, 60_000)
    BounceReader(settings, holds, threading.Event(), every=every).work()
    return holds


def key(settings) -> bytes:
    return settings.secret_key.encode()


def state(box: Mailbox) -> Mailbox:
    return mailboxes.get_mailbox(box.user_id, box.id)


def suppressed() -> list[str]:
    return sorted(row.email for row in suppressions.search(ALICE))


def test_an_imap_mailbox_is_read_once_and_tidied(databases, settings, imap):
    first, second, _ = sent(n=3)
    imap.deliver(about(first, key=key(settings)), b"From: zoe@example.org\n\nHello", about(second, key=b"forged"))
    box = mailbox(imap)
    read(settings)
    assert suppressed() == [first.email]
    assert sorted(imap.folders["INBOX"]) == [2, 3]  # what people should look at stays, unseen
    assert [flags for _, flags in imap.folders["INBOX"].values()] == [set(), set()]
    assert len(imap.folders["Processed"]) == 1
    found = state(box)
    assert (found.mails, found.last_uid, found.validity, found.last_error) == (3, 3, 11, "")
    assert found.read_at > 0
    read(settings)
    assert state(box).mails == 3
    assert [each.mail_id for each in bounces.list_bounces(ALICE)] == [None, first.id]


def test_a_new_validity_means_new_numbers(databases, settings, imap):
    (mail,) = sent()
    box = mailbox(imap)
    imap.deliver(b"x", b"y")
    read(settings)
    imap.validity, imap.folders["INBOX"] = 12, {1: (about(mail, key=key(settings)), set())}
    read(settings)
    assert suppressed() == [mail.email]
    assert (state(box).last_uid, state(box).validity) == (1, 12)


@pytest.mark.parametrize("deletes", [True, False])
def test_a_pop3_mailbox_loses_only_what_its_owner_wants_to_lose(databases, settings, pop, deletes):
    (mail,) = sent()
    pop.deliver(about(mail, key=key(settings)), b"From: zoe@example.org\n\nHello")
    box = mailbox(pop, "pop3", deletes=deletes)
    read(settings)
    assert suppressed() == [mail.email]
    assert list(pop.mails) == (["u2"] if deletes else ["u1", "u2"])
    read(settings)
    assert state(box).mails == 2
    assert "DELE" in pop.asked if deletes else "DELE" not in pop.asked


def test_blocks_let_the_domain_rest(databases, settings, imap):
    imap.deliver(*(about(mail, "dsn_blocked", key=key(settings)) for mail in sent(n=3)))
    mailbox(imap)
    read(settings)
    with db.session(crm_db):
        (pause,) = DomainPause.select()
    assert (pause.user_id, pause.domain, pause.times) == (ALICE, "example.net", 1)
    assert suppressed() == []


def test_a_complaint_reaches_everybody(databases, settings, imap):
    (mail,) = sent()
    imap.deliver(about(mail, "arf_redacted", key=key(settings)))
    mailbox(imap)
    read(settings)
    assert [row.email for row in suppressions.search(suppressions.EVERYBODY)] == [mail.email]


def test_what_is_wrong_is_kept_in_words_and_goes_with_the_next_success(databases, settings, imap):
    box = mailbox(imap, password="wrong")
    read(settings)
    assert "did not accept login and password" in state(box).last_error
    assert state(box).read_at == 0
    fields = {"kind": "imap", "host": imap.host, "port": imap.port, "encryption": "none", "login": LOGIN}
    mailboxes.edit_mailbox(ALICE, box.id, **fields, password=PASSWORD)
    read(settings)
    assert state(box).last_error == ""
    assert state(box).read_at > 0


def test_one_process_at_a_time_and_not_more_often_than_agreed(databases, settings, imap):
    box = mailbox(imap)
    theirs = leases.take(f"mailbox:{box.id}", "elsewhere:1", 60_000)
    read(settings)
    assert imap.sign_ins == []
    leases.release(theirs)
    read(settings, every=60_000)
    read(settings, owner="here:2", every=60_000)
    assert len(imap.sign_ins) == 1
    with db.session(crm_db):
        assert leases.alive() == []


def test_what_is_switched_off_or_deleted_is_not_read(databases, settings, imap):
    box = mailbox(imap)
    mailboxes.set_active(ALICE, box.id, False)
    read(settings)
    assert imap.sign_ins == []
    mailboxes.set_active(ALICE, box.id, True)
    mailboxes.delete_mailbox(ALICE, box.id)
    read(settings)
    assert imap.sign_ins == []


def test_the_password_is_encrypted_and_kept_when_left_empty(databases, settings, imap):
    box = mailbox(imap)
    assert PASSWORD not in box.password
    fields = {"kind": "imap", "host": imap.host, "port": "", "encryption": "tls", "login": LOGIN, "folder": " "}
    mailboxes.edit_mailbox(ALICE, box.id, **fields)
    changed = state(box)
    assert oauth.sign_in(settings, changed) == (LOGIN, PASSWORD, "password")
    assert (changed.port, changed.folder) == (993, "INBOX")


def test_another_mailbox_is_read_from_its_beginning(databases, settings, imap):
    box = mailbox(imap)
    imap.deliver(b"x")
    read(settings)
    assert state(box).last_uid == 1
    fields = {"kind": "imap", "host": imap.host, "port": imap.port, "encryption": "none", "login": LOGIN}
    mailboxes.edit_mailbox(ALICE, box.id, **fields, folder="Bounces")
    assert state(box).last_uid == 0


def test_a_mailbox_belongs_to_its_user(databases, imap):
    box = mailbox(imap)
    for act in (mailboxes.get_mailbox, mailboxes.delete_mailbox, lambda *ids: mailboxes.set_active(*ids, False)):
        with pytest.raises(NotFound):
            act(BOB, box.id)
    assert mailboxes.list_mailboxes(BOB) == []
    assert state(box).is_active


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "exchange"),
        ("encryption", "maybe"),
        ("host", "imap example"),
        ("host", "https://imap.example.com"),
        ("port", "0"),
        ("port", "²"),
        ("login", " "),
        ("folder", "Mäil"),
        ("password", ""),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(databases, field, value):
    fields = {"kind": "imap", "host": "imap.example.com", "port": 993, "encryption": "tls", "login": LOGIN}
    with pytest.raises(Invalid) as refused:
        mailboxes.add_mailbox(ALICE, **{**fields, "password": PASSWORD, field: value})
    assert list(refused.value.errors) == [field]


def test_full_circle_from_the_mail_to_the_bounce_of_it(databases, settings, sink, imap):
    """A mail goes out with an address of its own to bounce to; nothing but that address tells which mail it was."""
    _, account = server_with_account(port=sink.port)
    with db.session(crm_db):
        SmtpAccount.update(bounce_address="bounces+{token}@example.com").execute()
    running_campaign(mails=2)
    with worker(databases):
        wait_until(lambda: statuses() == {"sent": 2})
    first, second = sink.records()
    assert first.mail_from != second.mail_from
    assert account.email not in (first.mail_from, second.mail_from)
    raw = (MAILS / "text_two.eml").read_bytes().replace(b"zoe@example.net", first.recipient.encode())
    imap.deliver(raw.replace(b"To: bounces@news.example.com", f"To: {first.mail_from}".encode()))
    mailbox(imap)
    read(settings)
    assert suppressed() == [first.recipient]


def test_every_mail_has_its_own_return_path_where_the_account_wants_it(databases):
    content = Content(7, ALICE, 1, "Hi", "", "news@example.com", "", "", "Hi")
    skeleton = compile_message(content, message_key=b"key")
    assert skeleton.return_path(5, "a@example.com") == "news@example.com"
    assert skeleton.return_path(5, "a@example.com", "b+{token}@example.com") == f"b+{token(5, 7, b'key')}@example.com"

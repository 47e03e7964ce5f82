"""Mailboxes over real conversations with small servers of our own: IMAP and POP3, with and without TLS."""

from contextlib import closing

import pytest

from blaster.mail.mailbox import Place, Trouble, open_mailbox
from tests.mailservers import LOGIN, PASSWORD, ImapServer, PopServer


def opened(server, kind: str = "imap", password: str = PASSWORD, by: str = "password", **options):
    options = {"encryption": "none", "timeout": 10} | options
    return open_mailbox(Place(kind, options.pop("host", server.host), server.port, **options), LOGIN, password, by)


def test_imap_gives_what_is_new_and_leaves_it_unseen(imap):
    imap.deliver(b"one", b"two", b"three")
    wire = opened(imap)
    assert (wire.mails, wire.validity) == (3, 11)
    assert list(wire.new(1)) == [(2, b"two"), (3, b"three")]
    assert list(wire.new(3)) == []
    wire.close()
    assert [flags for _, flags in imap.folders["INBOX"].values()] == [set(), set(), set()]


def test_imap_moves_what_is_done_with(imap):
    imap.deliver(b"one", b"two")
    wire = opened(imap)
    wire.done(1)
    wire.close()
    assert list(imap.folders["INBOX"]) == [2]
    assert [(raw, flags) for raw, flags in imap.folders["Processed"].values()] == [(b"one", {r"\Seen"})]


@pytest.mark.parametrize(
    ("capabilities", "left", "folder"),
    [
        ("IMAP4rev1 UIDPLUS", [2], "Processed"),
        ("IMAP4rev1 MOVE BELOW", [2], "INBOX.Processed"),
        ("IMAP4rev1", [1, 2], None),  # EXPUNGE alone would delete what others have marked
    ],
)
def test_imap_takes_the_way_that_the_server_knows(capabilities, left, folder):
    with ImapServer(capabilities=capabilities) as server:
        server.deliver(b"one", b"two")
        wire = opened(server)
        wire.done(1)
        wire.close()
        assert list(server.folders["INBOX"]) == left
        assert list(server.folders) == ["INBOX", *([folder] if folder else [])]
        if folder is None:
            assert server.folders["INBOX"][1][1] == {r"\Seen"}


def test_imap_reads_the_first_half_megabyte(imap):
    imap.deliver(b"x" * 1_000_000)
    with closing(opened(imap)) as wire:
        ((_, raw),) = wire.new(0)
    assert len(raw) == 512 * 1024


def test_imap_does_not_take_what_a_server_pushes(imap):
    imap.deliver(b"x")
    imap.announce = 10_000_000_000
    with closing(opened(imap)) as wire, pytest.raises(Trouble, match="broke off"):
        list(wire.new(0))


def test_pop_gives_what_is_not_known(pop):
    pop.deliver(b"one\n.dot", b"two")
    wire = opened(pop, "pop3")
    assert list(wire.new(0, {"u2"})) == [("u1", b"one\r\n.dot")]
    wire.close()
    assert list(pop.mails) == ["u1", "u2"]


def test_pop_deletes_only_what_it_was_told_to_and_only_at_the_end(pop):
    pop.deliver(b"one", b"two")
    wire = opened(pop, "pop3")
    assert [uidl for uidl, _ in wire.new(0)] == ["u1", "u2"]
    wire.done("u1")
    assert list(pop.mails) == ["u1", "u2"]
    wire.close()
    assert list(pop.mails) == ["u2"]


def test_pop_asks_for_the_beginning_of_a_large_mail_and_stands_long_lines(pop):
    pop.deliver(b"y" * 50_000 + b"\n" + b"line\n" * 1_000_000)
    with closing(opened(pop, "pop3")) as wire:
        ((_, raw),) = wire.new(0)
    assert raw.startswith(b"y" * 50_000)
    assert "TOP" in pop.asked and "RETR" not in pop.asked


@pytest.mark.parametrize("kind", ["imap", "pop3"])
@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_tls_from_the_start_or_by_command(kind, encryption, tls_context, certificate):
    with (ImapServer if kind == "imap" else PopServer)(tls_context, implicit=encryption == "tls") as server:
        server.deliver(b"one")
        wire = opened(server, kind, encryption=encryption, ca_file=str(certificate), host="localhost")
        assert [raw for _, raw in wire.new(0)] == [b"one"]
        wire.close()
        with pytest.raises(Trouble, match="certificate"):
            opened(server, kind, encryption=encryption)
    assert len(server.sign_ins) == 1


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_no_password_goes_out_in_the_clear_where_encryption_was_asked_for(kind, imap, pop):
    server = imap if kind == "imap" else pop
    with pytest.raises(Trouble, match="does not offer STARTTLS"):
        opened(server, kind, encryption="starttls")
    assert server.sign_ins == []


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_a_wrong_password_is_said_without_repeating_it(kind, imap, pop):
    with pytest.raises(Trouble) as trouble:
        opened(imap if kind == "imap" else pop, kind, password="wrong-one")
    assert "did not accept login and password" in str(trouble.value)
    assert "wrong-one" not in str(trouble.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folder": "Nowhere"}, "no folder “Nowhere”"),
        ({"host": "nowhere.invalid"}, "was not found"),
        ({"encryption": "tls"}, "No encrypted connection"),
        ({"password": "pässwort"}, "plain ASCII"),
    ],
)
def test_what_is_wrong_is_said_in_words(imap, options, words):
    with pytest.raises(Trouble, match=words):
        opened(imap, **options)


@pytest.mark.parametrize("kind", ["imap", "pop3"])
@pytest.mark.parametrize("encryption", ["none", "starttls"])
def test_it_signs_in_with_a_token(kind, encryption, tls_context, certificate):
    token = "ya29." + "x" * 2_000  # longer than any command of POP3 may be
    with (ImapServer if kind == "imap" else PopServer)(tls_context) as server:
        server.tokens = {token}
        server.deliver(b"one")
        options = {"encryption": encryption, "ca_file": str(certificate), "host": "localhost"}
        with closing(opened(server, kind, password=token, by="xoauth2", **options)) as wire:
            assert [raw for _, raw in wire.new(0)] == [b"one"]
        with pytest.raises(Trouble, match="sign in again") as trouble:
            opened(server, kind, password="token-canary", by="xoauth2", **options)
    assert "canary" not in str(trouble.value)
    assert server.sign_ins == [(LOGIN, token), (LOGIN, "token-canary")]


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_no_token_is_sent_where_xoauth2_is_not_offered(kind, imap, pop):
    server = imap if kind == "imap" else pop
    with pytest.raises(Trouble, match="no way of signing in by consent"):
        opened(server, kind, password="token", by="xoauth2")
    assert server.sign_ins == []


def test_a_server_of_another_kind_is_recognised(pop, sink):
    with pytest.raises(Trouble, match="does not speak IMAP"):
        opened(sink)
    with pytest.raises(Trouble, match="does not speak POP3|login and password"):
        opened(sink, "pop3")


def test_a_closed_port_is_said(imap):
    with ImapServer() as server:
        pass
    with pytest.raises(Trouble, match="does not accept the connection"):
        opened(server)


def test_a_connection_may_be_cut_from_outside(imap):
    imap.deliver(b"one")
    wire = opened(imap)
    wire.abort()
    with pytest.raises(Trouble):
        list(wire.new(0))
    wire.close()

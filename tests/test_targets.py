"""Users say where this host connects to. It connects to nothing inside, unless the administrator allows it."""

import socket

import pytest

from blaster import config, mailboxes, servers
from blaster.config import ConfigError
from blaster.errors import Invalid
from blaster.mail import dial, probe, targets
from blaster.mail.mailbox import open_mailbox
from blaster.mail.mailbox_wire import Place, Trouble
from blaster.mail.transport import Endpoint, Refused, open_session

INSIDE = """127.0.0.1 127.8.9.10 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.1.1
169.254.169.254 192.88.99.1 100.64.0.1 100.127.255.255 100.100.100.200 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1
203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1
fec0::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe ::127.0.0.1 2002:7f00:1:: 2002:c0a8:101::1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2001:0:4136:e378:8000:63bf:3fff:fdd2""".split()
OUTSIDE = """1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.167.255.255
169.253.255.255 223.255.255.254 2606:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::808:808""".split()


def allow(**values: str) -> None:
    env = {f"BLASTER_{name.upper()}": text for name, text in values.items()}
    targets.use(config.load({"BLASTER_SECRET_KEY": "-", "BLASTER_VAULT_KEYS": "-", **env}))


@pytest.mark.parametrize("address", INSIDE)
def test_nothing_inside_is_a_target(address):
    allow()
    assert not targets.is_allowed(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_internet_is(address):
    allow()
    assert targets.is_allowed(address)


def test_the_administrator_allows_networks():
    allow(private_targets="10.0.0.0/8, 192.168.1.25 fd00::/8")
    inside = {address for address in [*INSIDE, "192.168.1.25", "::ffff:10.9.9.9"] if targets.is_allowed(address)}
    assert inside == {"10.0.0.1", "192.168.1.25", "::ffff:10.0.0.1", "::ffff:10.9.9.9"}


def test_addresses_of_credentials_are_named_one_by_one():
    allow(private_targets="0.0.0.0/0 ::/0")
    assert targets.is_allowed("10.0.0.1") and not targets.is_allowed("169.254.169.254")
    allow(private_targets="169.254.169.254")
    assert targets.is_allowed("::ffff:169.254.169.254")


@pytest.mark.parametrize(
    ("name", "value"),
    [("private_targets", "10.0.0.1/8"), ("private_targets", "lan"), ("smtp_ports", "25 smtp"), ("smtp_ports", "9-1")],
)
def test_settings_that_cannot_be_read_are_named(name, value):
    with pytest.raises(ConfigError, match=f"BLASTER_{name.upper()}"):
        allow(**{name: value})


@pytest.fixture
def listener():
    """A service inside that must never hear from us."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def assert_untouched(listener: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "::ffff:127.0.0.1"])
def test_no_spelling_leads_inside(listener, host):
    port = listener.getsockname()[1]
    allow(smtp_ports="1-65535", mailbox_ports="1-65535", webhook_ports="1-65535")
    with pytest.raises(Refused) as caught:
        open_session(Endpoint(host, port, "none"))
    assert caught.value.problem == "forbidden"
    verdict = probe.test_connection(Endpoint(host, port, "none"))
    assert "BLASTER_PRIVATE_TARGETS" in verdict.message and not verdict.ok
    for kind, encryption in (("imap", "tls"), ("imap", "none"), ("pop3", "tls"), ("pop3", "starttls")):
        with pytest.raises(Trouble, match="BLASTER_PRIVATE_TARGETS"):
            open_mailbox(Place(kind, host, port, encryption), "login", "password")
    with pytest.raises(targets.Forbidden):
        dial.connect(targets.WEBHOOK, host, port, 5)
    assert_untouched(listener)


def test_ports_of_other_services_are_closed(listener):
    port = listener.getsockname()[1]
    allow(private_targets="127.0.0.1")
    for kind, setting in (("smtp", "SMTP"), ("mailbox", "MAILBOX"), ("webhook", "WEBHOOK")):
        with pytest.raises(targets.Forbidden, match=f"Port {port} .* BLASTER_{setting}_PORTS"):
            dial.connect(kind, "127.0.0.1", port, 5)
    verdict = probe.test_connection(Endpoint("127.0.0.1", port, "none"))
    assert (verdict.problem, "BLASTER_SMTP_PORTS" in verdict.message) == ("forbidden", True)
    assert_untouched(listener)


def answers(*addresses: str):
    """A name server that gives these answers, one at each question, the last one for ever."""
    left = list(addresses)

    def getaddrinfo(host, port, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (left.pop(0) if left[1:] else left[0], port))]

    return getaddrinfo


@pytest.mark.parametrize("kind", [targets.SMTP, targets.MAILBOX, targets.WEBHOOK])
def test_a_name_is_judged_at_each_connection_and_looked_up_once(listener, monkeypatch, kind):
    """A name that turns from outside to inside: between two connections, and between the look and the connection."""
    port = listener.getsockname()[1]
    allow(**{f"{kind}_ports": "1-65535"})
    asked, reached = answers("8.8.8.8", "127.0.0.1"), []
    monkeypatch.setattr(socket, "getaddrinfo", asked)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: reached.append(address[0]))

    def attempt():
        if kind == targets.SMTP:
            open_session(Endpoint("rebind.example.com", port, "none", timeout=0.2))
        else:
            dial.connect(kind, "rebind.example.com", port, 0.2).close()

    for _ in range(2):
        try:
            attempt()
        except (Refused, OSError):
            pass
    assert reached == ["8.8.8.8"]
    assert_untouched(listener)


def test_of_several_addresses_those_inside_are_passed_over(monkeypatch):
    allow(webhook_ports="443")
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("10.0.0.1", "8.8.8.8")]
    assert targets.permitted(targets.WEBHOOK, "x", 443, found) == found[1:]


def test_forms_say_it_before_anything_is_tried():
    allow()
    where = {"encryption": "tls", "host": "10.0.0.25"}
    with pytest.raises(Invalid) as server:
        servers.add_server(1, port=6379, **where)
    with pytest.raises(Invalid) as mailbox:
        mailboxes.add_mailbox(1, kind="imap", port=22, login="x", password="x", **where)
    for refused, setting in ((server.value, "BLASTER_SMTP_PORTS"), (mailbox.value, "BLASTER_MAILBOX_PORTS")):
        assert setting in refused.errors["port"]
        assert "BLASTER_PRIVATE_TARGETS" in refused.errors["host"]

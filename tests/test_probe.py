"""What "Test connection" says, against real servers."""

import socket

import pytest

from blaster.demo.faults import Rule
from blaster.mail import probe
from blaster.mail.transport import Credentials, Endpoint
from tests.scripted import ScriptedServer

CREDENTIALS = Credentials("anna@example.com", "secret-password")


def verdict(server, credentials=CREDENTIALS, **options):
    endpoint = Endpoint(server.host, server.port, **{"encryption": "none", "timeout": 5, **options})
    answer = probe.test_connection(endpoint, credentials)
    assert answer.ok == (answer.problem == "") and CREDENTIALS.password not in answer.message
    return answer


def test_it_says_when_all_is_well(sink, tls_sink, implicit_tls_sink, certificate):
    assert verdict(sink).message == (
        f"Connected to {sink.host}, port {sink.port} without encryption and signed in as anna@example.com."
    )
    assert verdict(tls_sink, encryption="starttls", ca_file=str(certificate)).message.count("with STARTTLS") == 1
    assert verdict(implicit_tls_sink, encryption="tls", ca_file=str(certificate)).message.count("with TLS") == 1
    assert "no login was tried" in verdict(sink, None).message
    assert sink.records() == []


def test_a_name_that_is_not_found():
    answer = probe.test_connection(Endpoint("mail.no-such-name.invalid", 587))
    assert (answer.problem, "mail.no-such-name.invalid was not found" in answer.message) == ("name", True)


def test_a_port_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = probe.test_connection(Endpoint("127.0.0.1", port))
    assert answer.problem == "refused" and f"port {port} does not accept the connection" in answer.message


def test_a_server_that_turns_us_away(sink):
    sink.play(Rule("banner", reply="554 5.7.1 secret internal banner"))
    answer = verdict(sink)
    assert answer.problem == "refused" and "code 554" in answer.message and "internal" not in answer.message


@pytest.mark.parametrize(("port", "hint"), [(465, "choose TLS"), (587, "firewall")])
def test_a_server_that_says_nothing(port, hint):
    with ScriptedServer(lambda talk: talk.rest()) as server:
        answer = verdict(server, timeout=0.3)
    assert answer.problem == "timeout" and "firewall" in answer.message
    assert hint in probe.SENTENCES["timeout"](Endpoint("mail.example.com", port, "none"), None)


def test_a_server_without_starttls(sink):
    answer = verdict(sink, encryption="starttls")
    assert answer.problem == "tls" and "does not offer STARTTLS, so the password was not sent" in answer.message


def test_tls_on_a_port_that_speaks_clear_text(sink):
    answer = verdict(sink, encryption="tls")
    assert answer.problem == "tls" and "587 with STARTTLS, 465 with TLS" in answer.message


def test_a_certificate_that_nobody_vouches_for(tls_sink):
    answer = verdict(tls_sink, encryption="starttls")
    assert answer.problem == "certificate" and "(self-signed certificate)" in answer.message
    assert "BLASTER_TLS_CA_FILE" in answer.message


@pytest.mark.parametrize(
    ("reply", "words"),
    [("535 5.7.8 Wrong", "did not accept login and password: 535 5.7.8 Wrong"), ("454 4.7.0 Later", "just now")],
)
def test_a_password_that_is_not_accepted(sink, reply, words):
    sink.play(Rule("auth", reply=reply))
    answer = verdict(sink)
    assert answer.problem == "auth" and words in answer.message


def test_a_server_without_sign_in(sink):
    sink.play(auth=False)
    answer = verdict(sink)
    assert answer.problem == "auth" and "offers no sign-in" in answer.message


def test_a_server_that_is_no_smtp_server():
    with ScriptedServer(lambda talk: talk.say(b"HTTP/1.1 400 Bad Request")) as server:
        answer = verdict(server)
    assert answer.problem == "protocol" and "not as an SMTP server does" in answer.message

"""The SMTP session, in real conversations: with the demo's sink, and with scripted servers for exact octets."""

import random
import socket
import ssl
import sys

import pytest

from blaster.demo.faults import Rule
from blaster.mail import session as session_module
from blaster.mail.transport import Credentials, Endpoint, Mail, Refused, Reply, open_session
from tests.scripted import EHLO, ScriptedServer
from tests.sinks import SinkThread

CREDENTIALS = Credentials("anna@example.com", "pässwörd: %s")


def mails(count, *, size=0, recipient="bo{}@example.org"):
    for number in range(1, count + 1):
        data = f"Message-ID: <{number}.7.x@example.com>\r\nSubject: {number}\r\n\r\nHello\r\n{'x' * 60}\r\n".encode()
        yield Mail(number, "news@example.com", recipient.format(number), data + b"y" * size)


sessions = []


@pytest.fixture(autouse=True)
def no_session_is_left_open():
    yield
    while sessions:
        sessions.pop()._drop()


def connect(server, credentials=CREDENTIALS, **options):
    endpoint = Endpoint(server.host, server.port, **{"encryption": "none", "timeout": 5, **options})
    sessions.append(open_session(endpoint, credentials))
    return sessions[-1]


def deliver(session, batch, before_dot=lambda mail: None):
    return [(mail.id, reply) for mail, reply in session.deliver(batch, before_dot)]


def outcomes(results):
    return [(number, reply.phase, reply.code) for number, reply in results]


def sent(numbers):
    return [(number, "dot", 250) for number in numbers]


pipelining = pytest.mark.parametrize("pipelining", [True, False])


# Delivery


@pipelining
def test_mails_arrive_in_order_with_one_reply_each(sink, pipelining):
    sink.play(pipelining=pipelining)
    session = connect(sink)
    assert outcomes(deliver(session, mails(5))) == sent(range(1, 6))
    assert outcomes(deliver(session, mails(2))) == sent([1, 2])
    assert session.sent == 7 and not session.closed
    session.close()
    assert session.closed
    assert [record.message_id.split(".")[0] for record in sink.records()] == ["<1", "<2", "<3", "<4", "<5", "<1", "<2"]
    assert {record.login for record in sink.records()} == {CREDENTIALS.login}


@pipelining
@pytest.mark.parametrize("size", [0, 200_000])
def test_octets_arrive_as_they_were(sink, pipelining, size):
    sink.play(pipelining=pipelining)
    text = b".\r\n..two\r\n.x\r\n.\r\n" + b"z" * size
    session = connect(sink)
    batch = [Mail(1, "a@example.com", "b@example.org", b"Subject: x\r\n\r\n" + text)]
    batch.append(Mail(2, "a@example.com", "b@example.org", b".Subject: y"))
    assert outcomes(deliver(session, batch)) == sent([1, 2])
    first, second = sink.raw_messages()
    assert first.replace(b"\r\n..", b"\r\n.") == batch[0].data + (b"\r\n" if size else b"")
    assert second == b"..Subject: y\r\n"


@pipelining
def test_refusals_at_every_stage_stay_with_their_mail(sink, pipelining):
    codes = {"rcpt": 550, "data": 451, "dot": 554}
    rules = [Rule(stage, reply=f"{code} 5.1.1 no", recipient=f"{stage}*") for stage, code in codes.items()]
    sink.play(*rules, pipelining=pipelining)
    chance = random.Random(4)
    fates = [chance.choice(["ok", "ok", "rcpt", "data", "dot"]) for _ in range(200)]
    batch = [
        Mail(i, "a@example.com", f"{fate}{i}@example.org", b"Subject: %d\r\n\r\nx\r\n" % i)
        for i, fate in enumerate(fates)
    ]
    dots = []
    results = deliver(connect(sink), batch, lambda mail: dots.append(mail.id))
    expected = [(i, "dot", 250) if fate == "ok" else (i, fate, codes[fate]) for i, fate in enumerate(fates)]
    assert outcomes(results) == expected
    assert dots == [i for i, fate in enumerate(fates) if fate in ("ok", "dot")]
    assert [record.subject for record in sink.records()] == [str(i) for i, fate in enumerate(fates) if fate == "ok"]


@pipelining
def test_a_refused_sender_stops_nobody_else(sink, pipelining):
    sink.play(Rule("mail", reply="450 4.7.1 slowly", skip=1, times=1), pipelining=pipelining)
    assert outcomes(deliver(connect(sink), mails(3))) == [(1, "dot", 250), (2, "mail", 450), (3, "dot", 250)]


def test_the_next_envelope_goes_out_behind_the_final_dot():
    def script(talk):
        talk.greet()
        talk.envelope()
        talk.message()
        talk.until(b"DATA\r\n")  # would wait for ever if the client waited for the reply to the dot
        talk.say(b"250 taken", b"250 sender", b"250 recipient", b"354 go on")
        talk.message()
        talk.say(b"250 taken")
        talk.line()
        talk.say(b"221 bye")

    with ScriptedServer(script) as server:
        session = connect(server, None)
        assert outcomes(deliver(session, mails(2))) == sent([1, 2])
        session.close()


# Before the dot


@pipelining
@pytest.mark.parametrize("size", [0, 200_000])
def test_no_final_dot_leaves_before_it_was_noted(sink, pipelining, size):
    sink.play(pipelining=pipelining)
    session = connect(sink)

    def note(mail):
        assert len(sink.records()) == mail.id - 1

    assert outcomes(deliver(session, mails(4, size=size), note)) == sent(range(1, 5))


@pytest.mark.parametrize("size", [0, 90_000])
def test_a_dot_that_cannot_be_noted_is_never_sent(size):
    with ScriptedServer(take_all) as server:
        session = connect(server, None)

        def note(mail):
            if mail.id == 2:
                raise OSError("no space left on device")

        replies = []
        taken = []
        with pytest.raises(OSError, match="no space left"):
            for mail, reply in session.deliver((taken.append(m.id) or m for m in mails(9, size=size)), note):
                replies.append((mail.id, reply.code))
        assert session.closed and replies == [(1, 250)] and taken == [1, 2, 3]
    assert server.talks[0].received.count(b"\r\n.\r\n") == 1


def take_all(talk):
    """Accept every mail, however it comes in."""
    talk.greet()
    talk.envelope()
    while True:
        talk.message()
        talk.say(b"250 taken")
        talk.envelope()


def test_an_iterable_that_fails_sends_no_dot_either():
    def batch():
        yield from mails(1)
        raise ValueError("broken")

    with ScriptedServer(take_all) as server:
        session = connect(server, None)
        with pytest.raises(ValueError, match="broken"):
            deliver(session, batch())
        assert session.closed
    assert b"\r\n.\r\n" not in server.talks[0].received


def test_leaving_early_drops_the_connection(sink):
    session = connect(sink)
    for _ in session.deliver(mails(3), lambda mail: None):
        break
    assert session.closed


# Lost connections


@pipelining
@pytest.mark.parametrize(
    ("stage", "action", "expected", "arrived"),
    [
        ("mail", "drop", ("mail", 0), 1),
        ("rcpt", "drop", ("rcpt", 0), 1),
        ("data", "drop", ("data", 0), 1),
        ("dot", "drop", ("dot", 0), 1),
        ("dot", "swallow", ("dot", 0), 2),
    ],
)
def test_a_lost_connection_is_told_by_phase_and_ends_the_iteration(sink, pipelining, stage, action, expected, arrived):
    sink.play(Rule(stage, action, skip=1), pipelining=pipelining)
    session = connect(sink)
    taken, dots = [], []
    batch = (taken.append(mail.id) or mail for mail in mails(9))
    results = outcomes(deliver(session, batch, lambda mail: dots.append(mail.id)))
    assert results[:2] == [(1, "dot", 250), (2, *expected)]
    assert results[2:] == ([(3, "mail", 0)] if stage == "dot" else [])
    assert taken == [number for number, *_ in results], "every mail that was taken has its reply"
    assert session.closed and len(sink.records()) == arrived
    assert dots == ([1, 2] if stage == "dot" else [1])


def test_a_connection_lost_in_the_middle_of_a_large_message_is_safe_to_send_again():
    def script(talk):
        talk.greet()
        talk.envelope()
        talk.octets(1000)

    with ScriptedServer(script) as server:
        dots = []
        session = connect(server, None)
        batch = [Mail(1, "a@example.com", "b@example.org", b"x" * 30_000_000)]
        session._size_limit = 0
        assert outcomes(deliver(session, batch, lambda mail: dots.append(mail.id))) == [(1, "body", 0)]
        assert session.closed and dots == []


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_421_closes_the_session(sink, stage):
    sink.play(Rule(stage, reply="421 4.3.2 shutting down", skip=1))
    session = connect(sink)
    results = outcomes(deliver(session, mails(9)))
    assert results[1] == (2, stage, 421) and session.closed
    assert results[2:] == ([(3, "mail", 0)] if stage == "dot" else [])


@pytest.mark.parametrize(
    "garbage", ["!!\r\n", "25 short\r\n", "\x00\x00\r\n", "2500 long\r\n", "\n", "HTTP/1.1 400\r\n"]
)
def test_garbage_closes_the_session(sink, garbage):
    sink.play(Rule("dot", "garbage", garbage, skip=1))
    session = connect(sink)
    assert outcomes(deliver(session, mails(9))) == [(1, "dot", 250), (2, "dot", -1), (3, "mail", 0)]
    assert session.closed
    sink.play(Rule("rcpt", "garbage", garbage))
    session = connect(sink)
    assert outcomes(deliver(session, mails(9))) == [(1, "rcpt", -1)] and session.closed


@pytest.mark.parametrize("code", [b"354", b"150", b"999"])
def test_an_answer_to_the_dot_that_is_none_leaves_the_mail_in_doubt(code):
    def script(talk):
        talk.greet()
        talk.envelope()
        talk.message()
        talk.say(code + b" well")

    with ScriptedServer(script) as server:
        session = connect(server, None)
        assert outcomes(deliver(session, mails(1))) == [(1, "dot", int(code))] and session.closed


def test_a_reply_that_drips_does_not_hold_us_for_ever(sink):
    sink.play(Rule("rcpt", "drip", seconds=0.2))
    session = connect(sink, timeout=0.7)
    ((number, reply),) = deliver(session, mails(9))
    assert (number, reply) == (1, Reply("rcpt", 0, "no answer in time")) and session.closed


def test_silence_after_the_dot_is_doubt(sink):
    sink.play(Rule("dot", "delay", seconds=3))
    session = connect(sink, dot_timeout=0.3)
    assert outcomes(deliver(session, mails(9))) == [(1, "dot", 0), (2, "mail", 0)]


def test_a_kept_connection_that_died_takes_no_mail(sink, monkeypatch):
    session = connect(sink)
    assert outcomes(deliver(session, mails(1))) == sent([1])
    monkeypatch.setattr(session_module, "IDLE_CHECK", -1)
    assert outcomes(deliver(session, mails(1))) == sent([1])
    sink.play(Rule("mail", "drop"))
    deliver(session, mails(1))
    assert session.closed
    assert deliver(session, mails(1)) == []


def test_an_idle_connection_that_the_server_closed_takes_no_mail(monkeypatch):
    def script(talk):
        talk.greet()
        talk.envelope()
        talk.message()
        talk.say(b"250 taken", b"421 4.4.2 idle for too long")
        talk.hang_up()

    monkeypatch.setattr(session_module, "IDLE_CHECK", -1)
    with ScriptedServer(script) as server:
        session = connect(server, None)
        session.idle_since += 60
        assert outcomes(deliver(session, mails(1))) == sent([1])
        session.idle_since -= 60
        taken = []
        assert deliver(session, (taken.append(mail) or mail for mail in mails(3))) == []
        assert session.closed and taken == []


def test_the_last_words_of_a_server_that_hangs_up_are_heard():
    def script(talk):
        talk.greet()
        talk.envelope()
        talk.octets(100_000)
        talk.say(b"552 5.3.4 too much")
        talk.end()

    with ScriptedServer(script) as server:
        session = connect(server, None)
        session._size_limit = 0
        batch = [Mail(1, "a@example.com", "b@example.org", b"x" * 30_000_000)]
        ((_, reply),) = deliver(session, batch)
        assert (reply.phase, reply.code, session.closed) == ("body", 552, True)


# In step


def test_a_reply_nobody_asked_for_stops_the_message():
    def script(talk):
        talk.greet()
        talk.until(b"DATA\r\n")
        talk.say(b"250 sender", b"250 recipient", b"354 go on", b"250 taken")
        talk.rest()

    with ScriptedServer(script) as server:
        session = connect(server, None)
        assert outcomes(deliver(session, mails(2)))[0] == (1, "data", -1)
        assert session.closed
    assert b"Subject" not in server.talks[0].received


def test_data_accepted_without_a_recipient_is_ended_with_a_lone_dot():
    def script(talk):
        talk.greet()
        talk.until(b"DATA\r\n")
        talk.say(b"250 sender", b"550 5.1.1 no recipient", b"354 go on")
        assert talk.line() == b".\r\n"
        talk.say(b"554 no recipients")
        assert talk.line() == b"RSET\r\n"
        talk.until(b"DATA\r\n")
        talk.say(b"250 reset", b"250 sender", b"250 recipient", b"354 go on")
        talk.message()
        talk.say(b"250 taken")

    with ScriptedServer(script) as server:
        assert outcomes(deliver(connect(server, None), mails(2))) == [(1, "rcpt", 550), (2, "dot", 250)]


def test_data_accepted_without_a_sender_ends_the_connection_without_a_dot():
    def script(talk):
        talk.greet()
        talk.until(b"DATA\r\n")
        talk.say(b"550 no sender", b"250 recipient", b"354 go on")
        assert talk.rest() == b""

    with ScriptedServer(script) as server:
        session = connect(server, None)
        assert outcomes(deliver(session, mails(2))) == [(1, "mail", 550)] and session.closed


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"550-5.1.1 The account\r\n550-5.1.1 does not\r\n550 5.1.1 exist", "5.1.1 The account does not exist"),
        (b"550 5.1.1 " + b"x" * 100_000, "5.1.1 " + "x" * 994),
        (b"550 a\x00b\x1b[31mc\xff", "a b [31mc\ufffd"),
        (b"550", ""),
        (b"550-one\n550 two", "one two"),
    ],
)
def test_texts_of_replies(raw, text):
    def script(talk):
        talk.greet()
        talk.until(b"DATA\r\n")
        talk.say(b"250 sender", raw, b"503 no recipient")
        talk.rest()

    with ScriptedServer(script) as server:
        ((_, reply),) = deliver(connect(server, None), mails(1))
        assert reply == Reply("rcpt", 550, text)


def test_a_line_without_an_end_is_not_collected_for_ever():
    def script(talk):
        talk.greet()
        for _ in range(100):
            talk.send(b"x" * 100_000)

    with ScriptedServer(script) as server:
        session = connect(server, None)
        ((_, reply),) = deliver(session, mails(1))
        assert (reply.phase, reply.code, session.closed) == ("mail", 0, True)


# What the server cannot take


@pytest.mark.parametrize(
    ("changes", "reply"),
    [
        ({"data": b"x" * 100_001}, ("mail", 552)),
        ({"recipient": "bo@example.org>\r\nRCPT TO:<evil@example.org"}, ("rcpt", 553)),
        ({"recipient": "bo example.org"}, ("rcpt", 553)),
        ({"sender": "a@example.com\nRSET"}, ("mail", 553)),
        ({"recipient": "jörg@example.org"}, ("rcpt", 553)),
        ({"recipient": "bo@" + "ü" * 80 + ".example"}, ("rcpt", 553)),
    ],
)
def test_what_cannot_be_sent_is_refused_without_asking(changes, reply):
    fields = {"id": 2, "sender": "a@example.com", "recipient": "bo@example.org", "data": b"Subject: x\r\n\r\n"}
    with ScriptedServer(take_all) as server:
        session = connect(server, None)
        first, last = mails(2)
        results = outcomes(deliver(session, [first, Mail(**{**fields, **changes}), last]))
        assert results == [(1, "dot", 250), (2, *reply), (2, "dot", 250)]
        session._drop()
    assert server.talks[0].received.count(b"MAIL FROM") == 2 and b"evil" not in server.talks[0].received


def test_envelopes_say_what_the_server_must_know():
    def script(talk):
        talk.greet(b"250-scripted\r\n250-SIZE\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n")
        lines.extend(talk.until(b"DATA\r\n").splitlines())
        talk.say(b"550 no", b"503 no", b"503 no")
        talk.until(b"DATA\r\n")

    lines: list[bytes] = []
    with ScriptedServer(script) as server:
        deliver(connect(server, None), [Mail(1, "", "jörg@bücher.example", "ü".encode())])
    assert lines[0] == b"MAIL FROM:<> SIZE=2 SMTPUTF8 BODY=8BITMIME"
    assert lines[1] == "RCPT TO:<jörg@xn--bcher-kva.example>".encode()


def test_a_domain_beyond_ascii_needs_no_extension(sink):
    assert outcomes(deliver(connect(sink), mails(1, recipient="bo{}@bücher.example"))) == sent([1])
    assert sink.records()[0].recipient == "bo1@xn--bcher-kva.example"


# Opening


def refused(server, credentials=CREDENTIALS, **options) -> Refused:
    with pytest.raises(Refused) as caught:
        connect(server, credentials, **options)
    for secret in (CREDENTIALS.password, "cMOkc3N3w7Zy", repr(CREDENTIALS.password)):
        assert secret not in str(caught.value) and secret not in repr(caught.value.reply)
    return caught.value


def test_credentials_do_not_show_their_password():
    assert CREDENTIALS.password not in repr(CREDENTIALS) and CREDENTIALS.login in repr(CREDENTIALS)


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_tls(request, certificate, encryption):
    sink = request.getfixturevalue("tls_sink" if encryption == "starttls" else "implicit_tls_sink")
    session = connect(sink, encryption=encryption, ca_file=str(certificate))
    assert isinstance(session._wire._socket, ssl.SSLSocket)
    assert outcomes(deliver(session, mails(3, size=100_000))) == sent([1, 2, 3])
    session.close()


@pytest.mark.parametrize(
    ("encryption", "port", "starttls", "implicit"),
    [
        ("none", 25, False, False),
        ("starttls", 465, True, False),
        ("tls", 465, False, True),
        ("tls", 587, True, False),
        ("tls", 25, True, False),
        ("tls", 2525, True, False),
    ],
)
def test_tls_on_a_submission_port_means_starttls(encryption, port, starttls, implicit):
    endpoint = Endpoint("mail.example.com", port, encryption)
    assert (endpoint.starttls, endpoint.implicit_tls) == (starttls, implicit)


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_certificate_nobody_vouches_for_is_refused(request, encryption):
    sink = request.getfixturevalue("tls_sink" if encryption == "starttls" else "implicit_tls_sink")
    error = refused(sink, encryption=encryption)
    assert (error.problem, error.reply.phase) == ("certificate", "tls") and "self-signed" in error.reply.text


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.1 is the only loopback address")
def test_a_certificate_for_another_name_is_refused(tmp_path, certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with SinkThread(tmp_path / "other-name", tls=context, host="127.0.0.2") as server:
        error = refused(server, encryption="starttls", ca_file=str(certificate))
    assert error.problem == "certificate" and "127.0.0.2" in error.reply.text


def test_stripped_starttls_is_refused_and_nothing_secret_is_sent(sink):
    sink.play()
    error = refused(sink, encryption="starttls")
    assert (error.problem, error.reply.phase, error.reply.code) == ("tls", "tls", 554)


def test_the_password_never_leaves_in_clear_when_starttls_fails():
    def script(talk):
        talk.greet(b"250-scripted\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
        talk.line()
        talk.say(b"454 4.7.0 TLS not available")
        talk.rest()

    with ScriptedServer(script) as server:
        assert refused(server, encryption="starttls").problem == "tls"
    assert b"AUTH" not in server.talks[0].received


def test_what_was_slipped_in_before_the_encryption_is_not_believed():
    def script(talk):
        talk.greet(b"250-scripted\r\n250 STARTTLS\r\n")
        talk.line()
        talk.say(b"220 go on", b"250 AUTH PLAIN")
        talk.rest()

    with ScriptedServer(script) as server:
        assert refused(server, encryption="starttls").problem == "tls"


@pytest.mark.parametrize("offered", [b"PLAIN LOGIN CRAM-MD5", b"LOGIN", b"CRAM-MD5"])
def test_a_wrong_password_is_tried_once(offered):
    def script(talk):
        talk.greet(b"250-scripted\r\n250 AUTH " + offered + b"\r\n")
        line = talk.line()
        while b"AUTH PLAIN " not in line and len(talk.received.splitlines()) < (4 if offered == b"LOGIN" else 3):
            talk.say(b"334 PDQyQHNjcmlwdGVkPg==")
            line = talk.line()
        talk.say(b"535 5.7.8 not accepted: " + line.strip() + b" " + CREDENTIALS.password.encode())
        talk.rest()

    with ScriptedServer(script) as server:
        error = refused(server)
    assert (error.problem, error.reply.phase, error.reply.code) == ("auth", "auth", 535)
    assert server.talks[0].received.count(b"AUTH") == 1


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
def test_it_signs_in_with_any_password(sink, method, monkeypatch):
    monkeypatch.setattr("blaster.mail.auth.METHODS", (method,))
    connect(sink, Credentials("zoë", "pä ss")).close()


def test_it_answers_a_challenge_as_rfc_2195_says():
    def script(talk):
        talk.greet(b"250-scripted\r\n250 AUTH CRAM-MD5\r\n")
        talk.line()
        talk.say(b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
        assert talk.line() == b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n"
        talk.say(b"235 welcome")

    with ScriptedServer(script) as server:
        connect(server, Credentials("tim", "tanstaaftanstaaf"))


def test_a_server_without_sign_in_is_refused(sink):
    sink.play(auth=False)
    assert (refused(sink).problem, refused(sink).reply.code) == ("auth", 504)
    assert outcomes(deliver(connect(sink, None), mails(1))) == sent([1])


def test_a_server_that_knows_helo_only_takes_mail():
    def script(talk):
        talk.say(b"220 old")
        assert talk.line().startswith(b"EHLO [127.0.0.1]")
        talk.say(b"502 what?")
        assert talk.line().startswith(b"HELO [127.0.0.1]")
        talk.say(b"250 old")
        for answer in (b"250 ok", b"250 ok", b"354 go on"):
            talk.line()
            talk.say(answer)
        talk.message()
        talk.say(b"250 taken")

    with ScriptedServer(script) as server:
        assert outcomes(deliver(connect(server, None), mails(1))) == sent([1])


@pytest.mark.parametrize(
    ("banner", "problem", "code"),
    [
        (b"421 4.3.2 busy\r\n", "refused", 421),
        (b"554 go away\r\n", "refused", 554),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol", -1),
        (b"", "protocol", 0),
    ],
)
def test_banners_that_are_no_welcome(banner, problem, code):
    with ScriptedServer(lambda talk: talk.send(banner)) as server:
        error = refused(server)
    assert (error.problem, error.reply.phase, error.reply.code) == (problem, "connect", code)


def test_a_silent_server_is_left_in_time():
    with ScriptedServer(lambda talk: talk.rest()) as server:
        assert refused(server, timeout=0.3).problem == "timeout"


def test_names_and_ports_that_lead_nowhere(free_port):
    for host, problem in (("127.0.0.1", "refused"), ("no-such-host.invalid", "name"), ("a..b", "name")):
        with pytest.raises(Refused) as caught:
            open_session(Endpoint(host, free_port, timeout=5))
        assert (caught.value.problem, caught.value.reply.phase) == (problem, "connect")


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_ehlo_offers_are_read_however_they_are_written():
    with ScriptedServer(
        lambda talk: talk.greet(b"250-x\r\n250-size 77\r\n250-AUTH=LOGIN PLAIN\r\n250 pipelining\r\n")
    ) as server:
        session = connect(server, None)
        assert session._size_limit == 77 and session._pipelining and session._features["AUTH"] == "LOGIN PLAIN"
    assert EHLO.count(b"\r\n") == 4

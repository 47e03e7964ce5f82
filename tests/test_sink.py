import json
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blaster.demo.faults import Faults, Rule
from blaster.demo.maillog import HOUR_MS, busiest, read_log

PROJECT = Path(__file__).parent.parent
MESSAGE = "Message-ID: <7.3.abc@example.com>\r\nSubject: Hello\r\n\r\nText\r\n"


def connect(sink):
    return smtplib.SMTP(sink.host, sink.port, local_hostname="test", timeout=5)


def send(sink, recipient="bo@example.org", login="anna", message=MESSAGE):
    with connect(sink) as client:
        client.login(login, "password")
        return client.sendmail("news@example.com", [recipient], message)


def refusal(sink, **options) -> tuple[int, bytes]:
    with pytest.raises(smtplib.SMTPException) as caught:
        send(sink, **options)
    return list(caught.value.args[0].values())[0] if isinstance(caught.value.args[0], dict) else caught.value.args[:2]


def talk(sink, data: bytes) -> bytes:
    """Everything the sink answers to these bytes until it hangs up."""
    with socket.create_connection((sink.host, sink.port), timeout=5) as raw:
        raw.sendall(data)
        return b"".join(iter(lambda: raw.recv(65536), b""))


ENVELOPE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"


def test_it_notes_what_it_accepts(sink):
    send(sink)
    (record,) = sink.records()
    assert record[1:] == ("anna", "news@example.com", "bo@example.org", "<7.3.abc@example.com>", "Hello", len(MESSAGE))
    assert record.campaign == "3"
    assert abs(record.time_ms / 1000 - time.time()) < 60


def test_it_reads_folded_headers_and_no_body(sink):
    send(sink, message="subject: a long\r\n subject\r\nFrom: x\r\n\r\nMessage-ID: <not.a.header>\r\n")
    assert (sink.records()[0].subject, sink.records()[0].message_id) == ("a long subject", "")


def test_it_takes_pipelined_mails_and_keeps_the_order(sink):
    one = ENVELOPE + b"Subject: %d\r\n\r\n..dot\r\n.\r\n"
    answer = talk(sink, b"EHLO me\r\n" + b"".join(one % number for number in range(50)) + b"QUIT\r\n")
    assert answer.count(b"354 ") == 50 and answer.endswith(b"221 2.0.0 Bye\r\n")
    assert [record.subject for record in sink.records()] == [str(number) for number in range(50)]
    assert sink.messages()[0].get_content() == ".dot\r\n"


def test_it_takes_an_empty_message(sink):
    assert b"250 2.0.0 Ok: taken" in talk(sink, b"EHLO me\r\n" + ENVELOPE + b".\r\nQUIT\r\n")
    assert sink.records()[0].size == 0


def test_it_finds_the_dot_wherever_the_packets_end(sink):
    with socket.create_connection((sink.host, sink.port), timeout=5) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"EHLO me\r\n" + ENVELOPE + b"Subject: slow\r\n\r\n.\r.x\r\n.\r\nQUIT\r\n".replace(b"\r.", b"."):
            raw.sendall(bytes([byte]))
        assert b"250 2.0.0 Ok: taken" in b"".join(iter(lambda: raw.recv(4096), b""))
    assert sink.records()[0].subject == "slow"


@pytest.mark.parametrize("body", [b"a\nb\r\n", b"a\rb\r\n", b"a\n.\nb\r\n"])
def test_it_refuses_bare_line_ends(sink, body):
    assert b"550 5.6.0" in talk(sink, b"EHLO me\r\n" + ENVELOPE + body + b".\r\nQUIT\r\n")
    assert sink.records() == []


def test_it_insists_on_the_order_of_commands(sink):
    answer = talk(sink, b"MAIL FROM:<a@b.c>\r\nEHLO me\r\nRCPT TO:<a@b.c>\r\nDATA\r\nWHAT\r\nQUIT\r\n")
    assert [line[:3] for line in answer.splitlines() if line[3:4] == b" "] == [
        b"220", b"503", b"250", b"503", b"503", b"500", b"221",
    ]  # fmt: skip


@pytest.mark.parametrize("mechanism, initial", [("PLAIN", True), ("PLAIN", False), ("LOGIN", True), ("LOGIN", False)])
def test_it_knows_each_way_to_sign_in(sink, mechanism, initial):
    with connect(sink) as client:
        client.ehlo()
        client.user, client.password = "anna", "secret"
        method = getattr(client, f"auth_{mechanism.lower()}")
        assert client.auth(mechanism, method, initial_response_ok=initial)[0] == 235


@pytest.mark.parametrize("rtt_ms", [0, 20])
def test_it_speaks_starttls(tls_sink, certificate, rtt_ms):
    tls_sink.play(rtt_ms=rtt_ms)
    with connect(tls_sink) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        client.starttls(context=ssl.create_default_context(cafile=certificate))
        client.ehlo()
        assert not client.has_extn("starttls")
        client.sendmail("a@example.com", ["b@example.org"], MESSAGE)
    assert len(tls_sink.records()) == 1


def test_it_forgets_what_was_said_before_tls(tls_sink, certificate):
    with socket.create_connection((tls_sink.host, tls_sink.port), timeout=5) as raw:
        raw.recv(4096)
        raw.sendall(b"EHLO me\r\n")
        raw.recv(4096)
        raw.sendall(b"STARTTLS\r\nNOOP\r\n")
        assert raw.recv(4096) == b"220 2.0.0 Go ahead\r\n"
        context = ssl.create_default_context(cafile=certificate)
        with context.wrap_socket(raw, server_hostname="localhost") as secure:
            secure.sendall(b"MAIL FROM:<a@b.c>\r\n")
            assert secure.recv(4096) == b"503 5.5.1 Not now\r\n"


def test_a_client_that_does_not_trust_the_certificate_goes_away(tls_sink):
    with connect(tls_sink) as client:
        client.ehlo()
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=ssl.create_default_context())


def test_it_speaks_tls_at_once(implicit_tls_sink, certificate):
    context = ssl.create_default_context(cafile=certificate)
    with smtplib.SMTP_SSL(implicit_tls_sink.host, implicit_tls_sink.port, context=context, timeout=5) as client:
        client.sendmail("a@example.com", ["b@example.org"], MESSAGE)
    assert len(implicit_tls_sink.records()) == 1


@pytest.mark.parametrize(
    "stage, code", [("auth", 535), ("mail", 550), ("rcpt", 450), ("data", 451), ("dot", 554), ("ehlo", 502)]
)
def test_a_rule_refuses_at_its_stage(sink, stage, code):
    sink.play(Rule(stage, reply=f"{code} 5.0.0 No"))
    assert refusal(sink)[0] in (code, 503)
    assert sink.records() == []
    assert sink.faults_played()[0][1:3] == [stage, "reply"]


def test_a_421_banner_hangs_up(sink):
    sink.play(Rule("banner", reply="421 4.3.2 Too many"))
    assert talk(sink, b"") == b"421 4.3.2 Too many\r\n"


def test_a_rule_sees_only_its_recipients_and_logins(sink):
    sink.play(
        Rule("rcpt", reply="550 5.1.1 No", recipient="*@gone.example"),
        Rule("auth", reply="535 5.7.8 No", login="bob"),
    )
    send(sink)
    assert refusal(sink, recipient="x@gone.example")[0] == 550
    assert refusal(sink, login="bob")[0] == 535
    assert len(sink.records()) == 1


def test_greylisting_is_one_refusal_per_recipient(sink):
    sink.play(Rule("rcpt", reply="450 4.2.0 Later", times=1, per="recipient"))
    for recipient in ("a@example.org", "b@example.org"):
        assert refusal(sink, recipient=recipient)[0] == 450
        send(sink, recipient)
    assert len(sink.records()) == 2


def test_a_quota_lets_the_first_mails_pass(sink):
    sink.play(Rule("mail", reply="454 4.5.4 Quota", skip=2, per="login"))
    send(sink)
    send(sink)
    assert refusal(sink)[0] == 454
    send(sink, login="other")
    assert sink.report()["by_login"] == {"anna": 2, "other": 1}


@pytest.mark.parametrize("stage, action, accepted", [("body", "drop", 0), ("dot", "drop", 0), ("dot", "swallow", 1)])
def test_a_hang_up_before_and_after_accepting(sink, stage, action, accepted):
    sink.play(Rule(stage, action))
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(sink)
    assert len(sink.records()) == accepted


def test_a_late_reply_comes_after_the_mail_is_noted(sink):
    sink.play(Rule("dot", "delay", seconds=30))
    with connect(sink) as client:
        client.ehlo()
        client.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.sock.sendall(ENVELOPE + b"\r\n.\r\n")
            while client.sock.recv(4096):
                pass
        assert len(sink.records()) == 1
        client.close()


def test_a_drip_and_garbage_reach_the_client(sink):
    sink.play(Rule("mail", "drip", seconds=0.001), Rule("dot", "garbage", reply="\0\xff" * 50))
    answer = talk(sink, b"EHLO me\r\n" + ENVELOPE + b"\r\n.\r\nQUIT\r\n")
    assert b"250 2.1.0 Ok\r\n" in answer and b"\0\xff" * 50 in answer
    assert len(sink.records()) == 1


def test_replies_keep_their_order_over_a_simulated_round_trip(sink):
    sink.play(rtt_ms=20)
    answer = talk(sink, b"EHLO me\r\n" + ENVELOPE + b"\r\n.\r\nQUIT\r\n")
    assert answer.index(b"354") < answer.index(b"taken") < answer.index(b"221")


def test_a_round_trip_delays_the_banner(sink):
    sink.play(rtt_ms=60_000)
    with socket.create_connection((sink.host, sink.port), timeout=0.3) as raw, pytest.raises(TimeoutError):
        raw.recv(4096)


def test_it_announces_what_it_plays(sink):
    sink.play(pipelining=False, auth=False, size=100)
    with connect(sink) as client:
        client.ehlo()
        assert not client.has_extn("pipelining") and not client.has_extn("auth")
        assert client.esmtp_features["size"] == "100"
        assert client.docmd("MAIL", "FROM:<a@example.com> SIZE=101")[0] == 552
        client.docmd("MAIL", "FROM:<a@example.com>")
        client.docmd("RCPT", "TO:<b@example.org>")
        assert client.data("x" * 101)[0] == 552
    assert sink.records() == []


def test_it_notices_pipelining_that_was_not_offered(sink):
    sink.play(pipelining=False)
    assert b"503 5.5.1 Commands sent ahead" in talk(sink, b"EHLO me\r\n" + ENVELOPE)


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="no such fault"):
        Rule("dot", "explode")


def test_faults_survive_a_file(tmp_path):
    faults = Faults((Rule("dot", "delay", seconds=2.5),), pipelining=False)
    faults.save(tmp_path / "faults.json")
    assert Faults.load(tmp_path / "faults.json") == faults


def test_busiest_counts_a_rolling_window():
    assert busiest([0, 1, HOUR_MS, HOUR_MS + 1, HOUR_MS + 2], HOUR_MS) == 3
    assert busiest([], HOUR_MS) == 0


def test_the_report_counts_duplicates(sink):
    for recipient in ("a@example.org", "b@example.org", "a@example.org"):
        send(sink, recipient)
    assert sink.report() == {
        "mails": 3,
        "recipients": 2,
        "duplicates": 1,
        "by_login": {"anna": 3},
        "by_campaign": {"3": {"mails": 3, "recipients": 2}},
        "busiest_hour": {"anna": 3},
        "busiest_day": {"anna": 3},
    }


def test_a_torn_last_line_is_not_a_mail(sink):
    send(sink)
    with sink.log.open("a") as log:
        log.write("123\tanna\tnews@exa")
    assert len(list(read_log(sink.log))) == 1


@pytest.fixture
def process(tmp_path):
    """(process, port) of a sink of its own, with its log and faults in tmp_path."""
    command = [sys.executable, "-m", "blaster.demo.sink", "--port", "0", "--log", tmp_path / "sink.log"]
    with subprocess.Popen(
        [*command, "--faults", tmp_path / "faults.json"], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, int(process.stdout.readline().split(",")[0].rsplit(":")[-1])
        process.kill()


def test_a_process_follows_its_faults(process, tmp_path):
    with smtplib.SMTP("127.0.0.1", process[1], timeout=5) as client:
        client.ehlo()
        Faults((Rule("mail", reply="451 4.0.0 No"),)).save(tmp_path / "faults.json")
        while client.docmd("MAIL", "FROM:<a@example.com>")[0] != 451:
            client.rset()
            time.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
def test_a_process_that_is_asked_to_stop_finishes_its_conversations(process, tmp_path):
    with smtplib.SMTP("127.0.0.1", process[1], timeout=5) as client:
        client.ehlo()
        process[0].terminate()
        client.sendmail("a@example.com", ["b@example.org"], MESSAGE)
    assert process[0].wait(10) == 0
    command = [sys.executable, "-m", "blaster.demo.sink", "--report", tmp_path / "sink.log"]
    assert json.loads(subprocess.check_output(command, cwd=PROJECT))["mails"] == 1

"""What comes back, understood. The mails in tests/bounces are made up after the standards and the habits of servers."""

import base64
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaster.mail import bounces
from blaster.mail.bounces import parse

MAILS = Path(__file__).parent / "bounces"
ZOE, ADA = "zoe@example.net", "ada@example.net"
TOKEN = (41, 7, "00112233445566778899")


def report(name: str) -> bounces.Report:
    return parse((MAILS / f"{name}.eml").read_bytes())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dsn_unknown_user", {ZOE: "hard"}),
        ("dsn_quota", {ZOE: "quota"}),
        ("dsn_disabled", {ZOE: "disabled"}),
        ("dsn_blocked", {ZOE: "block"}),
        ("dsn_sender_refused", {ZOE: "block"}),
        ("dsn_too_large", {ZOE: "message"}),
        ("dsn_expired", {ZOE: "soft"}),
        ("dsn_contradicts", {ZOE: "quota"}),
        ("dsn_several", {ZOE: "hard", ADA: "quota"}),
        ("dsn_forwarded", {"zoe.old@mail.example.org": "hard"}),
        ("dsn_local_name", {ZOE: "hard"}),
        ("dsn_no_local_part", {ZOE: "hard"}),
        ("dsn_utf8", {"zoë@example.net": "hard"}),
        ("dsn_vague_status", {ZOE: "hard"}),
        ("dsn_headers_only", {ZOE: "hard"}),
        ("text_qmail", {ZOE: "hard"}),
        ("text_exim", {ZOE: "block"}),
        ("text_exchange", {ZOE: "hard"}),
        ("text_sendmail", {ZOE: "hard"}),
        ("text_notes", {ZOE: "hard"}),
        ("text_two", {ZOE: "hard", ADA: "quota"}),
        ("text_german", {ZOE: "hard"}),
        ("text_french", {ZOE: "quota"}),
        ("text_japanese", {ZOE: "quota"}),
        ("text_nobody_named", {ZOE: "hard"}),
        ("text_group_closed", {"walruses@example.net": "block"}),
        ("text_null_mx", {ZOE: "hard"}),
        ("text_dns_later", {ZOE: "soft"}),
        ("html_only", {ZOE: "hard"}),
        ("ses_bounce", {ZOE: "hard"}),
    ],
)
def test_a_bounce_names_its_recipients_and_says_why(name, expected):
    found = report(name)
    assert found.kind == "bounce"
    assert {each.address: each.bounce_class for each in found.recipients} == expected


@pytest.mark.parametrize(
    "words",
    [
        "收件人：zoe@example.net",
        "您发给zoe@example.net的邮件被退回",
        "宛先「zoe@example.net」へのメール",
        "Failed to deliver to 'zoe@example.net'",
        "failed: rcpt=zoe@example.net (no such user)",
        "<zoe@example.net>: unknown user; write to help@example.net",
    ],
)
def test_an_address_is_found_among_what_stands_close_to_it(words):
    raw = f"From: MAILER-DAEMON@mx.example\nTo: news@shop.example\nSubject: failure\n\n{words}\n"
    assert [each.address for each in parse(raw.encode()).recipients] == [ZOE]


@pytest.mark.parametrize(
    "address", ["zoë@example.net", "佐藤@例え.jp", "o'brien@example.net", "a=b@mail.münchen.example"]
)
def test_an_unusual_address_stays_whole(address):
    raw = f"From: MAILER-DAEMON@mx.example\nTo: news@shop.example\nSubject: failure\n\n<{address}>: unknown user\n"
    assert [each.address for each in parse(raw.encode()).recipients] == [address]


def test_a_report_of_a_complaint_may_be_plain_text():
    part = "--b\nContent-Type: {}\n\n{}\n"
    fields = "Feedback-Type: {}\nUser-Agent: isp/1\nOriginal-Rcpt-To: <zoe@example.net>\n"
    head = "From: fbl@isp.example\nSubject: report\nContent-Type: multipart/report; boundary=b\n\n"
    for kind, expected in (("abuse", "complaint"), ("auth-failure", "auth-report"), ("not-spam", "none")):
        raw = (
            head + part.format("text/plain", "See below.") + part.format("text/plain", fields.format(kind)) + "--b--\n"
        )
        found = parse(raw.encode())
        assert found.kind == expected
        assert [each.address for each in found.recipients] == ([ZOE] if kind == "abuse" else [])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dsn_delayed", "delayed"),
        ("dsn_delivered", "delivered"),
        ("text_delayed", "delayed"),
        ("ses_delivery", "delivered"),
        ("receipt", "autoreply"),
        ("autoreply_header", "autoreply"),
        ("autoreply_subject", "autoreply"),
        ("autoreply_german", "autoreply"),
        ("person_answers", "none"),
        ("person_writes", "none"),
        ("arf_auth_failure", "auth-report"),
        ("arf_not_spam", "none"),
    ],
)
def test_what_is_no_bounce_is_not_taken_for_one(name, kind):
    assert report(name).kind == kind


@pytest.mark.parametrize("name", ["arf_abuse", "arf_opt_out", "arf_redacted", "jmrp", "ses_complaint"])
def test_complaints_are_recognised(name):
    found = report(name)
    assert found.kind == "complaint"
    address = "redacted@example.net" if name == "arf_redacted" else ZOE
    assert [each.address for each in found.recipients] == [address]


def test_every_mail_of_the_folder_is_used():
    source = Path(__file__).read_text()
    assert [path.stem for path in MAILS.glob("*.eml") if f'"{path.stem}"' not in source] == []


@pytest.mark.parametrize("name", ["dsn_unknown_user", "text_qmail", "arf_redacted", "jmrp", "autoreply_header"])
def test_the_token_of_our_mail_is_found_in_what_is_returned(name):
    assert report(name).tokens == (TOKEN,)


def test_the_token_is_found_in_the_address_that_the_bounce_came_to_and_in_an_encoded_part():
    raw = (MAILS / "text_two.eml").read_bytes()
    address = b"To: bounces+41.7.00112233445566778899@news.example.com"
    assert parse(raw.replace(b"To: bounces@news.example.com", address)).tokens == (TOKEN,)
    encoded = b"Content-Transfer-Encoding: base64\n\n" + base64.b64encode(b"x 41.7.00112233445566778899@y")
    assert parse(b"From: mailer-daemon@example.org\nContent-Type: text/plain\n" + encoded).tokens == (TOKEN,)


def test_a_forwarded_address_keeps_the_one_we_wrote_to():
    (recipient,) = report("dsn_forwarded").recipients
    assert recipient.original == ZOE
    assert (recipient.status, recipient.diagnostic) == ("5.1.1", "550 5.1.1 no such user")


def test_only_the_first_half_megabyte_is_looked_at():
    raw = (MAILS / "text_two.eml").read_bytes()
    late = raw + b"x" * (512 * 1024) + b"\n41.7.00112233445566778899@example.com\n"
    assert parse(late).tokens == ()
    assert len(parse(late).recipients) == 2


@pytest.mark.parametrize("charset", ['"utf\0-8"', "utf-8*''%00"])
def test_a_charset_with_a_nul_in_it_is_none(charset):
    head = f"Content-Type: text/plain; charset={charset}\nSubject: Undelivered\n\n"
    assert parse(head.encode() + "Grüße, unknown user\n".encode() + b"\xe9\n").kind in bounces.KINDS


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(MAILS.glob("*.eml"))), st.integers(0, 1 << 32))
def test_broken_mail_never_raises(path, seed):
    chance = random.Random(seed)
    raw = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 30)):
        at = chance.randrange(len(raw))
        raw[at : at + chance.randint(0, 20)] = bytes(
            chance.choices(b'\x00\xff\xe9\n\r:;<>="@ -A', k=chance.randint(0, 8))
        )
        raw = raw or bytearray(b"\n")
    found = parse(bytes(raw))
    assert found.kind in bounces.KINDS
    assert {each.bounce_class for each in found.recipients} <= bounces.CLASSES


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400))
def test_any_bytes_are_some_report(raw):
    assert parse(raw).kind in bounces.KINDS
    assert parse(b"Content-Type: multipart/report; boundary=x\n\n--x\n" + raw).kind in bounces.KINDS


@pytest.mark.parametrize(
    "body",
    [b"a" * 300_000, b"a@b.example " * 25_000, b"-" * 300_000, b">>> x\n" * 40_000, b"user mailbox quota " * 15_000],
    ids=["letters", "addresses", "dashes", "transcript", "words"],
)
def test_long_junk_does_not_take_long(body):
    """No time is measured: each of these would take minutes if a pattern went back and forth over it."""
    assert parse(b"From: mailer-daemon@example.org\nSubject: failure\n\n" + body).kind == "bounce"


def test_the_scorer_counts_recipients_classes_and_complaints(tmp_path):
    folder = tmp_path / "bounces"
    folder.mkdir()
    for name in ("dsn_several", "dsn_quota", "arf_abuse", "person_writes", "dsn_unknown_user"):
        (folder / f"{name}.eml").write_bytes((MAILS / f"{name}.eml").read_bytes())
    labels = [
        "file\tn\trecipient\texpect",
        f"dsn_several.eml\t1\t{ZOE}\thard",
        f"dsn_several.eml\t2\t{ADA}|other@example.net\tsoft",
        f"dsn_quota.eml\t1\t{ADA}\tblock|soft",
        "arf_abuse.eml\t1\t\tcomplaint",
        "person_writes.eml\t0\t\tnone",
        f"dsn_unknown_user.eml\t1\t{ZOE}\tblock",
    ]
    (folder / "labels.tsv").write_text("\n".join(labels) + "\n", encoding="utf-8")
    script = Path(__file__).parent.parent / "scripts" / "bench" / "corpus.py"
    run = subprocess.run([sys.executable, script, tmp_path, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == {
        "bounces.files": 5,
        "bounces.recipients_right": 0.6667,
        "bounces.class_right": 0.8333,
        "bounces.wrong_hard": 1,
        "bounces.complaints_found": 1.0,
    }

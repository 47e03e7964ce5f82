"""What replies mean. The texts are made up after the rules, not taken from anywhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaster.mail import replies
from blaster.mail.replies import classify
from blaster.mail.session import Reply


@pytest.mark.parametrize(
    ("phase", "code", "text", "expected"),
    [
        ("dot", 250, "2.0.0 queued as 4711", "sent"),
        ("dot", 0, "the server closed the connection", "unknown"),
        ("dot", -1, "!!", "unknown"),
        ("dot", 354, "go on", "unknown"),
        ("dot", 999, "", "unknown"),
        ("body", 250, "2.0.0 queued", "unknown"),
        ("body", 0, "the server closed the connection", "account-temp"),
        ("mail", 0, "no answer in time", "account-temp"),
        ("rcpt", -1, "!!", "protocol"),
        ("rcpt", 354, "go on", "protocol"),
    ],
)
def test_what_is_not_a_refusal(phase, code, text, expected):
    assert classify(Reply(phase, code, text)) == expected


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, "5.1.1 nobody of that name", "hard"),
        (550, "No such user here", "hard"),
        (550, "5.2.1 that user is unknown", "hard"),
        (551, "User not local", "hard"),
        (550, "5.1.10 null MX", "hard"),
        (450, "5.1.1 no such user", "soft"),
        (450, "4.2.0 Greylisted", "soft"),
        (452, "4.2.2 mailbox full", "soft"),
        (552, "5.2.2 over quota", "soft"),
        (552, "5.1.1 the mailbox is over quota", "soft"),
        (550, "5.1.1 user temporarily not found, try again", "soft"),
        (550, "5.4.4 no route", "soft"),
        (552, "", "soft"),
        (550, "5.7.1 spam", "block"),
        (550, "5.1.1 rejected, your IP is on the blocklist of example.net", "block"),
        (550, "Sender unknown: no such user", "block"),
        (550, "5.7.26 SPF did not pass", "block"),
        (554, "Rejected", "block"),
        (550, "", "block"),
        (552, "5.3.4 message too big", "message"),
        (554, "5.6.0 malformed", "message"),
        (550, "5.4.5 daily limit", "account-limit"),
        (451, "You have exceeded your hourly sending limit", "account-limit"),
        (432, "4.3.2 too much at once", "account-rate"),
        (421, "Maximum sending rate exceeded", "account-rate"),
        (554, "The address is not verified", "sender-not-allowed"),
        (530, "5.7.0 Must issue a STARTTLS command first", "tls-required"),
        (530, "5.7.57 sign in first", "account-auth"),
        (452, "4.5.3 too many", "too-many-recipients"),
        (553, "5.6.7 needs SMTPUTF8", "smtputf8"),
        (503, "5.5.1 RCPT first", "protocol"),
        (500, "what?", "protocol"),
    ],
)
def test_refusals_of_the_recipient_or_the_message(code, text, expected):
    assert classify(Reply("rcpt", code, text)) == expected
    assert classify(Reply("any", code, text)) == expected


@pytest.mark.parametrize(
    ("phase", "code", "text", "expected"),
    [
        ("mail", 553, "5.6.7 the address needs SMTPUTF8", "sender-not-allowed"),
        ("auth", 535, "5.7.8 wrong", "account-auth"),
        ("auth", 535, "no such user", "account-auth"),
        ("auth", 504, "5.7.4 no way of signing in", "account-auth"),
        ("auth", 454, "4.7.0 not now", "account-temp"),
        ("auth", 432, "4.7.12 a new password is needed", "account-auth"),
        ("connect", 554, "no such user", "account-temp"),
        ("connect", 421, "too busy", "account-temp"),
        ("tls", 554, "5.7.10 the server does not offer STARTTLS", "tls-required"),
        ("tls", 0, "no answer in time", "account-temp"),
        ("mail", 550, "5.1.1 user unknown", "sender-not-allowed"),
        ("mail", 553, "5.1.7 bad address", "sender-not-allowed"),
        ("mail", 451, "4.3.0 local trouble", "account-temp"),
        ("mail", 552, "5.3.4 message too big", "message"),
    ],
)
def test_before_the_recipient_is_named_nothing_is_his_fault(phase, code, text, expected):
    assert classify(Reply(phase, code, text)) == expected


@settings(deadline=None)
@given(st.sampled_from(["connect", "tls", "auth", "mail"]), st.integers(400, 599), st.text())
def test_before_the_recipient_is_named_no_reply_is_hard(phase, code, text):
    assert classify(Reply(phase, code, f"5.1.1 user unknown {text}")) != "hard"


@settings(deadline=None)
@given(
    st.text() | st.from_regex(r"[45]\.\d{1,3}\.\d{1,3} .{0,30}"), st.integers(-1, 999), st.sampled_from(["rcpt", "dot"])
)
def test_any_reply_has_one_of_the_classes(text, code, phase):
    reply_class = classify(Reply(phase, code, text))
    assert reply_class in replies.CLASSES
    assert (reply_class == "sent") == (phase == "dot" and code // 100 == 2)


def test_whom_a_class_speaks_of():
    scopes = (replies.is_account_scope, replies.is_campaign_scope, lambda name: name == "hard")
    assert [name for name in replies.CLASSES if replies.is_campaign_scope(name)] == ["message"]
    assert all(sum(scope(name) for scope in scopes) <= 1 for name in replies.CLASSES)
    assert replies.is_account_scope("account-auth") and not replies.is_account_scope("soft")


def test_the_scorer_counts_right_and_wrongly_hard_replies(tmp_path):
    cases = [
        "text\texpect\tstage",
        "550 5.1.1 unknown\thard\trcpt",
        '550 5.1.1 "odd\tblock\tany',
        "421 busy\tsoft|block\tany",
    ]
    (tmp_path / "smtp_replies").mkdir()
    (tmp_path / "smtp_replies" / "replies.tsv").write_text("\n".join(cases) + "\n", encoding="utf-8")
    script = Path(__file__).parent.parent / "scripts" / "bench" / "corpus.py"
    run = subprocess.run([sys.executable, script, tmp_path, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == {"replies.cases": 3, "replies.right": 0.6667, "replies.wrong_hard": 1}

"""What RFCs and providers ask of a campaign mail, rule by rule; docs of the rules are named in each test.

Rules about what happens to a mail are tested where it happens: what a server answers in `test_replies`, what the link
does in `test_unsubscribe` and `test_unsubscribe_links`, addresses in `test_addresses`, lists that keep a suppression in
`test_suppressions`, answers that nobody typed in `test_bounce_parsing`, the signature's headers in `test_dkim`.
"""

import email.message
import email.policy
import random
import re
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from blaster import addresses
from blaster.mail import check, replies
from blaster.mail.attachments import Attachment
from blaster.mail.compile import Content, compile_message, message_id
from blaster.mail.merge import MergeError
from blaster.mail.notice import notice
from blaster.mail.session import Mail, Reply
from tests import wild
from tests.scripted import ScriptedServer
from tests.test_transport import connect, deliver

KEY, NOW, BASE = b"a key for the tests", 1_795_500_000_123, "https://mail.example.com"
WHO = {"organisation": "Bäckerei Müller & Söhne, Bern", "postal_address": "Weg 1\nBern"}
HTML = (
    '<p>{{ v }} <a href="https://shop.example/a?b=1&amp;c=2">shop</a> and <a href="https://x.example/{{ id }}">more</a>'
)


def content(**changes) -> Content:
    usual = {"subject": "News", "sender_name": "Anna's Shop", "sender_email": "", "reply_to": "help@example.com"}
    fields = {"campaign_id": 7, "user_id": 1, "list_id": 3, **usual, "html": HTML, "text": "", **WHO}
    return Content(**{**fields, **changes})


def make(
    fields=None, *, row_id=42, to="bo@example.org", account="news@example.com", now=NOW, url=BASE, **changes
) -> bytes:
    skeleton = compile_message(content(**changes), message_key=KEY, public_url=url)
    return skeleton.render(row_id=row_id, email=to, fields=fields or {}, from_address=account, now=now)


def part(message, kind: str) -> str:
    return wild.lines(message.get_body((kind,)).get_content())


# RFC 5322, the headers


def test_rfc5322_3_6_each_header_is_there_once():
    data = make({"name": "Bo"}, attachments=(Attachment("a.txt", "text/plain", b"x"),))
    message = wild.check_form(data)
    expected = "date from to subject message-id reply-to list-id precedence feedback-id list-unsubscribe"
    expected += " list-unsubscribe-post mime-version content-type"
    assert sorted(name.lower() for name in message.keys()) == sorted(expected.split())


@pytest.mark.parametrize("name", "From from DATE To Subject Message-ID List-Id Precedence Feedback-ID".split())
def test_rfc5322_3_6_nobody_adds_a_second_one(name):
    with pytest.raises(MergeError):
        compile_message(content(), message_key=KEY, public_url=BASE, extra_headers=[(name, "x")])


@pytest.mark.parametrize("later", [0, 999, 1000, 86_400_000 * 40])
def test_rfc5322_3_3_the_date_is_that_of_sending_and_a_retry_keeps_the_message_id(later):
    skeleton = compile_message(content(), message_key=KEY, public_url=BASE)
    first, retry = (
        wild.parse(skeleton.render(row_id=42, email="b@example.org", fields={}, from_address="n@example.com", now=now))
        for now in (NOW, NOW + later)
    )
    assert parsedate_to_datetime(retry["Date"]).timestamp() == (NOW + later) // 1000 and retry["Date"].endswith("+0000")
    assert first["Message-ID"] == retry["Message-ID"]


def test_rfc5322_3_6_4_no_two_mails_have_one_message_id():
    rows = {message_id(row, campaign, "example.com", KEY) for row in range(1, 50_001) for campaign in (1, 11)}
    assert len(rows) == 100_000
    assert re.fullmatch(r"<[!-;=?-~]+@example\.com>", wild.parse(make())["Message-ID"])
    assert "@xn--bcher-kva.example>" in wild.parse(make(account="news@bücher.example"))["Message-ID"]
    assert "localhost" not in wild.parse(make())["Message-ID"]


def test_rfc5322_3_6_2_one_author_no_sender_no_return_path():
    message = wild.parse(make(sender_email="anna@example.com"))
    assert str(message["From"]) == "Anna's Shop <anna@example.com>"
    assert message["Sender"] is None and message["Return-Path"] is None


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Müller, Zoë (Büro)", False),
        ('Smith, J. "Bo" \\ Co.', True),
        ('Anna & Bo\'s: news; "daily" <x@y.example>, z', True),
        ("😀 " * 30, False),
        ("=?utf-8?q?x?=", False),
        ("x" * 70, False),
        ("", True),
    ],
)
def test_rfc5322_3_4_rfc2047_5_names_before_addresses(name, plain):
    data = make({"name": name}, sender_name=name.replace("=?", "= ?"))
    message = wild.check_form(data)
    (to,) = message["To"].addresses
    assert (to.addr_spec, _words(to.display_name)) == ("bo@example.org", _words(name))
    # The new parser sees blanks between encoded words; the old one, which is another program, does not.
    old = email.message_from_bytes(data, policy=email.policy.compat32)["To"]
    assert str(email.header.make_header(email.header.decode_header(old))).startswith(name.strip()) or plain
    line = re.search(rb"\r\nTo: (.*?)\r\n(?! )", data, re.DOTALL)[1]
    assert (b"=?utf-8?" in line) != plain and not re.search(rb'"[^"]*=\?[^"]*"', line)


# Lines


def test_rfc5322_2_1_1_no_line_is_long_whatever_the_author_writes():
    line = "<b>" + "x" * 100_000 + "Ü" * 100_000 + "</b>"
    message = wild.check_form(make({"v": "v" * 5_000}, html=HTML + line, subject="S" * 400))
    assert line in part(message, "html") and message["Subject"] == "S" * 400


@pytest.mark.parametrize("header", ["subject", "sender_name", "name", "field"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\x0b", "\x85", "\u2028"])
def test_rfc5322_2_2_nothing_ends_a_header_early(header, end):
    evil = f"x{end}Bcc: evil@example.com{end}{end}body"
    data = make({"name": evil, "v": evil}, **({header: "{{ v }}"} if header in ("subject", "sender_name") else {}))
    assert wild.check_form(data)["Bcc"] is None


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00"])
@pytest.mark.parametrize("place", ["subject", "sender_name", "reply_to", "sender_email"])
def test_rfc5322_2_2_line_ends_of_the_author_are_refused(place, end):
    with pytest.raises(MergeError):
        make(**{place: f"a@example.com{end}Bcc: evil@example.com"})


# RFC 5321, as the server gets it

SMUGGLED = "a\n.\nMAIL FROM:<x@y.example>\r\n.\r\n.\r.\r\n\r\n..\r\n.x\n"


@pytest.mark.parametrize("is_dotless", [True, False])
@pytest.mark.parametrize("pipelining", [True, False])
def test_rfc5321_4_5_2_dots_arrive_as_they_were_written(sink, pipelining, is_dotless):
    sink.play(pipelining=pipelining)
    data = make({"v": SMUGGLED}, text=".\n..x\n{{ v }}", html="<p>.</p>\n.\n{{ v }}")
    session = connect(sink)
    results = deliver(session, [Mail(1, "news@example.com", "bo@example.org", data, is_dotless)])
    session.close()
    assert [reply.code for _, reply in results] == [250] and len(sink.records()) == 1
    (arrived,) = sink.messages()
    assert part(arrived, "plain").startswith(wild.lines(".\n..x\n" + SMUGGLED))
    assert part(arrived, "html").startswith(
        wild.lines("<p>.</p>\n.\n" + SMUGGLED.replace("<", "&lt;").replace(">", "&gt;"))
    )


def _sends(features: bytes, mails: list[Mail]):
    """The results, and what a server with these features heard."""

    def take_all(talk):
        talk.greet(features)
        while True:
            talk.until(b"DATA\r\n")
            talk.say(b"250 sender", b"250 recipient", b"354 go on")
            talk.message()
            talk.say(b"250 taken")

    with ScriptedServer(take_all) as server:
        session = connect(server, None)
        results = deliver(session, mails)
        session._drop()
    return [(number, reply.phase, reply.code, reply.text[:5]) for number, reply in results], server.talks[0].received


PLAIN = b"250-scripted\r\n250 PIPELINING\r\n"


def test_rfc6152_nothing_needs_eight_bits():
    data = make({"v": "Zoë 😀", "name": "Zoë"}, subject="Grüße", attachments=(Attachment("ü.bin", "x/y", b"\xff\x00"),))
    results, heard = _sends(PLAIN, [Mail(1, "news@example.com", "bo@example.org", data)])
    assert results == [(1, "dot", 250, "taken")] and heard.isascii() and b"8BITMIME" not in heard


def test_rfc6531_3_2_without_smtputf8_one_recipient_fails_and_no_other():
    mails = [
        Mail(n, "news@example.com", to, make(to=to))
        for n, to in enumerate(("a@x.example", "jörg@bücher.example", "b@x.example"))
    ]
    results, heard = _sends(PLAIN, mails)
    assert results == [(0, "dot", 250, "taken"), (1, "rcpt", 553, "5.6.7"), (2, "dot", 250, "taken")]
    assert heard.isascii() and heard.count(b"RCPT TO") == 2


def test_rfc6532_with_smtputf8_the_address_goes_as_it_is():
    mail = Mail(1, "news@example.com", "jörg@bücher.example", make(to="jörg@bücher.example"))
    results, heard = _sends(b"250-scripted\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n", [mail])
    assert results == [(1, "dot", 250, "taken")]
    assert b"MAIL FROM:<news@example.com> SMTPUTF8 BODY=8BITMIME" in heard
    assert "RCPT TO:<jörg@xn--bcher-kva.example>".encode() in heard
    assert "\r\nTo: jörg@xn--bcher-kva.example\r\n".encode() in heard


@pytest.mark.parametrize(
    ("address", "ascii_form"),
    [
        ("bo@bücher.example", "bo@xn--bcher-kva.example"),
        ("bo@BÜCHER.Example", "bo@xn--bcher-kva.example"),
        ("bo@例え.テスト", "bo@xn--r8jz45g.xn--zckzah"),
        ("bo@faß.example", "bo@xn--fa-hia.example"),
    ],
)
def test_rfc5891_domains_go_as_a_labels(address, ascii_form):
    message = wild.check_form(make(to=address, account=address, reply_to=address))
    for header in ("To", "From", "Reply-To"):
        assert message[header].addresses[0].addr_spec == ascii_form


def test_rfc6532_a_reply_address_that_needs_smtputf8_is_refused():
    with pytest.raises(MergeError, match="Reply-To"):
        make(reply_to="jörg@example.com")


def test_rfc1870_a_mail_beyond_the_servers_size_is_refused_before_it_is_sent():
    large, small = (Mail(n, "n@example.com", "b@example.org", make(html=f"<p>{'x' * size}</p>")) for n, size in SIZES)
    assert [warning.name for warning in check.look(f"<p>{'x' * 150_000}</p>", "", "News")].count("large") == 1
    results, heard = _sends(b"250-scripted\r\n250-PIPELINING\r\n250 SIZE 100000\r\n", [large, small])
    assert results == [(0, "mail", 552, "5.3.4"), (1, "dot", 250, "taken")]
    assert heard.count(b"MAIL FROM") == 1 and b" SIZE=%d\r\n" % len(small.data) in heard


SIZES = [(0, 150_000), (1, 1_000)]


@pytest.mark.parametrize(
    "said",
    ["5.7.60 SMTP; Client does not have permissions to send as this sender [SendAsDenied]", "553 not owned by user"],
)
def test_rfc5322_3_6_2_a_sender_that_the_account_may_not_use_is_told_from_a_bad_recipient(said):
    assert replies.classify(Reply("mail", 553, said)) == "sender-not-allowed"


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("a" * 64 + "@example.com", True),
        ("a" * 65 + "@example.com", False),
        ("a@" + ".".join(["b" * 60] * 3 + ["c" * 60, "com"]), True),
        ("a@" + ".".join(["b" * 60] * 4 + ["c" * 60, "com"]), False),
        ("a" * 64 + "@" + ".".join(["b" * 60] * 3 + ["c" * 60, "com"]), False),
        *((f"a@example.{name}", False) for name in ("invalid", "test", "localhost")),
    ],
)
def test_rfc5321_4_5_3_1_and_rfc6761_addresses_that_can_be_mailed(address, fits):
    try:
        assert addresses.normalise(f" \u00a0{address}\u200b")[0] == address and fits
    except ValueError:
        assert not fits


# RFC 2045 to 2047, 2231: bodies, words, names of files


@pytest.mark.parametrize(
    "subject",
    [
        "🎉" * 100,
        wild.FAMILY * 25,
        wild.FLAG * 60,
        wild.THUMB * 60,
        "مرحبا بالعالم " * 12,
        "今週のお知らせと、来週の予定" * 12,
        wild.ACCENT * 100,
        "a=?b?= c =?utf-8?q?=0D=0ABcc:_x?= d",
        "ä " * 150,
        " ".join(["plain", "Grüße", "plain"] * 20),
    ],
)
def test_rfc2047_2_words_are_short_whole_and_come_back(subject):
    data = make({"v": subject}, subject="{{ v }}")
    assert wild.check_form(data)["Subject"] == wild.one_line(subject)
    header = re.search(rb"Subject: .*?\r\n(?! )", data, re.DOTALL)[0].decode()
    assert max(map(len, header.split("\r\n"))) <= 76
    for word in re.findall(r"=\?[^ \r]*\?=", header):
        decoded = str(email.header.make_header(email.header.decode_header(word)))
        assert len(word) <= 75 and not decoded.startswith(("\u200d", "\u0301", "\U0001f3fd"))
        assert decoded.count("\U0001f1e9") == decoded.count("\U0001f1ea") and not decoded.endswith("\u200d")


@pytest.mark.parametrize(
    "text",
    ["blank at the end \nand a tab\t\n", "a=b=3D\n", "From me\n", "  indent\n", "\n\n\nlast", "ü" * 200, "=20", " "],
)
def test_rfc2045_6_7_every_character_of_a_text_arrives(text):
    for source, fields in ((text, {}), ("{{ v }}", {"v": text}), ("{% if v %}{{ v }}{% endif %}", {"v": text})):
        message = wild.check_form(make(fields, html="", text=source, url=""))
        assert message.get_content_type() == "text/plain"
        assert wild.lines(message.get_content()).rstrip("\n") == wild.lines(text).rstrip("\n")


def test_rfc2046_5_1_4_the_plain_part_comes_first_and_files_are_outside():
    files = (Attachment("a.txt", "text/plain", b"a"), Attachment("b.pdf", "application/pdf", b"b" * 1_000))
    alternative = ["multipart/alternative", "text/plain", "text/html"]
    for changes, expected in (
        ({}, alternative),
        ({"html": "", "text": "x"}, ["text/plain"]),
        ({"attachments": files}, ["multipart/mixed", *alternative, "text/plain", "application/pdf"]),
        (
            {"attachments": files, "html": "", "text": "x"},
            ["multipart/mixed", "text/plain", "text/plain", "application/pdf"],
        ),
    ):
        message = wild.check_form(make(**changes))
        assert [each.get_content_type() for each in message.walk()] == expected
        assert [each.get_payload(decode=True) for each in message.iter_attachments()] == [
            file.data for file in changes.get("attachments", ())
        ]


def test_rfc2046_5_1_1_no_part_holds_a_boundary():
    tricks = "".join(
        f"\n--{boundary}{end}\n" for boundary in ("=_mixed", "=_alternative", "=_7") for end in ("", "--", " x")
    )
    files = (Attachment("x", "text/plain", tricks.encode()),)
    data = make({"v": tricks}, text=tricks + "{{ v }}", html=f"<pre>{tricks}{{{{ v }}}}</pre>", attachments=files)
    message = wild.check_form(data)
    boundaries = re.findall(rb'boundary="([^"]*)"', data)
    assert len(boundaries) == 2 and all(len(boundary) <= 70 for boundary in boundaries)
    assert not any(one.startswith(other) for one in boundaries for other in boundaries if one != other)
    assert [data.count(b"\r\n--" + boundary) for boundary in boundaries] == [3, 3]
    assert part(message, "plain").startswith(wild.lines(tricks + tricks))
    assert next(message.iter_attachments()).get_payload(decode=True) == tricks.encode()


@pytest.mark.parametrize(
    "meta", ['<meta charset="iso-8859-1">', "<META http-equiv=Content-Type content='text/html; charset=latin1'>"]
)
def test_rfc6657_the_charset_is_named_and_true(meta):
    message = wild.check_form(make(html=f"<html><head>{meta}<meta name=viewport content=x></head>ü</html>"))
    assert [each.get_content_charset() for each in message.walk() if not each.is_multipart()] == ["utf-8", "utf-8"]
    assert "<meta" in part(message, "html") and "charset" not in part(message, "html") and "ü" in part(message, "html")


NAMES = [
    "Preisliste für März.pdf",
    "plan (v2), final.txt",
    'a"b\\c/d:e.txt',
    "日本語" * 25 + ".pdf",
    "x" * 120 + ".docx",
]
NAMES += [
    "😀.png",
    "=?utf-8?q?x?=.txt",
    "100% naïve.csv",
    "a.txt",
    "مرحبا.pdf",
    "no suffix",
    "a\r\nBcc: evil@example.com",
]


@pytest.mark.parametrize("name", NAMES)
def test_rfc2231_names_of_files_come_back(name):
    data = make(attachments=(Attachment(name, "application/pdf", b"%PDF"),))
    (file,) = wild.check_form(data).iter_attachments()
    assert file.get_filename() == wild.one_line(name) and file.is_attachment()
    plain = file.get_param("name") or file.get_filename()
    assert plain.isascii() and 0 < len(plain) <= 60 and plain.isprintable()
    assert plain.rpartition(".")[2] == wild.one_line(name).rpartition(".")[2] or " " in name or "/" in name


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Application/PDF", "application/pdf"),
        ("image/svg+xml", "image/svg+xml"),
        ("multipart/mixed", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("text/html; charset=x", "application/octet-stream"),
        ("a\r\nX: y", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_rfc2046_5_2_a_file_has_the_type_of_a_file(given, sent):
    (file,) = wild.check_form(make(attachments=(Attachment("x", given, b"\xff" * 100),))).iter_attachments()
    assert file.get_content_type() == sent and file.get_payload(decode=True) == b"\xff" * 100


def test_links_of_the_html_are_in_the_text():
    message = wild.check_form(make({"id": "5"}))
    links = re.findall(r'href="(https?://[^"]*)"', part(message, "html"))
    assert len(links) == 3 and all(link.replace("&amp;", "&") in part(message, "plain") for link in links)


# Headers of lists (RFC 2369, 8058, 2919, 3834), and what they must not tell


def test_rfc2919_2_the_list_is_named_the_same_in_all_its_campaigns():
    one, two, other = (wild.parse(make(campaign_id=c, list_id=of))["List-Id"] for c, of in ((7, 3), (8, 3), (7, 4)))
    assert one == two == "Bäckerei Müller & Söhne, Bern <3.1.mail.example.com>" and other != one
    assert len(one) <= 255 and make(user_id=2).count(b"<3.2.mail.example.com>") == 1


@pytest.mark.parametrize("url", ["http://bücher.example:8080", "http://127.0.0.1", "http://[::1]:80"])
def test_rfc2919_3_the_identifier_is_one_for_any_address_of_the_installation(url):
    assert re.search(rb"\r\nList-Id: [^<]*\s<3\.1(\.[A-Za-z0-9-]+)+>\r\n", make(url=url))


def test_rfc3834_5_and_googles_feedback_id():
    message = wild.parse(make())
    assert message["Precedence"] == "bulk" and message["Auto-Submitted"] is None
    assert message["Feedback-ID"] == "7:1:campaign:blaster"


def test_rfc3834_5_a_mail_of_the_system_says_that_nobody_typed_it():
    message = wild.parse(notice("a@example.com", "b@example.org", "Please confirm", "Text"))
    assert message["Auto-Submitted"] == "auto-generated" and message["List-Unsubscribe"] is None


def test_rfc8058_3_1_one_https_address_and_the_post_header():
    message = wild.parse(make())
    assert re.fullmatch(r"<https://mail\.example\.com/u/[A-Za-z0-9_-]{36}>", message["List-Unsubscribe"])
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_no_header_names_the_recipient_but_to():
    fields = {"name": "Zoë Quist", "email": "zoe.quist@example.org", "phone": "555-0199"}
    head = make(fields, to="zoe.quist@example.org").partition(b"\r\n\r\n")[0]
    rest = b"".join(line for line in head.splitlines() if not line.startswith((b"To:", b" ")))
    assert b"quist" not in rest.lower() and b"Zo=" not in rest and b"0199" not in rest


def test_a_subject_beyond_all_measure_is_refused_for_that_recipient_only():
    skeleton = compile_message(content(subject="{{ v }}"), message_key=KEY, public_url=BASE)
    arguments = {"row_id": 1, "email": "a@example.org", "from_address": "n@example.com", "now": NOW}
    with pytest.raises(MergeError):
        skeleton.render(fields={"v": "x" * 1_001}, **arguments)
    assert wild.check_form(skeleton.render(fields={"v": "x" * 1_000}, **arguments))


# All at once


def test_a_thousand_wild_messages():
    seed = random.Random(5)
    for number in range(1_000):
        _check_wild(seed, number)


def _check_wild(seed: random.Random, number: int) -> None:
    value = {name: wild.text(seed, 8) for name in ("s", "f", "name", "t", "h")}
    static = wild.NEWLINES.sub(" ", wild.text(seed, 6).replace("\x00", ""))[:200].encode("utf-8", "replace").decode()
    tag = seed.choice(("{{{{ {} }}}}", "{{% if x %}}{{% else %}}{{{{ {} }}}}{{% endif %}}")).format
    files = tuple(
        Attachment("f" + wild.text(seed, 4), "image/png", seed.randbytes(seed.randrange(300)))
        for _ in range(number % 3)
    )
    message = content(
        subject=tag("s")[: 500 - len(static)] if number % 2 else re.sub("[\x00-\x1f\x7f]", " ", static),
        sender_name="{{ f }}",
        text=f"{static}\n{tag('t')}|{static}" if number % 5 else "",
        html=f"<i>{static}</i>{tag('h')}" if number % 5 == 0 or number % 3 else "",
        attachments=files,
    )
    skeleton = compile_message(message, message_key=KEY)
    data = skeleton.render(row_id=number, email="bo@example.org", fields=value, from_address="n@example.com", now=NOW)
    parsed = wild.check_form(data)
    expected = wild.one_line(value["s"] if number % 2 else static)
    assert _words(parsed["Subject"]) == _words(expected)
    assert _words(parsed["From"].addresses[0].display_name) == _words(wild.one_line(value["f"]))
    assert _words(parsed["To"].addresses[0].display_name) == _words(wild.one_line(value["name"]))
    if message.text:
        assert part(parsed, "plain") == wild.body(f"{static}\n{value['t']}|{static}")
    if message.html:
        escaped = "".join(
            {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}.get(c, c) for c in value["h"]
        )
        assert part(parsed, "html") == wild.body(f"<i>{static}</i>{escaped}")
    assert [file.get_payload(decode=True) for file in parsed.iter_attachments()] == [file.data for file in files]
    assert [_words(file.get_filename()) for file in parsed.iter_attachments()] == [
        _words(wild.one_line(file.filename)) for file in files
    ]


def _words(text: str) -> str:
    """Parsers differ in the blanks between encoded words, and texts in what stands for half a character."""
    return "".join(text.replace("\ufffd", "?").split())


WORDS = st.lists(
    st.sampled_from(
        ["Hello", "Zoë,", "日本語", wild.FAMILY, "news;", "a=b", "100%", "q?", "x" * 70, "مرحبا", "(it's)", "e\u0301"]
    ),
    min_size=1,
    max_size=12,
).map(" ".join)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=300)


@settings(deadline=None, max_examples=60)
@given(WORDS, WORDS, WORDS, TEXTS, TEXTS, st.lists(st.tuples(WORDS, st.binary(max_size=200)), max_size=2))
def test_our_messages_parse_as_those_of_the_standard_library(subject, sender, name, text, html, files):
    theirs = email.message.EmailMessage(policy=email.policy.SMTP)
    theirs["Subject"] = subject
    for header, phrase, address in (("From", sender, "n@example.com"), ("To", name, "bo@example.org")):
        theirs[header] = email.headerregistry.Address(phrase, addr_spec=address)
    theirs.set_content(text + "\n")
    theirs.add_alternative("<p>" + html + "</p>\n", subtype="html")
    for filename, data in files:
        theirs.add_attachment(data, maintype="image", subtype="png", filename=filename)
    theirs = wild.parse(theirs.as_bytes())
    # It loses blanks between long words, and words of names.
    assume(theirs["Subject"] == subject)
    assume(all(_words(theirs[h].addresses[0].display_name) == _words(n) for h, n in (("From", sender), ("To", name))))

    braces = str.maketrans("{}", "()")
    skeleton = compile_message(
        content(
            subject="{{ s }}",
            sender_name="{{ f }}",
            text="{{ t }}\n",
            html="<p>" + html.translate(braces) + "</p>\n",
            attachments=tuple(Attachment(filename, "image/png", data) for filename, data in files),
        ),
        message_key=KEY,
    )
    values = {"s": subject, "f": sender, "t": text, "name": name}
    ours = wild.parse(
        skeleton.render(row_id=1, email="bo@example.org", fields=values, from_address="n@example.com", now=NOW)
    )
    assert [each.get_content_type() for each in ours.walk()] == [each.get_content_type() for each in theirs.walk()]
    assert ours["Subject"] == theirs["Subject"]
    for header in ("From", "To"):
        (our, their) = (message[header].addresses[0] for message in (ours, theirs))
        assert our.addr_spec == their.addr_spec and _words(our.display_name) == _words(their.display_name)
    # The last line end is the boundary's in ours and the text's in theirs.
    assert part(ours, "plain").rstrip("\n") == part(theirs, "plain").rstrip("\n")
    assert part(ours, "html") == part(theirs, "html").translate(braces)
    assert [(_words(each.get_filename()), each.get_content()) for each in ours.iter_attachments()] == [
        (_words(each.get_filename()), each.get_content()) for each in theirs.iter_attachments()
    ]

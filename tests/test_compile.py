"""Compiled messages, read back with the standard library's parser."""

import email
import email.policy
import re
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blaster.mail import headers, plain_text
from blaster.mail.compile import Content, compile_message
from blaster.mail.merge import MergeError

NOW = 1_795_500_000_123
KEY = b"a key for the tests"
HEADERS = ["Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type"]


def content(**changes) -> Content:
    fields = {
        "campaign_id": 7,
        "user_id": 1,
        "list_id": 3,
        "subject": "Hello {{ first_name | default: 'friend' }}",
        "sender_name": "Anna's Shop",
        "sender_email": "",
        "reply_to": "",
        "html": "<p>Dear {{ first_name }}</p>",
        "text": "Dear {{ first_name }}",
    }
    return Content(**{**fields, **changes})


def render(message=None, *, fields=None, extra_headers=(), row_id=42, to="bo@example.org", account="news@example.com"):
    skeleton = compile_message(message or content(), message_key=KEY, extra_headers=extra_headers)
    return skeleton.render(row_id=row_id, email=to, fields=fields or {}, from_address=account, now=NOW)


def parse(data: bytes):
    return email.message_from_bytes(data, policy=email.policy.default)


def bodies(data: bytes) -> list[str]:
    return [lines(part.get_content()) for part in parse(data).walk() if not part.is_multipart()]


def lines(text: str) -> str:
    return re.sub("\r\n|\r", "\n", text)


def check_octets(data: bytes):
    assert data.isascii() and data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
    assert max(map(len, data.split(b"\r\n"))) <= 78


def test_a_message_is_whole():
    data = render(fields={"first_name": "Bo", "name": "Bo Lind"})
    message = parse(data)
    assert message.keys() == HEADERS
    assert message["Subject"] == "Hello Bo"
    assert message["From"] == "Anna's Shop <news@example.com>"
    assert message["To"] == "Bo Lind <bo@example.org>"
    assert parsedate_to_datetime(message["Date"]).timestamp() == NOW // 1000 and message["Date"].endswith("+0000")
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert bodies(data) == ["Dear Bo", "<p>Dear Bo</p>"]
    check_octets(data)


def test_the_message_id_is_stable_for_a_row_and_different_for_others():
    first, again = (parse(render(fields={"a": value}))["Message-ID"] for value in "xy")
    assert first == again and re.fullmatch(r"<42\.7\.[0-9a-f]{20}@example\.com>", first)
    assert parse(render(row_id=43))["Message-ID"] != first
    assert parse(render(content(campaign_id=8)))["Message-ID"] != first


def test_the_campaigns_sender_goes_before_the_accounts():
    skeleton = compile_message(content(sender_email="shop@example.net"), message_key=KEY)
    assert skeleton.sender("news@example.com") == "shop@example.net"
    message = parse(render(content(sender_email="shop@example.net", reply_to="help@bücher.example")))
    assert message["From"].addresses[0].addr_spec == "shop@example.net" and "@example.net>" in message["Message-ID"]
    assert message["Reply-To"] == "help@xn--bcher-kva.example"
    assert compile_message(content(), message_key=KEY).sender("news@example.com") == "news@example.com"


def test_one_skeleton_serves_many_accounts_and_moments():
    skeleton = compile_message(content(), message_key=KEY)
    senders, dates = set(), set()
    for account, now in (("a@one.example", NOW), ("b@two.example", NOW + 1000), ("a@one.example", NOW)):
        data = skeleton.render(row_id=1, email="x@example.org", fields={}, from_address=account, now=now)
        message = parse(data)
        senders.add((message["From"].addresses[0].addr_spec, message["Message-ID"].rpartition("@")[2]))
        dates.add(message["Date"])
    assert senders == {("a@one.example", "one.example>"), ("b@two.example", "two.example>")} and len(dates) == 2


def test_text_only_is_one_part():
    message = parse(render(content(html="", text="Hi {{ n }}\nthere"), fields={"n": "Ö"}))
    assert message.get_content_type() == "text/plain" and lines(message.get_content()) == "Hi Ö\nthere\n"


def test_html_only_gets_a_text_part_with_links():
    html = '<h1>Hi {{ n | default: "you > me" }}</h1><p>See <a href="https://x.example/{{ id }}">this</a></p>'
    text, _ = bodies(render(content(html=html, text=""), fields={"id": "5"}))
    assert text == "Hi you > me\n\nSee this <https://x.example/5>"


def test_values_are_escaped_in_html_only():
    data = render(content(subject="{{ n }}", text="{{ n }}", html="{{ n }}"), fields={"n": '<b>&"'})
    assert parse(data)["Subject"] == '<b>&"' and bodies(data) == ['<b>&"', "&lt;b&gt;&amp;&#34;"]


def test_liquid_bodies_are_rendered_whole():
    line = "Zeile {} für Zoë, lang genug, um über sechsundsiebzig Zeichen zu gehen.\n"
    source = "{% for i in (1..3) %}" + line.format("{{ i }}").replace("Zoë", "{{ n }}") + "{% endfor %}"
    data = render(content(text=source, html=""), fields={"n": "Zoë"})
    assert bodies(data) == ["".join(map(line.format, (1, 2, 3))) + "\n"]
    check_octets(data)


def test_a_foreign_charset_in_the_html_is_left_out():
    _, html = bodies(render(content(html='<meta charset="iso-8859-1"><p>ü</p>')))
    assert html == "<p>ü</p>"


def test_extra_headers_take_tags_and_keep_long_urls_whole():
    url = "https://mail.example.com/u/" + "a" * 200
    extra = [("List-Help", "<{{ help_url }}>"), ("X-Note", "Bücher <3.mail.example.com>")]
    data = render(fields={"help_url": url}, extra_headers=extra)
    assert f"List-Help: <{url}>\r\n".encode() in data
    assert parse(data)["X-Note"] == "Bücher <3.mail.example.com>"
    assert sorted(parse(data).keys()) == sorted([*HEADERS, "List-Help", "X-Note"])


@pytest.mark.parametrize("name", ["Subject", "bcc", "List-Unsubscribe", "X Y", "X:", "X\r\nBcc", ""])
def test_it_refuses_extra_headers_that_are_ours_or_none(name):
    with pytest.raises(MergeError):
        render(extra_headers=[(name, "x")])


@pytest.mark.parametrize("field", ["subject", "sender_name"])
def test_it_refuses_line_breaks_in_what_the_author_writes(field):
    with pytest.raises(MergeError, match=field.replace("_", " ")):
        render(content(**{field: "x\r\nBcc: evil@example.com"}))


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d", "a", "a@b>,<c@d", "a b@c", "a\x00@b", "a@\x85b"])
def test_it_refuses_addresses_that_are_none(address):
    for arguments in ({"to": address}, {"account": address}, {"message": content(reply_to=address)}):
        with pytest.raises(MergeError):
            render(**arguments)


def test_a_local_part_beyond_ascii_stays_as_it_is():
    assert "To: jörg@xn--bcher-kva.example\r\n".encode() in render(to="jörg@bücher.example")


FAMILY, FLAG, E_ACUTE = "👩‍👩‍👧‍👦", "🇩🇪", "e\u0301"


@pytest.mark.parametrize("unit", [FAMILY, FLAG, E_ACUTE, "👍🏽", "日", "ä"])
def test_no_encoded_word_cuts_what_the_reader_sees_as_one(unit):
    line = headers.text_header("Subject", unit * 40 + " x " + unit * 40)
    for word in re.findall(r"=\?utf-8\?[bq]\?[^?]*\?=", line):
        piece = str(email.header.make_header(email.header.decode_header(word)))
        assert piece.replace(unit, "") in ("", " x ", " x", "x ", " ", "x")
        assert len(word) <= 75
    assert all(len(part) <= 76 for part in line.split("\r\n"))


TEXT = (
    st.text(max_size=200)
    | st.text(alphabet='a=?é_ \r\n\t\x00,"\\<>@😀', max_size=120)
    | st.just("=?utf-8?q?=0ABcc:_x?=")
)


@settings(deadline=None)
@given(subject=TEXT, sender=TEXT, name=TEXT)
def test_whatever_a_value_holds_it_stays_one_header(subject, sender, name):
    message = content(subject="{{ s }}", sender_name="{{ f }}")
    data = render(message, fields={"s": subject, "f": sender, "name": name})
    parsed = parse(data)
    assert parsed.keys() == HEADERS and not parsed.defects
    assert parsed["Subject"] == headers.clean(subject)
    for header, expected in (("From", sender), ("To", name)):
        (address,) = parsed[header].addresses
        # The parser loses no-break spaces at the edges of encoded words in names; the subject proves that we do not.
        assert "".join(address.display_name.split()) == "".join(headers.clean(expected).split())
    check_octets(data)


BODY = st.text(max_size=300) | st.text(alphabet="a. =é\r\n\t-_{}%Frome", max_size=300) | st.just("x" * 500)


@settings(deadline=None)
@given(before=BODY, value=BODY, between=BODY, other=BODY)
def test_whatever_a_body_holds_it_arrives(before, value, between, other):
    statics = [re.sub(r"\{[{%]", "{ ", static).rstrip("{") for static in (before, between)]
    text = f"{statics[0]}{{{{ v }}}}{statics[1]}{{{{ o }}}}"
    data = render(content(text=text, html="<p>x</p>"), fields={"v": value, "o": other})
    expected = "".join(map(lines, (statics[0], value, statics[1], other)))
    got = bodies(data)[0]
    assert got.removesuffix("\n") == expected.removesuffix("\n")
    check_octets(data)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two<br>three</p>", "One\n\nTwo\nthree\n"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b\n"),
        ("<style>p{}</style><title>T</title>x<script>y</script>", "x\n"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example\n"),
        ('<a href="https://x.example"><img alt="Shop" src="i.png"></a>', "Shop <https://x.example>\n"),
        ('<a href="https://x.example"><img src="i.png"></a>', "https://x.example\n"),
        ('<a href="mailto:a@b.example">write</a> <a href="#top">up</a>', "write <a@b.example> up\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("a &lt; b &amp; c&nbsp;d", "a < b & c\u00a0d\n"),
        ("<pre>a\n  b</pre>", "a\n  b\n"),
        (
            "{% if a < b %}<b>{{ x | default: '<i>' }}</b>{% endif %}",
            "{% if a < b %}{{ x | default: '<i>' }}{% endif %}\n",
        ),
        ("<p>a<p>b</div></a></pre>", "a\n\nb\n"),
    ],
)
def test_text_from_html(html, text):
    assert plain_text.from_html(html) == text


@settings(deadline=None)
@given(st.text(alphabet="<>a/p=\"' {}%!-&;é\n", max_size=60))
def test_text_from_any_html_at_all(html):
    plain_text.from_html(html)

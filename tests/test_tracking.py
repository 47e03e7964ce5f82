"""Opens and clicks in mails: what is marked and what is left alone, whose token is ours, who was a machine. Pure."""

import email
import email.policy
import re
from urllib.parse import urlsplit

import pytest

from blaster.mail import marks, tracking
from blaster.mail.compile import Content, compile_message
from blaster.mail.tracking import Ticket, Tracker
from blaster.queue import hits

KEY, BASE, NOW = b"a key of the tests", "https://mail.example.com", 1_790_000_000_000
WHO = ("Alder Street Bakery", "12 Alder Street\nLondon N1")
HTML = (
    '<html><body><a href="https://shop.example/a?x=1&amp;y=2">A</a> <a class=b HREF=http://shop.example/b>B</a>'
    '<a href="https://shop.example/a?x=1&amp;y=2">A again</a></body></html>'
)
ADDRESSES = ["https://shop.example/a?x=1&y=2", "http://shop.example/b"]
LEFT_ALONE = (
    "mailto:a@b.example",
    "tel:+123",
    "#top",
    "/relative",
    "ftp://shop.example/",
    "javascript:alert(1)",
    "https://",
    "https://[bad",
    "http://shop.example/a b",
    "https://shop.example/{{ city }}",
    "{{ unsubscribe_url }}",
    "https://shop.example/" + 4_000 * "x",
    "",
)


def message(html=HTML, text="", *, opens=False, links=()):
    """(the bytes, HTML part, text part) of one mail."""
    content = Content(5, 7, 3, "Hi", "", "", "", html, text, *WHO, tracks_opens=opens, links=tuple(links))
    skeleton = compile_message(content, message_key=KEY, public_url=BASE)
    fields = {"city": "Köln", "tracked-1": "https://evil.example"}
    data = skeleton.render(row_id=99, email="zoe@example.net", fields=fields, from_address="a@b.org", now=NOW)
    mail = email.message_from_bytes(data, policy=email.policy.default)
    parts = (mail.get_body((kind,)) for kind in ("html", "plain"))
    return data, *(part.get_content() if part else "" for part in parts)


def hrefs(html):
    return re.findall(r'(?i)href=["\']?([^"\'>\s]*)', html)


def test_a_mail_that_counts_nothing_has_neither_picture_nor_other_links():
    data, html, _ = message()
    assert hrefs(html)[:3] == ["https://shop.example/a?x=1&amp;y=2", "http://shop.example/b", hrefs(HTML)[2]]
    assert "<img" not in html and b"/c/" not in data and b"/o/" not in data


def test_counted_links_come_by_way_of_us_and_the_plain_text_stays():
    _, html, text = message(links=tracking.links(HTML))
    *tokens, leave = (urlsplit(url).path for url in hrefs(html))
    assert leave.startswith("/u/") and "<img" not in html and "evil" not in html
    read = [tracking.read(path.removeprefix("/c/"), KEY) for path in tokens]
    assert read == [Ticket(7, 5, 99, NOW, number) for number in (1, 2, 1)]
    assert "http://shop.example/b" in text and "/c/" not in text


def test_the_picture_stands_at_the_end_of_the_body():
    _, html, _ = message(opens=True)
    (source,) = re.findall(
        r'<img src="https://mail.example.com/o/([\w-]+)" width="1" height="1" alt=""[^>]*></body>', html
    )
    assert tracking.read(source, KEY) == Ticket(7, 5, 99, NOW, tracking.OPEN)
    assert hrefs(html)[1] == "http://shop.example/b"


@pytest.mark.parametrize("address", LEFT_ALONE)
def test_what_leads_to_no_website_or_each_one_elsewhere_is_left_alone(address):
    html = f'<p><a href="{address}">x</a></p>'
    assert tracking.links(html) == []
    marked = Tracker(KEY, BASE, 7, 5, opens=False, links=tracking.links(HTML)).marked(html)
    assert marked == html


def test_links_are_found_once_each_and_what_cannot_be_counted_is_told():
    assert tracking.links(HTML) == ADDRESSES
    assert tracking.links("".join(f'<a href="https://x.example/{n}">' for n in range(1_200)))[-1].endswith("/999")
    one = (
        '<a href="https://x.example/{{ city }}">c</a><a href="{{ unsubscribe_url }}">u</a><a href="mailto:a@b.c">m</a>'
    )
    assert (tracking.left_alone(one), tracking.left_alone(HTML)) == (1, 0)
    assert (
        tracking.links('<!-- <a href="https://x.example/"> -->{% raw %}<a href="https://y.example/">{% endraw %}') == []
    )


def test_conditions_of_the_author_and_counted_links_go_together():
    html = (
        '{% if city == "Köln" %}<a href="http://shop.example/b">B</a>{% else %}<a href="http://c.example">{% endif %}'
    )
    _, marked, _ = message(html, links=tracking.links(html), opens=True)
    first, *_ = hrefs(marked)
    assert tracking.read(urlsplit(first).path.removeprefix("/c/"), KEY).link == 1


def test_no_other_token_is_ours():
    (token,) = (
        url.rpartition("/")[2] for url in Tracker(KEY, BASE, 7, 5, opens=True, links=()).fields(99, NOW).values()
    )
    other = [token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1 :] for at in range(len(token))]
    wrong = [*other, token[:-1], token + "A", "", "é" * len(token), "=" * len(token), token + "\n"]
    assert [each for each in wrong if tracking.read(each, KEY)] == []
    assert tracking.read(token, KEY) and tracking.read(token, b"another key") is None


AGENTS = {
    "Mozilla/5.0": "apple",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)": "gmail",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135"
    " Safari/537.36 Edge/12.246 Mozilla/5.0": "gmail-ahead",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html": "yahoo",
    "Mozilla/5.0 (Windows NT 6.1) AppleWebKit/534 (KHTML, like Gecko) BingPreview/1.0b": "microsoft",
    "Barracuda Sentinel (EE)": "barracuda",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "crawler",
    "Twitterbot/1.0": "crawler",
    "curl/8.5.0": "program",
    "python-requests/2.32.3": "program",
    "": "nameless",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)": None,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.0": None,
    "Mozilla/5.0 (Linux; Android 8.1; CUBOT X18 Plus) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36": None,
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)": None,
}


@pytest.mark.parametrize(("agent", "key"), AGENTS.items(), ids=[agent[:40] for agent in AGENTS])
def test_programs_are_known_by_their_names(agent, key):
    found = marks.of_request("GET", agent)
    assert (found and found.key) == key
    assert found is None or found.is_machine == (key not in ("gmail", "yahoo"))


def test_how_it_asks_tells_a_machine_too():
    browser = next(agent for agent, key in AGENTS.items() if key is None)
    assert marks.of_request("HEAD", browser).key == "head"
    assert marks.of_request("GET", browser, "prefetch;prerender").key == "ahead"


def test_the_table_of_marks_is_whole():
    table = marks.all_marks()
    assert {hits.EARLY, hits.BURST, "head", "ahead", "nameless"} <= set(table)
    for mark in table.values():
        assert mark.who in ("machine", "person") and mark.confidence in ("published", "secondary", "own")
        assert mark.source.startswith("https://") and mark.date.year >= 2026 and mark.words.endswith(".")
        assert all(pattern == pattern.lower() for pattern in mark.agents) and len(mark.key) <= 24

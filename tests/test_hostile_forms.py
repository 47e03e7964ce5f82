"""Every form with what nobody types: it may be refused in words, and never breaks anything.

Each address that takes a POST gets fields that its pages have, and fields of other pages, with hostile values.
"""

import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from blaster import config
from tests.routes import ADMIN, OWNED, PERSONAL, PUBLIC, build, own, rules

pytest_plugins = ["tests.dns_server"]
WEB = Path(config.__file__).parent / "web"
EXAMPLES = 4  # of each address
HOSTILE = [
    *(
        "",
        " ",
        "\x00",
        "\r\nBcc: x@example.com",
        "\ud800",
        "\U0010ffff",
        "\u202e",
        "\ufeff",
        "e\u0301" * 300,
        "0" * 5000,
    ),
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "{{ 7 * 7 }}", "{% for %}"),
    *("{{ config }}", "{{", "%s%n%(x)s", "' OR 1=1 --", "\\", "../../etc/passwd", "=cmd|' /C calc'!A0", "@example.com"),
    *("-1", "0", "1e400", "NaN", "9" * 40, "٣", "1,5", "true", "null", "[]", '{"a": 1}', "2026-02-30T25:61", "::1"),
    *(
        "zoe@example.com",
        "zoe@exa mple",
        "a@" + "b" * 300,
        "http://127.0.0.1:22/",
        "127.0.0.1",
        "10.0.0.1",
        "UTC",
        "on",
    ),
]
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))
FILES = st.sampled_from(
    [b"", b"\x00\xff" * 50, b"PK\x03\x04broken", b"email\nzoe@example.com\n", b"\xff\xfe\x00\xd8", b"a,b\n" * 999]
)
ENDING = {"auth.logout", "sign_in.end_all"}  # the sign-in of the test itself: they come last


class Names(HTMLParser):
    """The names of all fields and buttons of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if name := dict(attributes).get("name"):
            if tag in ("input", "select", "textarea", "button") and name != "csrf_token":
                self.found.add(name)


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def settings(databases, name_server) -> config.Settings:
    return config.load(databases | {"BLASTER_DNS_SERVERS": name_server.address})


def pages(app, people, ids: dict[str, int]) -> dict[str, set[str]]:
    """The fields of every page, by its address."""
    found = {}
    for person, kinds in people:
        for rule, method in rules(app, *kinds):
            if method == "GET" and rule.endpoint != "static":
                answer = person.get(url := build(app, rule, ids))
                assert answer.status_code < 500, url
                if answer.mimetype == "text/html":
                    found[url] = Names(answer.text).found
    return found


def test_no_form_breaks(app, alice, admin, nowhere):
    ids = own(alice.user_id)
    people = [(alice, (PERSONAL, OWNED, PUBLIC)), (admin, (ADMIN,))]
    fields = pages(app, people, ids)
    everywhere = sorted(set().union(*fields.values()))
    assert len(everywhere) > 60
    for person, kinds in people:
        token = person.token()
        posts = [rule for rule, method in rules(app, *kinds) if method == "POST"]
        for rule in sorted(posts, key=lambda rule: rule.endpoint in ENDING):
            url = build(app, rule, ids)
            attack(person, token, url, sorted(fields.get(url, ())), everywhere)
            assert rule.endpoint in ENDING or person.get("/settings").status_code == 200, f"{url} ends the session"


def test_no_question_breaks_a_page(app, alice, admin, nowhere):
    """Numbers beyond any id, and the last day that there is, for whatever a page looks at behind the `?`."""
    source = "".join(path.read_text() for path in WEB.glob("*.py"))
    names = set(re.findall(r'(?:args|asked)\.get\("(\w+)"', source)) - {"next"}
    assert names > {"before", "after", "lift", "list_id", "template_id", "viewer_id"}
    query = dict.fromkeys(names, "9" * 40) | {"since": "9999-12-31", "until": "9999-12-31"}
    ids = own(alice.user_id, started=True)
    for person, kinds in ((alice, (PERSONAL, OWNED)), (admin, (ADMIN,))):
        for rule, method in rules(app, *kinds):
            if method == "GET":
                url = build(app, rule, ids)
                answer = person.client.get(url, query_string=query)
                assert answer.status_code < 500, url


def attack(person, token: str, url: str, own_fields: list[str], everywhere: list[str]) -> None:
    """Its own fields, most of them, and some that belong elsewhere; half of the time as htmx sends it."""
    values = st.one_of(TEXT, st.lists(TEXT, max_size=3))
    some = st.dictionaries(st.sampled_from(own_fields or everywhere), values, min_size=min(6, len(own_fields)))
    others = st.dictionaries(st.sampled_from(everywhere), values, max_size=4)

    @examples(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(some=some, others=others, htmx=st.booleans(), file=st.none() | FILES)
    def run(some, others, htmx, file):
        form = {**others, **some, "csrf_token": token}
        form = {name: _sendable(value) for name, value in form.items()}
        if file is not None:
            form |= {name: (BytesIO(file), "a.csv") for name in ("file", "source", "files")}
        headers = {"HX-Request": "true"} if htmx else {}
        answer = person.client.post(url, data=form, headers=headers)
        assert answer.status_code < 500, (url, form, re.sub(r"<[^>]+>|\s+", " ", answer.text)[-300:])

    run()


def _sendable(value):
    """Half a surrogate pair as a browser that is told to would send it: as octets that are no UTF-8."""
    if isinstance(value, list):
        return [_sendable(each) for each in value]
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")

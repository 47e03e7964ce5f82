"""Every page as it is without scripts: what tests/pages.py lists, in an installation where nothing is missing."""

import re
from html.parser import HTMLParser

import pytest
from flask import Flask

from blaster import config
from blaster.web import create_app
from tests.pages import ADMINS, PAGES, PUBLIC, addresses
from tests.test_htmx import assert_works_without_scripts
from tests.web import Visitor

WHAT_TO_DO = (
    "each route that answers GET needs a row in PAGES of tests/pages.py: the addresses of its pages, filled from"
    " tests/furnished.py (add there what it shows), or the reason why it is none. The tests then look at each of them."
)
VOID = {"input", "img", "br", "meta", "link", "hr", "use", "rect", "path", "line", "circle", "source", "col"}
UNSEEN = {"hidden", "submit", "button"}


@pytest.fixture(scope="module")
def app(house) -> Flask:
    return create_app(config.load(house.env))


@pytest.fixture(scope="module")
def pages(app, house) -> dict[str, str]:
    """The text of each page by who looks and its address."""
    found = {}
    for who in (house.admin, house.newcomer, house.on_trial, ""):
        visitor = Visitor(app)
        assert not who or visitor.sign_in(who).status_code == 303
        for url in addresses(house, who):
            answer = visitor.get(url)
            assert answer.status_code == 200, f"{url} answered {answer.status_code} to {who}"
            found[f"{who} {url}"] = answer.text
    return found


def test_each_route_is_a_page_or_something_else(app):
    there = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in rule.methods}
    there = {endpoint for endpoint in there if not endpoint.startswith("api.")}
    assert there - set(PAGES) == set(), WHAT_TO_DO
    assert set(PAGES) - there == set(), "these are gone: remove them from PAGES"
    assert set(PUBLIC) | set(ADMINS) <= there


def test_each_address_is_one_of_its_route(app, house):
    matches = app.url_map.bind("localhost").match
    for endpoint, urls in PAGES.items():
        for url in urls if isinstance(urls, list) else ():
            assert matches(url.format(**house.ids).partition("?")[0])[0] == endpoint


class Reader(HTMLParser):
    """Forms and headings of a page, and what a form control is called."""

    def __init__(self, page: str):
        super().__init__()
        self.forms: list[dict] = []
        self.controls: list[dict] = []  # attributes, `form` what it belongs to, `wrapped` in a label
        self.labelled: set[str] = set()
        self.headings = 0
        self._open: list[str] = []
        self.feed(page)
        self.close()
        by_id = {form.get("id"): form for form in self.forms}
        for control in self.controls:
            if "form" in control:  # by name, wherever it stands
                control["owner"] = by_id.get(control["form"])

    def fields(self) -> list[dict]:
        """What people fill in."""
        return [each for each in self.controls if each["type"] not in UNSEEN and "hidden" not in each]

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "form":
            self.forms.append(values)
        elif tag == "label":
            self.labelled.add(values.get("for", ""))
        elif tag == "h1":
            self.headings += 1
        elif tag in ("input", "select", "textarea", "button"):
            kind = values.get("type", "submit" if tag == "button" else "text")
            owner = self.forms[-1] if "form" in self._open else None
            self.controls.append({"owner": owner, **values, "type": kind, "wrapped": "label" in self._open})

    def handle_endtag(self, tag):
        while tag in self._open and self._open.pop() != tag:
            pass


def test_each_form_can_be_sent(pages):
    for where, page in pages.items():
        reader = Reader(page)
        for form in reader.forms:
            said = f"{where}: {form}"
            mine = [control for control in reader.controls if control["owner"] is form]
            assert form.get("method") in ("get", "post"), said
            assert form.get("action"), said
            assert "submit" in [control["type"] for control in mine], f"no button that sends it, {said}"
            has_token = any(control.get("name") == "csrf_token" and control.get("value") for control in mine)
            # Who unsubscribes has no session (RFC 8058).
            assert form["method"] == "get" or has_token or where.startswith(" /u/"), f"no token, {said}"


def test_each_field_has_a_label_and_belongs_to_a_form(pages):
    for where, page in pages.items():
        reader = Reader(page)
        for field in reader.fields():
            named = field["wrapped"] or field.get("id") in reader.labelled or field.get("aria-label")
            assert named, f"no label, {where}: {field}"
            assert field["owner"] or field.get("hx-get"), f"no form, {where}: {field}"


def test_nothing_needs_scripts(pages):
    for where, page in pages.items():
        assert_works_without_scripts(page, where)
        assert 'href="#"' not in page and "javascript:" not in page, where


def test_each_page_says_what_it_is(pages):
    for where, page in pages.items():
        assert Reader(page).headings == 1, where
        title = re.search(r"<title>(.*?)</title>", page, re.DOTALL)[1].strip()
        assert re.fullmatch(r"\S.* · Blaster", title) or where.startswith(" /u/"), (where, title)


def test_each_time_is_exact_too(pages):
    for where, page in pages.items():
        for tag in re.findall(r"<time[^>]*>", page):
            assert re.search(r'datetime="\d{4}-\d\d-\d\dT', tag) and 'title="' in tag, (where, tag)

"""htmx only quickens pages that work without it."""

import re

import pytest

from blaster.web import htmx
from tests.routes import ADMIN, OWNED, PERSONAL, build, own, rules

TAG = re.compile(r"<(\w+)([^>]*\shx-(?:get|post)=[^>]*)>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


def assert_works_without_scripts(page: str, where: str = "") -> int:
    """Whatever htmx does on the page, its links and buttons do too; returns how many elements that are."""
    found = TAG.findall(page)
    for tag, text in found:
        attributes, said = dict(ATTRIBUTE.findall(text)), f"{where} {text}"
        if attributes.get("hx-trigger", "").startswith(("change", "input")):
            pass  # as one types or chooses: what a button of the same page does too
        elif attributes.get("type") == "button":
            assert "needs-scripts" in page, said  # not shown where there are none
        elif "hx-post" in attributes:
            # A submit button of a form goes where the form goes.
            plain = attributes.get("action") or attributes.get("formaction") or attributes.get("type") == "submit"
            assert plain in (attributes["hx-post"], True), said
            assert tag == "button" or attributes["method"] == "post", said
        elif tag == "form":  # of one field: Enter sends it
            assert attributes.get("method") == "get", said
            assert attributes["action"].partition("#")[0] == attributes["hx-get"], said
        elif not attributes.get("hx-trigger", "").startswith("every "):
            assert attributes.get("href") or tag in ("input", "select"), said  # a field of a form with a button
        assert attributes.get("hx-target"), "inherited targets mean something else in the next htmx: " + said
        assert attributes.get("hx-swap"), said
    return len(found)


@pytest.mark.parametrize("started", [False, True])
def test_whatever_htmx_does_works_without_scripts(app, admin, started):
    mine, seen = own(admin.user_id, started=started), 0
    for rule, method in rules(app, PERSONAL, OWNED, ADMIN):
        if method == "GET":
            url = build(app, rule, mine)
            seen += assert_works_without_scripts(admin.get(url).text, url)
    assert seen > 10


def test_redirects_suit_the_caller(app):
    with app.test_request_context():
        answer = htmx.redirect("/lists")
        assert (answer.status_code, answer.location) == (303, "/lists")
    with app.test_request_context(headers={"HX-Request": "true"}):
        answer = htmx.redirect("/lists")
        assert (answer.status_code, answer.headers["HX-Redirect"], answer.location) == (204, "/lists", None)


def test_a_version_that_the_page_has_is_unchanged(app):
    with app.test_request_context("/?v=abc"):
        assert htmx.unchanged("abc")
        assert not htmx.unchanged("abd")
        assert htmx.not_modified().status_code == 204

"""htmx only quickens pages that work without it."""

import re

import pytest

from blaster.web import htmx
from tests.routes import ADMIN, OWNED, PERSONAL, build, own, rules

TAG = re.compile(r"<(\w+)([^>]*\shx-(?:get|post)=[^>]*)>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


@pytest.mark.parametrize("started", [False, True])
def test_whatever_htmx_does_works_without_scripts(app, admin, started):
    mine = own(admin.user_id, started=started)
    seen = 0
    for rule, method in rules(app, PERSONAL, OWNED, ADMIN):
        if method != "GET":
            continue
        page = admin.get(build(app, rule, mine)).text
        for tag, text in TAG.findall(page):
            attributes = dict(ATTRIBUTE.findall(text))
            seen += 1
            if attributes.get("hx-trigger", "").startswith(("change", "input")):
                pass  # as one types or chooses: what a button of the same page does too
            elif attributes.get("type") == "button":
                assert "needs-scripts" in page, text  # not shown where there are none
            elif "hx-post" in attributes:
                # A submit button of a form goes where the form goes.
                plain = attributes.get("action") or attributes.get("formaction") or attributes.get("type") == "submit"
                assert plain in (attributes["hx-post"], True), text
                assert tag == "button" or attributes["method"] == "post", text
            elif tag == "form":  # of one field: Enter sends it
                assert attributes.get("method") == "get", text
                assert attributes["action"].partition("#")[0] == attributes["hx-get"], text
            elif not attributes.get("hx-trigger", "").startswith("every "):
                assert attributes.get("href") or tag in ("input", "select"), text  # a field of a form with a button
            assert attributes.get("hx-target"), "inherited targets mean something else in the next htmx: " + text
            assert attributes.get("hx-swap"), text
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

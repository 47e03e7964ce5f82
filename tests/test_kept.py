"""What was typed into a form outlives the end of its session, without scripts too."""

import html
import json
import re

import pytest

from blaster import campaigns, recipients
from blaster.web import kept
from tests.routes import ADMIN, OWNED, PERSONAL, ROUTES, build, own, rules
from tests.test_isolation import everything
from tests.web import PASSWORD, Visitor

OURS = {"Origin": "http://localhost"}
HTMX = OURS | {"HX-Request": "true"}
WROTE = {"name": "News", "subject": 'Über <b> & "alles"', "html": "<p>one\r\n\r\ntwo</p>" * 20_000, "then": "review"}


@pytest.fixture
def engine():
    """Pages, not SQL: one engine is enough."""
    return "sqlite"


@pytest.fixture
def draft(alice):
    return campaigns.create_campaign(alice.user_id, name="Old")


def send(person, url, fields, headers=OURS):
    return person.client.post(url, data={"csrf_token": "old", **fields}, headers=headers)


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Where the page's form leads and what it holds."""
    return html.unescape(re.search(r'<form[^>]* action="([^"]+)"', page)[1]), hidden(page)


def sign_in_again(person, page: str, email="alice@example.com"):
    url, fields = form_of(page)
    return person.client.post(url, data={**fields, "email": email, "password": PASSWORD})


@pytest.mark.parametrize("headers", [OURS, {"Referer": "http://localhost/campaigns/1/edit"}])
def test_a_message_comes_back_to_its_form_after_signing_in(alice, draft, headers):
    url = f"/campaigns/{draft.campaign_id}/edit"
    alice.post("/logout")
    page = send(alice, url, WROTE, headers)
    assert page.status_code == 401 and "What you typed is kept" in page.text
    page = sign_in_again(alice, page.text)
    assert page.status_code == 200 and "still here" in page.text
    where, fields = form_of(page.text)
    assert where == url and {name: fields[name] for name in WROTE} == WROTE
    page = alice.client.post(where, data=fields)
    assert "This is what you had typed. Nothing is saved yet." in page.text
    assert html.unescape(page.text).count("<p>one\r\n\r\ntwo</p>" * 20_000) == 1
    assert html.escape(WROTE["subject"]) in page.text.replace("&#34;", "&quot;")
    assert campaigns.get_campaign(alice.user_id, draft.campaign_id).subject == ""


def test_a_wrong_password_keeps_it(alice, draft):
    alice.post("/logout")
    asked = send(alice, "/campaigns/new", WROTE).text
    url, fields = form_of(asked)
    page = alice.client.post(url, data={**fields, "email": "alice@example.com", "password": "wrong"})
    assert page.status_code == 422 and "do not match" in page.text
    assert json.loads(hidden(page.text)["kept"]) == json.loads(fields["kept"])


def test_with_scripts_the_page_stays_and_offers_the_way(alice):
    alice.post("/logout")
    answer = send(alice, "/lists/1/import", {"rows": "a@example.com"}, HTMX)
    assert answer.status_code == 422 and answer.headers["HX-Retarget"] == "#flash"
    url, fields = form_of(answer.text)
    page = alice.client.post(url, data=fields)
    assert page.status_code == 200 and "has-error" not in page.text
    assert json.loads(hidden(page.text)["kept"]) == [["rows", "a@example.com"]]


@pytest.mark.parametrize("headers", [OURS, HTMX])
def test_a_token_of_an_older_session_costs_nothing_either(alice, draft, headers):
    url = f"/campaigns/{draft.campaign_id}/edit"
    page = send(alice, url, WROTE, headers)
    where, fields = form_of(page.text)
    assert where == url and "shown_again" in fields
    assert "Nothing is saved yet" in alice.client.post(where, data=fields).text


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Referer": "https://evil.example/x"}])
def test_the_words_of_another_site_are_not_kept(alice, headers):
    for person in (alice, alice.client.application.test_client()):
        client = getattr(person, "client", person)
        answer = client.post("/campaigns/new", data=WROTE, headers=headers)
        assert answer.status_code in (303, 400) and "Über" not in answer.text


def test_no_password_is_written_into_a_page(alice):
    alice.post("/logout")
    page = send(alice, "/servers/new", {"name": "Relay", "password": "hunter2-hunter2"}).text
    assert "Relay" in page and "hunter2" not in page


def test_more_than_a_form_holds_is_not_read(alice):
    alice.post("/logout")
    answer = send(alice, "/campaigns/new", {"html": "x" * 4_300_000})
    assert answer.status_code == 303 and answer.location == "/login"


@pytest.mark.parametrize("url", ["/campaigns/new", "/login?kept=1&next=/campaigns/new", "/login/code?kept=1"])
def test_a_browser_that_nobody_signed_in_with_may_not_bring_much(app, alice, url):
    """Else any stranger could have the server read megabytes, again and again."""
    alice.post("/logout")
    large = {"kept" if "kept" in url else "html": "x" * 200_000}
    assert send(alice, url, large).status_code in (303, 400, 401), "read, and looked at"
    answer = send(Visitor(app), url, large)
    assert answer.status_code in (303, 413) and "xxx" not in answer.text


@pytest.mark.parametrize("path", ["/logout", "/campaigns/1/start", "/nowhere", "https://evil.example/", "/login"])
def test_it_comes_back_to_forms_only(alice, path):
    token = alice.token()
    data = {"csrf_token": token, kept.FIELD: json.dumps([["name", "x"]])}
    answer = alice.client.post("/login", query_string={"next": path}, data=data)
    assert answer.status_code == 303


@pytest.mark.parametrize("stored", ["", "x", "1", "[1]", '{"a": 1}', '[["a"]]', '[["a", "b", "c"]]', "null"])
def test_what_nobody_typed_is_nothing(alice, stored):
    data = {"csrf_token": alice.token(), "kept": stored}
    answer = alice.client.post("/login", query_string={"next": "/campaigns/new"}, data=data)
    assert answer.status_code == 303 and answer.location == "/campaigns/new"


def test_showing_a_form_again_saves_nothing_anywhere(app, alice, admin):
    hers = own(alice.user_id)
    recipients.create_list(alice.user_id, "Another")
    before, seen = everything(), 0
    fields = {"shown_again": "1", "name": "Mine", "rows": "a@example.com", "email": "new@example.com", "why": "asked"}
    fields |= {"host": "smtp.example.com", "port": "587", "encryption": "tls", "action": "start", "titled": "True"}
    fields |= {"start_at": "2027-03-01T08:00", "zone": "UTC", "opens": "08:00", "closes": "18:00", "days": "1"}
    for rule, method in rules(app, PERSONAL, OWNED, ADMIN):
        if method != "POST" or not kept.is_form(rule.endpoint, rule.methods):
            continue
        person = admin if ROUTES[rule.endpoint] == ADMIN else alice
        answer = person.post(build(app, rule, hers), fields)
        assert answer.status_code in (200, 422), rule
        assert "Nothing is saved yet" in answer.text, rule
        seen += 1
    assert seen > 15 and everything() == before

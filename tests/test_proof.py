"""The password asked for once more, ahead of what is dangerous."""

import html
import re

import pytest

from blaster import db, recipients, servers, sessions
from blaster.models.sign_in import Session
from blaster.web.proof import DANGEROUS
from tests.routes import own
from tests.web import PASSWORD


@pytest.fixture
def engine():
    """Pages, not SQL: one engine is enough."""
    return "sqlite"


@pytest.fixture
def stale(alice):
    """Alice, who signed in a while ago."""
    with db.session(db.campaign_db):
        Session.update(proved_at=Session.proved_at - sessions.PROVED).execute()
    return alice


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def form_of(page: str) -> tuple[str, dict[str, str]]:
    return html.unescape(re.search(r'<form[^>]* action="([^"]+)"', page)[1]), hidden(page)


def test_a_list_is_deleted_after_the_password(stale):
    found = recipients.create_list(stale.user_id, "Walruses")
    url = f"/lists/{found.id}/delete"
    page = stale.post(url)
    assert page.status_code == 403 and "Enter your password" in page.text
    where, fields = form_of(page.text)
    assert where == url
    page = stale.client.post(where, data=fields | {"proof_password": "wrong"})
    assert page.status_code == 403 and "not your password" in page.text
    assert recipients.get_list(stale.user_id, found.id)
    answer = stale.client.post(where, data=fields | {"proof_password": PASSWORD})
    assert answer.status_code == 303 and recipients.list_lists(stale.user_id) == []


def test_it_is_good_for_ten_minutes(stale):
    for number in range(2):
        found = recipients.create_list(stale.user_id, f"List {number}")
        answer = stale.post(f"/lists/{found.id}/delete", {"proof_password": PASSWORD} if not number else {})
        assert answer.status_code == 303
    with db.session(db.campaign_db):
        Session.update(proved_at=Session.proved_at - sessions.PROVED).execute()
    assert stale.post("/lists/1/delete").status_code == 403


def test_a_file_is_opened_after_the_password(stale):
    found = recipients.create_list(stale.user_id, "Walruses")
    url = f"/lists/{found.id}/export.csv"
    page = stale.get(url)
    assert page.status_code == 403
    where, fields = form_of(page.text)
    assert stale.client.post(where, data=fields | {"proof_password": "wrong"}).status_code == 403
    answer = stale.client.post(where, data=fields | {"proof_password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, url)
    assert stale.get(url).status_code == 200


@pytest.mark.parametrize("next_url", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_it_leads_nowhere_else(stale, next_url):
    answer = stale.client.post(
        "/proof", query_string={"next": next_url}, data={"csrf_token": stale.token(), "proof_password": PASSWORD}
    )
    assert answer.location == "/"


def test_a_secret_that_was_typed_goes_into_no_page_and_its_form_is_shown_again(stale):
    ids = own(stale.user_id)
    url = f"/accounts/{ids['account_id']}/edit"
    fields = {"email": "other@example.com", "auth": "password", "daily_limit": "7", "hourly_limit": "5"}
    with db.session(db.campaign_db):
        Session.update(proved_at=0).execute()
    page = stale.post(url, fields | {"password": "hunter2-hunter2"}, htmx=True)
    assert page.status_code == 422 and page.headers["HX-Retarget"] == "#flash" and "hunter2" not in page.text
    where, kept = form_of(page.text)
    page = stale.client.post(where, data=kept | {"proof_password": PASSWORD})
    assert "Nothing is saved yet" in page.text and 'value="other@example.com"' in page.text
    assert servers.get_account(stale.user_id, ids["account_id"]).email == "news@example.com"
    assert stale.post(url, fields | {"password": "hunter2-hunter2"}).status_code == 303


def test_a_limit_is_changed_without(stale):
    ids = own(stale.user_id)
    fields = {"email": "news@example.com", "auth": "password", "daily_limit": "7", "hourly_limit": "5"}
    with db.session(db.campaign_db):
        Session.update(proved_at=0).execute()
    assert stale.post(f"/accounts/{ids['account_id']}/edit", fields).status_code == 303


def test_guessing_it_waits_like_signing_in(stale):
    for _ in range(5):
        stale.post("/lists/1/delete", {"proof_password": "wrong"})
    assert "Too many wrong passwords" in stale.post("/lists/1/delete", {"proof_password": PASSWORD}).text


def test_another_sessions_proof_is_not_this_ones(app, stale):
    from tests.web import Visitor

    Visitor(app).sign_in("alice@example.com")
    assert stale.post("/lists/1/delete").status_code == 403


def test_what_is_dangerous_is_there(app):
    assert DANGEROUS <= {rule.endpoint for rule in app.url_map.iter_rules()}

"""Every route against another user's ids, without signing in, and without the role: see `tests.routes`."""

from itertools import product

import pytest

from blaster import campaigns, db, servers
from tests.routes import ADMIN, CALL, OWNED, PERSONAL, PUBLIC, ROUTES, build, own, rules

WHAT_TO_DO = "add it to ROUTES in tests/routes.py, and see that its first line asks with current_user.id"


def everything() -> dict[str, list]:
    """All rows but those of people."""
    rows = {}
    for database in (db.campaign_db, db.crm_db):
        with db.session(database):
            for table in set(database.get_tables()) - {"users"}:
                rows[table] = sorted(map(repr, database.execute_sql(f"SELECT * FROM {table}").fetchall()))
    return rows


def test_every_route_has_a_row(app):
    there = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert there - set(ROUTES) == set(), WHAT_TO_DO
    assert set(ROUTES) - there == set(), "these are gone: remove them from ROUTES"


def test_a_route_that_names_a_row_is_owned(app):
    named = {rule.endpoint for rule in app.url_map.iter_rules() if any(n.endswith("_id") for n in rule.arguments)}
    calls = {endpoint for endpoint in named if ROUTES[endpoint] == CALL}
    assert named - calls == {endpoint for endpoint, kind in ROUTES.items() if kind == OWNED}


@pytest.mark.parametrize("started", [False, True])
def test_another_users_rows_are_not_found_and_stay_as_they_are(app, alice, bob, started):
    hers, his = own(alice.user_id, started=started), own(bob.user_id, started=started)
    before = everything()
    for rule, method in rules(app, OWNED):
        ids = [name for name in rule.arguments if name.endswith("_id")]
        for owners in product((hers, his), repeat=len(ids)):
            if all(owner is his for owner in owners):
                continue
            url = build(app, rule, {name: owner[name] for name, owner in zip(ids, owners, strict=True)})
            for htmx in (False, True):
                answer = bob.get(url, htmx=htmx) if method == "GET" else bob.post(url, htmx=htmx)
                # An htmx form shows only answers of class 422; the words are those of the page.
                hidden = answer.status_code == 404 or (htmx and method == "POST" and "Not found" in answer.text)
                assert hidden, f"{method} {url} answered {answer.status_code} to a stranger"
    assert everything() == before


@pytest.mark.parametrize("started", [False, True])
def test_the_owner_finds_them(app, alice, started):
    hers = own(alice.user_id, started=started)
    for rule, method in rules(app, OWNED):
        if method == "GET":
            url = build(app, rule, hers)
            assert alice.get(url).status_code in (200, 303), url


@pytest.mark.parametrize("number", [0, 999_999_999, 2**63 - 1, 2**63, 10**30])
def test_an_id_that_never_was_is_not_found(app, alice, number):
    for rule, method in rules(app, OWNED):
        url = build(app, rule, dict.fromkeys(rule.arguments - {"change"}, number))
        answer = alice.get(url) if method == "GET" else alice.post(url)
        assert answer.status_code == 404, url


def test_without_signing_in_nothing_answers(app, alice, visitor):
    hers = own(alice.user_id)
    before = everything()
    for rule, method in rules(app, PERSONAL, OWNED, ADMIN):
        url = build(app, rule, hers)
        page = visitor.get(url) if method == "GET" else visitor.post(url)
        assert (page.status_code, page.location.split("?")[0]) == (303, "/login"), f"{method} {url}"
        fragment = visitor.get(url, htmx=True) if method == "GET" else visitor.post(url, htmx=True)
        assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (401, "/login"), f"{method} {url}"
        assert fragment.data == b""
    assert everything() == before


def test_public_routes_need_nobody(app, visitor):
    for rule, method in rules(app, PUBLIC):
        if method == "GET":
            answer = visitor.get(build(app, rule, {}))
            # 404 for a token that is none; the second step of signing in leads back to the first.
            assert answer.status_code in (200, 404) or (rule.endpoint, answer.location) == ("auth.code", "/login")


def test_admin_pages_are_forbidden_to_users(app, alice, admin):
    for rule, method in rules(app, ADMIN):
        url = build(app, rule, {"number": alice.user_id})
        assert (alice.get(url) if method == "GET" else alice.post(url)).status_code == 403, url
        assert method != "GET" or admin.get(url).status_code == 200
        assert "Admin" not in alice.get("/").text


def test_an_id_in_a_query_or_a_field_opens_nothing(app, alice, bob):
    list_id = own(alice.user_id)["list_id"]
    assert bob.get(f"/campaigns/merge-tags?list_id={list_id}", htmx=True).status_code == 404
    assert bob.post("/campaigns/preview", {"list_id": list_id, "text": "{{ email }}"}).status_code == 404
    page = bob.get(f"/campaigns/new?list_id={list_id}")
    assert page.status_code == 404 or "Walruses" not in page.text
    bob.post("/campaigns/new", {"name": "News", "list_id": list_id})
    assert all(draft.list_id is None for draft in campaigns.list_campaigns(bob.user_id))


def test_pages_show_only_ones_own(app, alice, bob):
    own(alice.user_id)
    servers.add_server(alice.user_id, name="Zebra relay", host="zebra.example.com", port=587, encryption="tls")
    for rule, method in rules(app, PERSONAL):
        if method == "GET":
            page = bob.get(build(app, rule, {})).text
            assert "zebra" not in page.lower()
            assert "Walruses" not in page

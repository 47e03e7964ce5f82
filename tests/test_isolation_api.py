"""Every call of the JSON API: with another user's token, with one that may less, and without any."""

from itertools import product

import pytest

from blaster import api_tokens, users
from blaster.web.api.operation import OPERATIONS
from tests.routes import CALL, build, own, rules
from tests.test_isolation import everything

BODIES = {
    "api.create_list": {"name": "Seals"},
    "api.create_campaign": {"name": "News"},
    "api.add_recipients": {"recipients": [{"email": "seal@example.com"}]},
    "api.add_suppressions": {"addresses": ["seal@example.com"]},
}


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def token(alice, bob):
    """Makes a token: of Bob, who may everything, unless told otherwise."""

    def make(user_id: int = bob.user_id, *scopes: str) -> dict[str, str]:
        _, secret = api_tokens.create_token(user_id, "Test", scopes or api_tokens.SCOPES)
        return {"Authorization": f"Bearer {secret}"}

    return make


def call(client, url: str, method: str, endpoint: str, headers: dict):
    url += "?address=seal@example.com" if endpoint == "api.check_suppression" else ""
    return client.open(url, method=method, json=BODIES.get(endpoint), headers=headers)


def without_tokens() -> dict:
    return {table: rows for table, rows in everything().items() if table not in ("api_tokens", "sessions")}


def test_the_description_and_the_matrix_are_the_same(app):
    assert set(OPERATIONS) == {rule.endpoint for rule, _ in rules(app, CALL)}


@pytest.mark.parametrize("started", [False, True])
def test_another_users_rows_are_not_found_and_stay_as_they_are(app, alice, bob, token, started):
    hers, his = own(alice.user_id, started=started), own(bob.user_id, started=started)
    headers, client = token(), app.test_client()
    before = without_tokens()
    for rule, method in rules(app, CALL):
        ids = sorted(rule.arguments)
        for owners in product((hers, his), repeat=len(ids)):
            if all(owner is his for owner in owners):
                continue
            url = build(app, rule, {name: owner[name] for name, owner in zip(ids, owners, strict=True)})
            answer = call(client, url, method, rule.endpoint, headers)
            assert (answer.status_code, answer.mimetype) == (404, "application/problem+json"), f"{method} {url}"
    assert without_tokens() == before


def test_without_a_token_nothing_answers(app, alice, token):
    hers = own(alice.user_id)
    before = without_tokens()
    for headers in ({}, {"Authorization": "Bearer blaster_x"}, {"Authorization": "Basic YTpi"}):
        for rule, method in rules(app, CALL):
            url = build(app, rule, hers)
            # Not even in a browser that is signed in: no cookie counts here.
            for client in (app.test_client(), alice.client):
                answer = call(client, url, method, rule.endpoint, headers)
                assert (answer.status_code, answer.mimetype) == (401, "application/problem+json"), f"{method} {url}"
                assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert without_tokens() == before


@pytest.mark.parametrize("scope", api_tokens.SCOPES)
def test_a_token_may_what_its_scope_says_and_nothing_else(app, alice, token, scope):
    hers, headers, client = own(alice.user_id, started=True), token(alice.user_id, scope), app.test_client()
    for rule, method in rules(app, CALL):
        answer = call(client, build(app, rule, hers), method, rule.endpoint, headers)
        wanted = OPERATIONS[rule.endpoint].scope
        assert (answer.status_code == 403) == (wanted != scope), f"{method} {rule.endpoint}"
        assert "Set-Cookie" not in answer.headers


def test_the_tokens_of_who_may_not_sign_in_open_nothing(app, alice, token):
    headers = token(alice.user_id)
    users.set_active(alice.user_id, False)
    assert app.test_client().get("/api/v1/lists", headers=headers).status_code == 401


def test_lists_show_only_ones_own(app, alice, token):
    own(alice.user_id)
    headers, client = token(), app.test_client()
    for rule, method in rules(app, CALL):
        if method == "GET" and not rule.arguments:
            text = call(client, build(app, rule, {}), method, rule.endpoint, headers).text
            assert "alrus" not in text and "zoe" not in text, rule

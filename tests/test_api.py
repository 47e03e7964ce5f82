"""What programs can do by the JSON API, and what they are told when they cannot."""

import threading

import pytest

from blaster import api_tokens, campaigns, db, erased, idempotency, servers, suppressions
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid
from blaster.models.api import ApiToken
from blaster.models.campaign_db import Campaign, CampaignStatus, User
from tests.routes import own

one_engine = pytest.mark.parametrize("engine", ["sqlite"])


class Program:
    """Calls the API with a token of its user."""

    def __init__(self, app, user_id: int, *scopes: str):
        self.client = app.test_client()
        self.token, self.secret = api_tokens.create_token(user_id, "Shop", scopes or api_tokens.SCOPES)

    def __call__(self, method: str, path: str, json=None, **headers):
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        headers |= {"Authorization": f"Bearer {self.secret}"}
        return self.client.open(f"/api/v1{path}", method=method, json=json, headers=headers)

    def get(self, path: str) -> dict:
        answer = self("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture
def program(app, alice) -> Program:
    return Program(app, alice.user_id)


@one_engine
def test_a_campaign_from_an_empty_list_to_its_end(program, alice):
    made = program("POST", "/lists", {"name": "Customers"})
    list_id = made.json["id"]
    assert (made.status_code, program.get("/lists")["items"]) == (201, [made.json])
    people = [{"email": f"c{i}@example.com", "fields": {"first_name": f"C {i}"}} for i in range(5)]
    added = program("POST", f"/lists/{list_id}/recipients", {"recipients": [*people, {"email": "nobody"}]}).json
    assert (added["added"], added["updated"], [each["position"] for each in added["refused"]]) == (5, 0, [6])
    draft = {"name": "News", "list_id": list_id, "subject": "Hello {{ first_name }}", "text": "Hello"}
    campaign_id = program("POST", "/campaigns", draft).json["id"]
    missing = program("POST", f"/campaigns/{campaign_id}/start")
    assert (missing.status_code, "SMTP account" in missing.json["detail"]) == (409, True)
    server = servers.add_server(alice.user_id, host="smtp.example.com", port=587, encryption="tls")
    limits = {"daily_limit": 100, "hourly_limit": 50}
    servers.add_account(alice.user_id, server.id, email="n@example.com", password="secret-canary", **limits)
    (account,) = program.get("/accounts")["items"]
    assert (account["state"], account["left"], account["hourly_limit"]) == ("ok", 50, 50)
    assert "canary" not in str(account)
    assert program("POST", f"/campaigns/{campaign_id}/start").json["status"] == "staging"
    assert program("POST", f"/campaigns/{campaign_id}/start").status_code == 409
    assert program("POST", f"/campaigns/{campaign_id}/pause").json["status"] == "paused"
    assert program("POST", f"/campaigns/{campaign_id}/resume").json["status"] == "staging"
    progress = program.get(f"/campaigns/{campaign_id}/progress")
    assert (progress["total"], progress["pending"], progress["sent"]) == (5, 5, 0)
    assert program("DELETE", f"/lists/{list_id}").status_code == 409
    assert program("POST", f"/campaigns/{campaign_id}/cancel").json["status"] == "cancelling"


@one_engine
def test_people_come_in_pages_that_lead_on(program):
    list_id = program("POST", "/lists", {"name": "Customers"}).json["id"]
    people = [{"email": f"c{i}@example.com", "fields": {"city": f"Town {i}"}} for i in range(7)]
    program("POST", f"/lists/{list_id}/recipients", {"recipients": people})
    seen, after = [], 0
    while after is not None:
        page = program.get(f"/lists/{list_id}/recipients?limit=3&after={after}")
        seen, after = seen + page["items"], page["next"]
    assert [(each["email"], each["fields"]) for each in seen] == [(p["email"], p["fields"]) for p in people]
    (found,) = program.get(f"/lists/{list_id}/recipients?search=C5@")["items"]
    assert program.get(f"/lists/{list_id}/recipients/{found['id']}") == found
    assert program("DELETE", f"/lists/{list_id}/recipients/{found['id']}").status_code == 204
    assert program("GET", f"/lists/{list_id}/recipients/{found['id']}").status_code == 404
    assert program.get(f"/lists/{list_id}")["size"] == 6
    other = program("POST", "/lists", {"name": "Others"}).json["id"]
    assert program("GET", f"/lists/{other}/recipients/{seen[0]['id']}").status_code == 404


@one_engine
def test_values_are_merged_and_names_of_fields_looked_at(program):
    list_id = program("POST", "/lists", {"name": "Customers"}).json["id"]

    def put(**fields):
        return program("POST", f"/lists/{list_id}/recipients", {"recipients": [{"email": "C@x.org", "fields": fields}]})

    assert put(city="Bern", age="7").json["added"] == 1
    assert (put(city="Rome", age=" ").json["updated"], put(city="Rome").json["unchanged"]) == (1, 1)
    assert program.get(f"/lists/{list_id}/recipients")["items"][0]["fields"] == {"city": "Rome", "age": "7"}
    assert program.get(f"/lists/{list_id}")["fields"] == ["age", "city"]
    for name in ("first name", "1st", "email", "if", "x" * 61):
        assert put(**{name: "x"}).status_code == 422, name
    assert put(**{f"f{number}": "x" for number in range(101)}).status_code == 422


@one_engine
def test_suppressions_are_added_and_asked_for(program, alice, bob):
    added = program("POST", "/suppressions", {"addresses": ["Zoe@Example.com", "@spam.example", "nobody", "="]}).json
    assert (added["added"], added["refused"]) == (2, ["nobody", "="])
    assert program("POST", "/suppressions", {"addresses": ["zoe@example.com"]}).json["known"] == 1
    suppressions.add(bob.user_id, "bobs@example.com")
    suppressions.complain(bob.user_id, "angry@example.com", "angry@example.com", None)
    suppressions.record(alice.user_id, "l@example.com", "l@example.com", "unsubscribe", list_id=7)
    erased.remember(alice.user_id, "gone@example.com")

    def state(address):
        found = program.get(f"/suppressions/check?address={address}")
        return found["suppressed"], [each["address"] for each in found["entries"]]

    assert state("ZOE@example.com") == (True, ["Zoe@example.com"])
    assert state("anybody@spam.example") == state("@spam.example") == (True, ["@spam.example"])
    assert state("bobs@example.com") == (False, [])
    assert state("angry@example.com") == (True, []), "a complaint holds for everybody, and nobody learns about what"
    assert state("l@example.com") == (False, ["l@example.com"])
    assert state("gone@example.com") == (True, [])
    page = program.get("/suppressions?limit=3")
    rest = program.get(f"/suppressions?limit=3&before={page['next']}")
    assert [len(page["items"]), len(rest["items"]), rest["next"]] == [3, 1, None]


@one_engine
def test_campaigns_come_newest_first(program, alice):
    ids = [program("POST", "/campaigns", {"name": f"No {i}"}).json["id"] for i in range(5)]
    first = program.get("/campaigns?limit=3")
    second = program.get(f"/campaigns?limit=3&before={first['next']}")
    assert [each["id"] for each in first["items"] + second["items"]] == ids[::-1] and second["next"] is None


def test_the_same_creation_makes_one_campaign(program, bob, app):
    body = {"name": "News", "subject": "One"}
    answers = [program("POST", "/campaigns", body, Idempotency_Key="k 1") for _ in range(2)]
    answers.append(program("POST", "/campaigns", {"subject": "One", "name": "News"}, Idempotency_Key="k 1"))
    assert {answer.json["id"] for answer in answers} == {answers[0].json["id"]}
    assert {answer.status_code for answer in answers} == {201}
    other = program("POST", "/campaigns", {**body, "subject": "Two"}, Idempotency_Key="k 1")
    assert (other.status_code, other.json["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert program("POST", "/campaigns", body, Idempotency_Key="k 2").json["id"] != answers[0].json["id"]
    assert Program(app, bob.user_id)("POST", "/campaigns", body, Idempotency_Key="k 1").status_code == 201
    for wrong in ("", "x" * 201, "ü"):
        assert program("POST", "/campaigns", body, Idempotency_Key=wrong).status_code == 422
    with db.session(campaign_db):
        assert Campaign.select().count() == CampaignStatus.select().count() == 3


def test_creations_that_race_make_one_campaign(databases):
    once, made, barrier = idempotency.once("k", b"{}"), [], threading.Barrier(6)

    def create():
        barrier.wait(30)
        made.append(campaigns.create_campaign(7, once=once, name="News").campaign_id)

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 6 and len(set(made)) == 1
    with db.session(campaign_db):
        assert Campaign.select().count() == CampaignStatus.select().count() == 1
    with pytest.raises(Invalid):
        campaigns.create_campaign(7, once=idempotency.once("k", b"{ }"), name="News")


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    ("path", "content", "kind", "status"),
    [
        ("/lists", b"{", "application/json", 400),
        ("/lists", b"\xff", "application/json", 400),
        ("/lists", b"", "application/json", 400),
        ("/lists", b"[]", "application/json", 422),
        ("/lists", b'{"name": 7}', "application/json", 422),
        ("/lists", b'{"name": ""}', "application/json", 422),
        ("/lists", b'{"name": "   "}', "application/json", 422),
        ("/lists", b'{"name": "x", "user_id": 1}', "application/json", 422),
        ("/lists", b'{"name": "x"}', "text/plain", 415),
        ("/lists", b"name=x", "application/x-www-form-urlencoded", 415),
        ("/campaigns", b'{"name": "x", "list_id": 99}', "application/json", 404),
        ("/campaigns", b'{"name": "x", "list_id": 1e400}', "application/json", 422),
        ("/campaigns", b'{"name": "x", "html": "{{ 1"}', "application/json", 201),
        ("/suppressions", b'{"addresses": []}', "application/json", 422),
    ],
)
def test_bodies_that_cannot_be_taken(program, path, content, kind, status):
    headers = {"Authorization": f"Bearer {program.secret}"}
    answer = program.client.post(f"/api/v1{path}", data=content, content_type=kind, headers=headers)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert (answer.mimetype, answer.json["status"]) == ("application/problem+json", status)
        assert answer.json["detail"] and answer.json["title"]


@one_engine
def test_trouble_outside_the_calls_is_told_in_the_same_way(program):
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("GET", f"/lists/{2**63}", 404),
        ("GET", "/lists/-1", 404),
        ("PUT", "/lists", 405),
        ("GET", "/lists/1/recipients?limit=0", 422),
        ("GET", "/lists/1/recipients?page=2", 422),
        ("GET", f"/campaigns?before={2**63}", 422),
    ):
        answer = program(method, path)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), path
    assert program("PUT", "/lists").headers["Allow"]


@one_engine
def test_a_database_that_is_away_is_said(program, monkeypatch):
    def away(*_):
        raise db.Unavailable("away")

    monkeypatch.setattr("blaster.web.api.lists.recipients.list_lists", away)
    answer = program("GET", "/lists")
    assert (answer.status_code, answer.mimetype, answer.headers["Retry-After"]) == (
        503,
        "application/problem+json",
        "5",
    )


def test_calls_are_counted_by_the_minute_for_all_processes(databases, monkeypatch):
    with db.session(campaign_db):
        user = User.create(email="a@example.com", password_hash="-", session_token="-")
    _, secret = api_tokens.create_token(user.id, "Shop", ["read"])
    now = 1_800_000_000_000
    monkeypatch.setattr(db, "now", lambda _: now + 15_000)
    barrier, outcomes = threading.Barrier(8), []

    def enter():
        barrier.wait(30)
        try:
            api_tokens.enter(secret, 5)
            outcomes.append("in")
        except api_tokens.TooMany as error:
            outcomes.append(f"wait {error.seconds}")

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["in"] * 5 + ["wait 45"] * 3
    monkeypatch.setattr(db, "now", lambda _: now + 60_000)
    assert api_tokens.enter(secret, 5).name == "Shop"


@one_engine
def test_too_many_calls_are_refused_with_the_time_to_wait(app, program):
    app.config["BLASTER"] = type(app.config["BLASTER"])(**{**app.config["BLASTER"].__dict__, "api_calls": 2})
    answers = [program("GET", "/lists") for _ in range(6)]  # a minute may end in between
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and 1 <= int(refused[0].headers["Retry-After"]) <= 60
    assert refused[0].mimetype == "application/problem+json"


@one_engine
def test_tokens_are_shown_once_and_kept_as_a_hash(alice, bob, databases):
    page = alice.post("/settings/api", {"name": "<b>Shop", "scopes": ["read", "send"]})
    secret = page.text.split('<code class="secret">')[1].split("<")[0]
    assert page.status_code == 200 and secret.startswith("blaster_") and len(secret) > 45
    (row,) = api_tokens.list_tokens(alice.user_id)
    assert (row.scopes, row.ending, row.used_at) == ("read send", secret[-4:], 0)
    assert secret not in repr(row.__data__) and secret not in alice.get("/settings/api").text
    assert "&lt;b&gt;Shop" in alice.get("/settings/api").text and "b&gt;" not in bob.get("/settings/api").text
    assert api_tokens.enter(secret, 100).id == row.id
    assert api_tokens.list_tokens(alice.user_id)[0].used_at
    alice.post(f"/settings/api/{row.id}/revoke")
    with pytest.raises(api_tokens.Unknown):
        api_tokens.enter(secret, 100)
    with db.session(campaign_db):
        assert not ApiToken.select().exists()


@one_engine
def test_tokens_without_purpose_or_beyond_number_are_refused(alice):
    for form in ({"name": ""}, {"name": "x"}, {"name": "x", "scopes": "root"}, {"name": "x" * 81, "scopes": "read"}):
        assert alice.post("/settings/api", form).status_code == 422, form
    for number in range(api_tokens.MOST):
        api_tokens.create_token(alice.user_id, f"{number}", ["read"])
    with pytest.raises(Conflict):
        api_tokens.create_token(alice.user_id, "one more", ["read"])


@one_engine
def test_the_document_and_its_page_tell_of_every_call(app, alice, visitor):
    document = visitor.get("/api/v1/openapi.json").json
    names = {call["operationId"] for methods in document["paths"].values() for call in methods.values()}
    assert document["openapi"] == "3.1.0" and len(names) == 20
    page = alice.get("/settings/api/reference").text
    assert all(f'id="{name}"' in page for name in names)
    own(alice.user_id)


@one_engine
def test_every_reference_of_the_document_leads_somewhere(app):
    from blaster.web.api.document import document

    def references(part):
        if isinstance(part, dict):
            yield from ([part["$ref"]] if "$ref" in part else [])
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from references(inner)

    found = set(references(document()))
    assert found == {f"#/components/schemas/{name}" for name in document()["components"]["schemas"]}

import re

import pytest
from playhouse.pool import MaxConnectionsExceeded

from blaster import config, db, servers, sessions
from blaster.web import create_app
from tests.web import PASSWORD, Visitor


def policy_of(answer) -> dict[str, str]:
    parts = (part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: rest[0] if rest else "" for name, *rest in parts}


@pytest.mark.parametrize("url", ["/login", "/", "/nowhere", "/static/logo.svg"])
def test_every_answer_carries_the_headers(visitor, url):
    answer = visitor.get(url)
    policy = policy_of(answer)
    assert policy["default-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_pages_are_not_kept_and_static_files_are(alice):
    assert alice.get("/servers").headers["Cache-Control"] == "no-store"
    assert "max-age=31536000" in alice.get("/static/app.css").headers["Cache-Control"]
    assert re.search(r"/static/app\.css\?v=[0-9a-f]{8}", alice.get("/servers").text)


def test_pages_hold_no_script_and_no_style_of_their_own(visitor, alice):
    for page in (visitor.get("/login").text, *(alice.get(url).text for url in ("/", "/servers", "/servers/new"))):
        assert not re.search(r"<script(?![^>]* src=)", page)
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on", page)


def test_the_cookie_is_closed(visitor):
    cookie = visitor.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_the_cookie_is_for_https_where_that_is_set(databases):
    app = create_app(config.load(databases | {"BLASTER_SECURE_COOKIES": "yes"}))
    assert "Secure" in Visitor(app).get("/login").headers["Set-Cookie"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("proxies", "sent", "client"),
    [
        (0, "203.0.113.7", "127.0.0.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the first is what the visitor claims
        (2, "198.51.100.1, 203.0.113.7, 192.0.2.9", "203.0.113.7"),
        (1, "", "127.0.0.1"),
        (1, "nonsense", "nonsense"),
    ],
)
def test_so_many_proxies_are_believed_where_a_visitor_comes_from(databases, alice, proxies, sent, client):
    app = create_app(config.load(databases | {"BLASTER_TRUSTED_PROXIES": str(proxies)}))
    visitor = Visitor(app)
    headers = {"X-Forwarded-For": sent, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    fields = {"csrf_token": visitor.token(), "email": "alice@example.com", "password": PASSWORD}
    answer = visitor.client.post("/login", data=fields, headers=headers | {"Referer": "https://localhost/login"})
    assert (answer.status_code, answer.location) == (303, "/")
    assert sessions.list_sessions(alice.user_id)[0].client == client
    hsts = answer.headers.get("Strict-Transport-Security")
    assert hsts == ("max-age=31536000" if proxies else None)


def test_a_form_without_its_token_changes_nothing(alice):
    fields = {"host": "smtp.example.com", "port": "587", "encryption": "starttls", "max_connections": "10"}
    answer = alice.client.post("/servers/new", data=fields)
    assert answer.status_code == 400
    assert "send it again" in answer.text
    assert servers.list_servers(alice.user_id) == []
    assert alice.post("/servers/new", fields).status_code == 303


def test_a_token_of_another_session_is_refused(alice, bob):
    answer = alice.client.post("/logout", data={"csrf_token": bob.token()})
    assert answer.status_code == 400
    assert alice.get("/").status_code == 200


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("site, status", [("cross-site", 403), ("same-origin", 303), ("none", 303)])
def test_a_form_of_another_website_changes_nothing_even_with_a_token(alice, site, status):
    fields = {"host": "smtp.example.com", "port": "587", "encryption": "starttls", "max_connections": "10"}
    data = {"csrf_token": alice.token(), **fields}
    answer = alice.client.post("/servers/new", data=data, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == status
    assert ("Another website" in answer.text) is (status == 403)
    assert len(servers.list_servers(alice.user_id)) == (status == 303)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_another_website_may_lead_here_and_unsubscribe_but_not_sign_in(alice, visitor):
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert alice.client.get("/servers", headers=foreign).status_code == 200
    assert visitor.client.post("/u/preview", headers=foreign).status_code == 200
    for url in ("/login", "/servers/new"):
        answer = visitor.client.post(url, data={"host": "typed elsewhere"}, headers=foreign)
        assert answer.status_code == 403
        assert "typed elsewhere" not in answer.text


def test_an_htmx_form_that_fails_says_so_on_top_of_the_page(alice):
    answer = alice.client.post("/servers/new", data={}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#flash")
    assert answer.text.lstrip().startswith('<div id="flash"')
    assert "Please send it again" in answer.text


def test_every_form_that_posts_carries_a_token(alice):
    server = servers.add_server(alice.user_id, host="smtp.example.com", port=587, encryption="tls")
    for url in ("/", "/servers", "/servers/new", f"/servers/{server.id}", f"/servers/{server.id}/edit"):
        page = alice.get(url).text
        forms = re.findall(r"<form[^>]*>.*?</form>", page, re.DOTALL)
        assert forms
        assert all('name="csrf_token"' in form for form in forms if 'method="post"' in form)


def test_a_stranger_cannot_send_much(visitor):
    answer = visitor.post("/login", {"email": "x" * 70_000, "password": ""})
    assert answer.status_code == 413
    assert "Too large" in answer.text


def test_a_form_larger_than_the_limit_gets_words(databases, signed_in):
    limited = create_app(config.load(databases | {"BLASTER_UPLOAD_LIMIT": "100000"}))
    signed_in("Alice")
    alice = Visitor(limited)
    alice.sign_in("alice@example.com")
    answer = alice.post("/servers/new", {"name": "x" * 120_000})
    assert answer.status_code == 413
    assert "Too large" in answer.text


def test_an_error_is_logged_under_the_id_that_the_page_shows(app, alice, caplog):
    app.view_functions["servers.index"] = lambda: 1 / 0
    answer = alice.get("/servers")
    assert answer.status_code == 500
    error_id = re.search(r"as error ([0-9a-f]{8})", answer.text)[1]
    assert any(error_id in record.message and record.exc_info for record in caplog.records)
    assert "ZeroDivisionError" not in answer.text


@pytest.mark.parametrize("trouble", [db.Unavailable("no answer"), MaxConnectionsExceeded("all 24 in use")])
def test_a_database_that_is_away_asks_for_a_moment(app, alice, trouble):
    def fail():
        raise trouble

    app.view_functions["servers.index"] = fail
    answer = alice.get("/servers")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "try again in a moment" in answer.text


def test_healthz_needs_nobody(visitor):
    assert visitor.get("/healthz").text == "ok\n"

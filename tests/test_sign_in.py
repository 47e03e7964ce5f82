"""Address, password and sessions of a person."""

import pytest

from blaster import db, passwords, sessions, users
from blaster.errors import Conflict
from blaster.models.sign_in import Session
from blaster.web import agents
from tests.web import PASSWORD, Visitor

NEW = "seven odd green lamps"


@pytest.fixture
def engine():
    """Pages, not SQL: one engine is enough; tests/test_users.py and the isolation matrix know both."""
    return "sqlite"


def copied(app, person: Visitor) -> Visitor:
    """A thief with the person's cookie."""
    thief = Visitor(app)
    with person.client.session_transaction() as mine, thief.client.session_transaction() as theirs:
        theirs.update(mine)
    thief.user_id = person.user_id
    return thief


def is_in(person: Visitor) -> bool:
    return person.get("/servers").status_code == 200


def change(person: Visitor, old=PASSWORD, new=NEW, again=None, **more):
    return person.post(
        "/settings/sign-in/password",
        {"current_password": old, "password": new, "repeated_password": new if again is None else again},
        **more,
    )


@pytest.mark.parametrize("way", ["/settings/sign-in/sessions/end", "/logout"])
def test_a_stolen_cookie_dies_with_its_session(app, alice, way):
    thief = copied(app, alice)
    assert is_in(thief)
    alice.post(way)
    assert not is_in(thief) and not is_in(alice)


def test_sign_out_everywhere_ends_other_browsers_and_nobody_elses(app, alice, bob):
    phone = Visitor(app)
    phone.sign_in("alice@example.com")
    answer = alice.post("/settings/sign-in/sessions/end")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert not is_in(phone) and not is_in(alice) and is_in(bob)


def test_one_browser_is_signed_out(app, alice):
    phone = Visitor(app)
    agent = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Version/19.0 Safari/604.1"}
    fields = {"csrf_token": phone.token(), "email": "alice@example.com", "password": PASSWORD}
    phone.client.post("/login", data=fields, headers=agent)
    page = alice.get("/settings/sign-in").text
    assert "Safari on iPhone" in page and "This browser" in page
    (other,) = [row.id for row in sessions.list_sessions(alice.user_id) if row.agent == "Safari on iPhone"]
    alice.post(f"/settings/sign-in/sessions/{other}/end")
    assert not is_in(phone) and is_in(alice)


def test_another_user_ends_none_of_mine(alice, bob):
    (mine,) = sessions.list_sessions(alice.user_id)
    assert bob.post(f"/settings/sign-in/sessions/{mine.id}/end").status_code == 404
    assert is_in(alice)


def test_a_new_password_ends_all_other_sessions_and_copies_of_this_one(app, alice):
    phone, thief = Visitor(app), copied(app, alice)
    phone.sign_in("alice@example.com")
    assert change(alice).status_code == 303
    assert "Password changed" in alice.get("/settings/sign-in").text
    assert is_in(alice) and not is_in(thief) and not is_in(phone)
    assert Visitor(app).sign_in("alice@example.com").status_code == 422
    assert Visitor(app).sign_in("alice@example.com", NEW).status_code == 303


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize(
    ("old", "new", "again", "words"),
    [
        ("wrong password", NEW, None, "This is not your password."),
        ("", NEW, None, "Enter your password."),
        (PASSWORD, NEW, NEW + "!", "The two differ."),
        (PASSWORD, "short", None, "at least 12"),
        (PASSWORD, "password-2026", None, "guessed soon"),
        (PASSWORD, "AliceAlice@Example", None, "guessed soon"),
    ],
)
def test_what_is_no_new_password_is_said(alice, htmx, old, new, again, words):
    answer = change(alice, old, new, again, htmx=htmx)
    assert answer.status_code == 422 and words in answer.text
    assert new not in answer.text.replace("at least 12", "") or new == "short"
    assert ("<html" in answer.text) is not htmx
    assert users.authenticate("alice@example.com", PASSWORD)


def test_guessing_the_old_password_waits_like_signing_in(app, alice):
    for _ in range(5):
        assert "not your password" in change(alice, "wrong password").text
    assert "Too many wrong passwords." in change(alice).text
    assert Visitor(app).sign_in("alice@example.com").status_code == 429


def test_another_address_signs_in_from_now_on(app, alice, bob):
    url, fields = "/settings/sign-in/email", {"current_password": PASSWORD}
    assert "not your password" in alice.post(url, {"email": "al@example.com", "current_password": "x"}).text
    assert "already" in alice.post(url, fields | {"email": "Bob@example.com"}).text
    assert "has-error" in alice.post(url, fields | {"email": "no address"}).text
    assert alice.post(url, fields | {"email": "Al@Example.com"}).status_code == 303
    assert is_in(alice) and users.by_email("al@example.com").id == alice.user_id
    assert Visitor(app).sign_in("alice@example.com").status_code == 422


def test_on_trial_another_address_must_be_a_verified_one(alice):
    with db.session(db.campaign_db):
        db.campaign_db.execute_sql("UPDATE users SET is_trial=1")
    answer = alice.post("/settings/sign-in/email", {"current_password": PASSWORD, "email": "stranger@example.net"})
    assert answer.status_code == 422 and "verified" in answer.text


def test_signing_in_while_the_password_changes_opens_nothing(alice):
    before = users.get(alice.user_id)
    users.set_password(alice.user_id, NEW)
    with pytest.raises(Conflict):
        sessions.begin(before, "", "")
    suspended = users.get(alice.user_id)
    users.set_active(alice.user_id, False)
    with pytest.raises(Conflict):
        sessions.begin(suspended, "", "")
    assert sessions.list_sessions(alice.user_id) == []


def test_a_page_costs_one_read_of_who_it_is_and_a_write_now_and_then(alice, monkeypatch):
    asked, execute = [], db.campaign_db.execute_sql
    monkeypatch.setattr(
        db.campaign_db.obj, "execute_sql", lambda sql, *v, **m: asked.append(sql) or execute(sql, *v, **m)
    )
    alice.get("/settings/sign-in/nothing")
    assert len([sql for sql in asked if "sessions" in sql]) == 1
    with db.session(db.campaign_db):
        Session.update(seen_at=Session.seen_at - sessions.COARSE - 1).execute()
    asked.clear()
    for _ in range(3):
        alice.get("/settings/sign-in/nothing")
    assert len([sql for sql in asked if sql.startswith("UPDATE")]) == 1


def test_the_table_signs_nobody_in(alice):
    (row,) = sessions.list_sessions(alice.user_id)
    with alice.client.session_transaction() as session:
        cookie = session["_user_id"]
        assert row.token_hash not in cookie
        session["_user_id"] = f"{alice.user_id}.{row.token_hash}"
    assert not is_in(alice)


@pytest.mark.parametrize("cookie", ["", "1", "1.", ".x", "x.y", "-1.x", "1.\ud800", "9" * 40 + ".x", "²." + "x"])
def test_a_cookie_of_any_kind_is_read(alice, cookie):
    with alice.client.session_transaction() as session:
        session["_user_id"] = cookie
    assert alice.get("/servers").status_code == 303


@pytest.mark.parametrize(
    ("password", "is_taken"),
    [
        ("correct horse battery", True),
        ("Пять красных слонов", True),
        ("elevenchars", False),
        ("x" * 201, False),
        ("aaaaaaaaaaaaaaaa", False),
        ("Password1234", False),
        ("P4$$w0rd!2026", False),
        ("qwertzuiop123", False),
        ("987654321098765", False),
        ("iloveyou1234", False),
        ("Zoe.Walrus2026", False),
        ("walruswalrus", False),
    ],
)
def test_what_is_guessed_first_is_no_password(password, is_taken):
    assert (passwords.trouble_with(password, ["Zoe Walrus", "zoe.walrus@example.com"]) == "") is is_taken


def test_a_password_that_is_made_up_is_taken():
    assert not any(passwords.trouble_with(passwords.made_up()) for _ in range(20))


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.1", "curl"),
        ("", "A browser"),
    ],
)
def test_browsers_have_names(agent, words):
    assert agents.words(agent) == words

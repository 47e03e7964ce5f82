import pytest

from blaster import users
from tests.web import PASSWORD, Visitor


def make_user(email="zoe@example.com"):
    return users.create(email, "Zoe", PASSWORD)


def test_it_asks_strangers_to_sign_in_and_leads_on(visitor):
    make_user()
    answer = visitor.get("/servers/new")
    assert answer.status_code == 303
    assert answer.location == "/login?next=/servers/new"
    answer = visitor.post(answer.location, {"email": "zoe@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/servers/new")


def test_it_answers_a_fragment_of_a_stranger_with_401(visitor):
    answer = visitor.get("/dashboard/campaigns", htmx=True)
    assert (answer.status_code, answer.headers["HX-Redirect"], answer.data) == (401, "/login", b"")


def test_it_signs_in_however_the_address_is_spelled(visitor):
    make_user()
    assert visitor.sign_in(" ZOE@Example.COM ").status_code == 303
    assert visitor.get("/").status_code == 200


@pytest.mark.parametrize("email, password", [("zoe@example.com", "wrong password"), ("nobody@example.com", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_look_the_same(visitor, email, password):
    make_user()
    answer = visitor.sign_in(email, password)
    assert answer.status_code == 422
    assert "do not match" in answer.text
    assert email in answer.text
    assert password not in answer.text
    assert visitor.get("/").status_code == 303


def test_empty_fields_are_named(visitor):
    answer = visitor.sign_in("", "")
    assert answer.status_code == 422
    assert "Enter your e-mail address." in answer.text
    assert "Enter your password." in answer.text


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "///evil.example"]
)
def test_signing_in_never_leads_to_another_site(visitor, wanted):
    make_user()
    answer = visitor.client.post(
        "/login",
        query_string={"next": wanted},
        data={"csrf_token": visitor.token(), "email": "zoe@example.com", "password": PASSWORD},
    )
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_disabled_user_is_out_at_once(alice):
    assert alice.get("/").status_code == 200
    users.set_active(alice.user_id, False)
    assert alice.get("/").status_code == 303
    assert alice.client.get("/login").status_code == 200


def test_a_new_password_ends_the_other_sessions(app, alice):
    elsewhere = Visitor(app)
    elsewhere.sign_in("alice@example.com")
    users.set_password(alice.user_id, "another long password")
    assert alice.get("/").status_code == 303
    assert elsewhere.get("/").status_code == 303


def test_it_signs_out(alice):
    answer = alice.post("/logout")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert alice.get("/").status_code == 303


def test_it_rejects_get_for_signing_out(alice):
    assert alice.get("/logout").status_code == 405
    assert alice.get("/").status_code == 200


def test_signing_in_twice_leads_to_the_dashboard(alice):
    assert alice.get("/login").location == "/"

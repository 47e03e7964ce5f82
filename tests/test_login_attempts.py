"""The sixth wrong password waits."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from blaster import db, login_attempts, passwords, users
from blaster.login_attempts import MOST_BY_CLIENT, MOST_BY_NAME, WINDOW, TooMany
from blaster.models.login_attempts import LoginAttempt
from tests.clock import MINUTE
from tests.web import PASSWORD, Visitor

NAME, CLIENT = "zoe@example.com", "203.0.113.7"


def guess(times: int, email: str = NAME, client: str = "") -> None:
    for _ in range(times):
        login_attempts.begin(email, client)


def rows() -> list[tuple]:
    with db.session(db.campaign_db):
        return list(LoginAttempt.select(LoginAttempt.name, LoginAttempt.client, LoginAttempt.at).tuples())


def is_refused(email: str = NAME, client: str = "") -> bool:
    try:
        login_attempts.begin(email, client)
    except TooMany:
        return True
    return False


def test_the_sixth_waits_until_the_first_is_fifteen_minutes_old(clock):
    for _ in range(MOST_BY_NAME):
        guess(1)
        clock.advance(MINUTE)
    with pytest.raises(TooMany, match=r"Wait 10 minutes, then") as refusal:
        guess(1, " ZOE@Example.com")
    assert refusal.value.seconds == 600
    clock.advance(10 * MINUTE - 1)
    with pytest.raises(TooMany, match=r"Wait a minute, then"):
        guess(1)
    clock.advance(1)
    guess(1)
    assert is_refused(), "the others still count"


def test_trying_during_the_wait_does_not_lengthen_it(clock):
    guess(MOST_BY_NAME)
    for _ in range(14):
        clock.advance(MINUTE)
        assert is_refused()
    clock.advance(MINUTE)
    guess(MOST_BY_NAME)
    assert len(rows()) == MOST_BY_NAME, "old rows are gone"


def test_a_right_password_lets_the_name_start_anew_and_not_its_client(clock):
    for number in range(MOST_BY_CLIENT - MOST_BY_NAME + 1):
        guess(1, f"user{number}@example.com", CLIENT)
    guess(MOST_BY_NAME - 2, client=CLIENT)
    login_attempts.succeed(login_attempts.begin(NAME, CLIENT))
    guess(MOST_BY_NAME - 1, client=CLIENT)
    assert is_refused("another@example.com", CLIENT)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (CLIENT, CLIENT, True),
        (CLIENT, f"::ffff:{CLIENT}", True),
        (CLIENT, "203.0.113.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("::1", "::1", False),
        ("", "", False),
    ],
)
def test_a_client_is_an_address_or_a_network_but_not_this_machine(databases, first, second, together):
    for number in range(MOST_BY_CLIENT):
        guess(1, f"user{number}@example.com", first)
    assert is_refused("another@example.com", second) is together


def test_a_name_is_not_stored_as_it_was_typed(databases):
    guess(1, "my secret password")
    guess(1, "x" * 5_000 + "\ud800")
    assert "secret" not in repr(rows())


@pytest.mark.parametrize("name", [NAME, "nobody@example.com", "no address"])
def test_the_page_says_the_same_to_everybody(app, clock, name):
    users.create(NAME, "Zoe", PASSWORD)
    visitor = Visitor(app)
    for _ in range(MOST_BY_NAME):
        assert visitor.sign_in(name, "wrong password").status_code == 422
    answer = Visitor(app).sign_in(name, PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert "Too many wrong passwords. Wait 15 minutes, then try again." in answer.text
    assert PASSWORD not in answer.text
    assert visitor.get("/").status_code == 303
    clock.advance(WINDOW)
    assert visitor.sign_in(name, PASSWORD).status_code == (303 if name == NAME else 422)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", [NAME, "off@example.com", "invited@example.com", "nobody@example.com", "no address"])
def test_a_hash_is_verified_whoever_it_is(databases, monkeypatch, name):
    """The longest part of an answer, so that its time does not tell who has an account."""
    users.create(NAME, "Zoe", PASSWORD)
    users.set_active(users.create("off@example.com", "", PASSWORD).id, False)
    users.create("invited@example.com", "", None)
    verified, verify = [], passwords.check_password_hash

    def count(known, password):
        verified.append(known.split("$")[0])
        return verify(known, password)

    monkeypatch.setattr(passwords, "check_password_hash", count)
    assert users.authenticate(name, "wrong password") is None
    assert verified == [passwords.hashed("x").split("$")[0]]


def test_many_at_once_do_not_get_more_tries(databases):
    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(lambda _: is_refused(), range(24)))
    assert refused.count(False) <= MOST_BY_NAME
    assert len(rows()) == refused.count(False)

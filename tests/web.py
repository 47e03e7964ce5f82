"""What a browser would do, without a browser: signs in, carries the CSRF token, follows nothing by itself."""

import re
from collections.abc import Callable
from copy import deepcopy

import pytest
from flask import Flask

from blaster import db, passwords, sessions, users
from blaster.config import Settings
from blaster.models.campaign_db import User
from blaster.web import create_app
from tests.queue_data import SENDER

passwords.METHOD = "scrypt:1024:8:1"  # hashing is dear on purpose, and these are made to be guessed
passwords.NOBODY = passwords.hashed("nobody")
PASSWORD = "correct horse battery"
_HASH = passwords.hashed(PASSWORD)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visitor:
    """A browser session. `user_id` is set once it has signed in."""

    def __init__(self, app: Flask):
        self.client = app.test_client()
        self.user_id: int | None = None
        self._token = "", ""  # and the session that it belongs to

    def get(self, url: str, *, htmx: bool = False):
        """A page, or with `htmx` what a poll of it gets."""
        return self.client.get(url, headers=_headers(htmx), buffered=True)

    def post(self, url: str, data: dict | None = None, *, htmx: bool = False, **more):
        """Send a form with the session's token."""
        return self.client.post(url, data={"csrf_token": self.token(), **(data or {})}, headers=_headers(htmx), **more)

    def token(self) -> str:
        """The token that the pages of this session carry."""
        if self._token[1] != self._session():
            page = self.client.get("/login" if self.user_id is None else "/servers").text
            self._token = _TOKEN.search(page)[1], self._session()
        return self._token[0]

    def _session(self) -> str:
        cookie = self.client.get_cookie("blaster")
        return cookie.value if cookie else "none"

    def sign_in(self, email: str, password: str = PASSWORD):
        """Send the sign-in form; returns its answer."""
        answer = self.post("/login", {"email": email, "password": password})
        if answer.status_code == 303:
            self.user_id = users.by_email(email).id
        return answer


def _headers(htmx: bool) -> dict[str, str]:
    return {"HX-Request": "true"} if htmx else {}


@pytest.fixture(scope="session")
def _new_app() -> Callable[[Settings], Flask]:
    """One application for all tests, each time as it was when it was made: to make one takes longer than most tests."""
    made: list[tuple[Flask, dict, dict, dict]] = []

    def as_new(settings: Settings) -> Flask:
        if not made:
            first = create_app(settings)
            made.append((first, dict(first.config), dict(first.view_functions), deepcopy(_state(first))))
        app, values, views, state = made[0]
        app.config.clear()
        app.config.update(values, BLASTER=settings)
        app.view_functions.update(views)
        for name in _state(app):
            del app.extensions[name]
        app.extensions.update(deepcopy(state))
        return app

    return as_new


def _state(app: Flask) -> dict:
    """What it remembers between requests."""
    return {name: kept for name, kept in app.extensions.items() if name != "csrf"}


@pytest.fixture
def app(settings, _new_app) -> Flask:
    """The application on the databases of this run."""
    return _new_app(settings)


@pytest.fixture
def visitor(app) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(app)


@pytest.fixture
def signed_in(app) -> Callable[..., Visitor]:
    """Makes a user with this first name, signed in (as if: hashing a password twice for each test is slow)."""

    def make(name: str, role: str = "user") -> Visitor:
        values = {"email": f"{name.lower()}@example.com", "name": name, "role": role, **SENDER}
        with db.session(db.campaign_db):
            user = User.create(password_hash=_HASH, **values)
        person = Visitor(app)
        person.user_id = user.id
        cookie = f"{user.id}.{sessions.begin(user, '127.0.0.1', 'Firefox on Linux')}"
        with person.client.session_transaction() as session:
            session["_user_id"], session["_fresh"] = cookie, True
            session["known"] = True
        return person

    return make


@pytest.fixture
def alice(signed_in) -> Visitor:
    """A user; what a test makes usually belongs to her."""
    return signed_in("Alice")


@pytest.fixture
def bob(signed_in) -> Visitor:
    """Another user."""
    return signed_in("Bob")


@pytest.fixture
def admin(signed_in) -> Visitor:
    """An administrator."""
    return signed_in("Ada", role="admin")

"""Codes of an authenticator app beside the password, and recovery codes."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from blaster import db, second_factors, users, vault
from blaster.errors import Conflict, Invalid
from blaster.models.sign_in import RecoveryCode, SecondFactor
from blaster.second_factors import STEP
from tests.clock import MINUTE
from tests.web import PASSWORD, Visitor

EMAIL = "alice@example.com"


def code(secret: str, at: int) -> str:
    """What the phone shows at an instant (ms)."""
    return pyotp.TOTP(secret).at(at // 1000)


@pytest.fixture
def phone(clock):
    """Alice's secret after setting it up, and her recovery codes."""
    user = users.create(EMAIL, "Alice", PASSWORD)
    secret = second_factors.drawn(user.id)
    codes = second_factors.confirm(user.id, code(secret, clock.at))
    clock.advance(STEP)
    user.secret, user.codes = secret, codes
    return user


def test_it_is_on_once_a_code_was_seen_and_its_secret_is_never_shown_again(databases, clock):
    user = users.create(EMAIL, "Alice", PASSWORD)
    secret = second_factors.drawn(user.id)
    assert second_factors.drawn(user.id) == secret and not second_factors.is_on(user.id)
    with pytest.raises(Invalid):
        second_factors.confirm(user.id, "000000")
    assert not second_factors.is_right(user.id, code(secret, clock.at))
    codes = second_factors.confirm(user.id, code(secret, clock.at))
    assert second_factors.is_on(user.id) and len(set(codes)) == second_factors.CODES
    for again in (lambda: second_factors.drawn(user.id), lambda: second_factors.confirm(user.id, "000000")):
        with pytest.raises(Conflict):
            again()


def test_the_secret_is_encrypted_and_recovery_codes_are_hashes(phone):
    with db.session(db.campaign_db):
        stored = repr([list(table.select().tuples()) for table in (SecondFactor, RecoveryCode)])
        assert vault.decrypt(SecondFactor.get().secret) == phone.secret
    assert phone.secret not in stored and not any(code in stored for code in phone.codes)


def test_a_code_is_taken_once(phone, clock):
    shown = code(phone.secret, clock.at)
    assert second_factors.is_right(phone.id, f" {shown[:3]} {shown[3:]}")
    assert not second_factors.is_right(phone.id, shown)
    clock.advance(STEP)
    assert not second_factors.is_right(phone.id, shown), "still valid by its time"
    assert second_factors.is_right(phone.id, code(phone.secret, clock.at))


def test_an_older_code_is_refused_after_a_newer_one(phone, clock):
    clock.advance(STEP)
    assert second_factors.is_right(phone.id, code(phone.secret, clock.at))
    assert not second_factors.is_right(phone.id, code(phone.secret, clock.at - STEP))


@pytest.mark.parametrize(("off", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phone_may_be_half_a_minute_off(phone, clock, off, is_taken):
    clock.advance(MINUTE)
    assert second_factors.is_right(phone.id, code(phone.secret, clock.at + off * STEP)) is is_taken


def test_many_at_once_with_one_code_get_in_once(phone, clock):
    shown = code(phone.secret, clock.at)
    for tried in (shown, phone.codes[0]):
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: second_factors.is_right(phone.id, tried), range(12)))  # noqa: B023
        assert answers.count(True) == 1


def test_a_recovery_code_is_taken_once_however_it_is_typed(phone):
    assert second_factors.is_right(phone.id, phone.codes[0].upper().replace("-", " "))
    assert not second_factors.is_right(phone.id, phone.codes[0])
    assert second_factors.codes_left(phone.id) == second_factors.CODES - 1
    new = second_factors.new_codes(phone.id)
    assert not second_factors.is_right(phone.id, phone.codes[1]) and second_factors.is_right(phone.id, new[1])


def test_a_code_of_someone_else_is_wrong(phone):
    other = users.create("bob@example.com", "Bob", PASSWORD)
    assert not second_factors.is_right(other.id, phone.codes[0])
    secret = second_factors.drawn(other.id)
    assert secret != phone.secret


@pytest.mark.parametrize("typed", ["", "x", "12345", "1234567", "١٢٣٤٥٦", "²²²²²²", "\ud800", "0" * 5_000])
def test_whatever_is_typed_is_wrong(phone, typed):
    assert not second_factors.is_right(phone.id, typed)


# --- pages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def one_engine(request):
    if request.node.callspec.params["engine"] != "sqlite":
        pytest.skip("pages, not SQL")


pages = pytest.mark.usefixtures("one_engine")


def enter(visitor: Visitor, typed: str, url="/login/code"):
    page = visitor.get("/login/code").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    return visitor.client.post(url, data={"csrf_token": token, "code": typed})


@pages
def test_signing_in_asks_for_the_code_after_the_password(app, phone, clock):
    visitor = Visitor(app)
    answer = visitor.post("/login?next=/lists", {"email": EMAIL, "password": PASSWORD})
    assert answer.location == "/login/code?next=/lists"
    assert visitor.get("/lists").status_code == 303, "half is not in"
    assert enter(visitor, "000000").status_code == 422
    answer = enter(visitor, code(phone.secret, clock.at), answer.location)
    assert (answer.status_code, answer.location) == (303, "/lists")
    assert visitor.get("/lists").status_code == 200


@pages
def test_the_way_to_the_second_step_leads_nowhere_else(app, phone):
    odd = "_external=1&_scheme=javascript&_anchor=x&_method=POST&next=/lists"
    answer = Visitor(app).post(f"/login?{odd}", {"email": EMAIL, "password": PASSWORD})
    assert answer.location == "/login/code?next=/lists"
    assert Visitor(app).get(f"/login/code?{odd}").location == "/login?next=/lists"


@pages
def test_a_code_that_was_seen_opens_nothing_any_more(app, phone, clock):
    first, thief = Visitor(app), Visitor(app)
    for visitor in (first, thief):
        visitor.post("/login", {"email": EMAIL, "password": PASSWORD})
    shown = code(phone.secret, clock.at)
    assert enter(first, shown).status_code == 303
    assert enter(thief, shown).status_code == 422
    assert thief.get("/lists").status_code == 303


@pages
def test_the_right_password_does_not_set_back_the_count_of_wrong_codes(app, phone, clock):
    """Else whoever has the password guesses four codes, enters it again, and guesses on."""
    refused = 0
    for _ in range(4):
        visitor = Visitor(app)
        if visitor.post("/login", {"email": EMAIL, "password": PASSWORD}).status_code == 429:
            break
        refused += 422 == enter(visitor, "000000").status_code
    assert refused <= 2
    assert visitor.post("/login", {"email": EMAIL, "password": PASSWORD}).status_code == 429


@pages
@pytest.mark.parametrize("change", ["password", "suspended", "late"])
def test_half_a_sign_in_ends_with_what_it_rests_on(app, phone, clock, monkeypatch, change):
    visitor = Visitor(app)
    visitor.post("/login", {"email": EMAIL, "password": PASSWORD})
    if change == "password":
        users.set_password(phone.id, "seven odd green lamps")
    elif change == "suspended":
        users.set_active(phone.id, False)
    else:
        with visitor.client.session_transaction() as session:
            session["half"] = [*session["half"][:2], session["half"][2] - 601]
    assert visitor.get("/login/code").location == "/login"


@pages
def test_what_was_typed_comes_through_both_steps(app, phone, clock):
    visitor = Visitor(app)
    kept = json.dumps([["name", "News of mine"]])
    fields = {"email": EMAIL, "password": PASSWORD, "kept": kept}
    page = visitor.post("/login?next=/campaigns/new&kept=1", fields).text
    assert "Enter your code" in page and "News of mine" in page
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    data = {"csrf_token": token, "code": code(phone.secret, clock.at), "kept": kept}
    page = visitor.client.post("/login/code?next=/campaigns/new&kept=1", data=data).text
    assert "still here" in page and "News of mine" in page


@pages
def test_it_is_set_up_and_taken_off_on_its_pages(alice, clock):
    page = alice.get("/settings/second-factor").text
    assert "<svg" in page and "<script" not in page.split("</head>")[1]
    secret = second_factors.drawn(alice.user_id)
    assert secret in page.replace(" ", "")
    assert alice.post("/settings/second-factor", {"code": "123"}).status_code == 422
    page = alice.post("/settings/second-factor", {"code": code(secret, clock.at)}).text
    codes = re.findall(r"<code>([a-z0-9-]{19})</code>", page)
    assert len(codes) == second_factors.CODES
    page = alice.get("/settings/second-factor").text
    assert secret not in page.replace(" ", "") and not any(known in page for known in codes)
    new = alice.post("/settings/second-factor/codes").text
    assert len(set(re.findall(r"<code>([a-z0-9-]{19})</code>", new)) - set(codes)) == second_factors.CODES
    assert alice.post("/settings/second-factor/remove").status_code == 303
    assert not second_factors.is_on(alice.user_id)

"""Administrators look after users: invitations, links, quotas, suspension."""

import re

import pyotp
import pytest

from blaster import allowance, audit, campaigns, config, db, password_links, second_factors, suspension, users
from blaster.errors import Conflict, NotFound
from blaster.models.campaign_db import CampaignStatus
from blaster.models.sign_in import PasswordLink, PasswordRequest
from blaster.queue import control
from blaster.web import create_app
from blaster.workers.forgotten import Forgotten
from tests.clock import MINUTE
from tests.routes import own
from tests.web import PASSWORD, Visitor

NEW = "seven odd green lamps"


@pytest.fixture
def engine():
    """Pages, not SQL: one engine is enough; what differs asks for both."""
    return "sqlite"


both = pytest.mark.parametrize("engine", ["sqlite", "mysql"], indirect=True)


def set_password(visitor: Visitor, link: str, password=NEW):
    path = "/password/" + link.rsplit("/password/", 1)[1]
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.client.get(path).text)
    fields = {"password": password, "repeated_password": password, "csrf_token": token[1] if token else ""}
    return visitor.client.post(path, data=fields)


def link_of(page: str) -> str:
    return re.search(r'value="(http[^"]*/password/[^"]+)"', page)[1]


# --- links ---------------------------------------------------------------------------------------------------------


def test_whoever_is_invited_chooses_a_password(app, admin, visitor):
    page = admin.post("/admin/users/new", {"email": "new@example.com", "name": "New", "role": "user"}).text
    link = link_of(page)
    assert link.startswith("http://127.0.0.1:8025/password/")
    assert Visitor(app).sign_in("new@example.com", "").status_code == 422
    assert "at least 12" in set_password(visitor, link, "short").text
    assert "Your password is set" in set_password(visitor, link).text
    assert Visitor(app).sign_in("new@example.com", NEW).status_code == 303
    assert link_of(admin.post(f"/admin/users/{users.by_email('new@example.com').id}/link").text) != link


def test_a_link_is_good_once_and_ends_all_sessions(app, alice, admin):
    link = link_of(admin.post(f"/admin/users/{alice.user_id}/link").text)
    assert set_password(Visitor(app), link).status_code == 200
    assert set_password(Visitor(app), link, NEW + "!").status_code in (400, 404)
    assert alice.get("/servers").status_code == 303
    assert users.authenticate("alice@example.com", NEW)


@both
def test_links_end_and_replace_each_other(databases, clock):
    user = users.create("zoe@example.com", "Zoe", PASSWORD)
    first, second = password_links.make(user.id, "reset"), password_links.make(user.id, "reset")
    good = password_links.get(second)
    for token in (first, "", "x", "\ud800"):
        with pytest.raises(NotFound):
            password_links.get(token)
    users.set_password_by(good, NEW)
    with pytest.raises(NotFound):
        users.set_password_by(good, NEW)
    late = password_links.make(user.id, "reset")
    clock.advance(60 * MINUTE)
    with pytest.raises(NotFound):
        password_links.get(late)
    invitation = password_links.make(user.id, "invitation")
    clock.advance(6 * 24 * 60 * MINUTE)
    assert password_links.get(invitation)
    users.set_active(user.id, False)
    with pytest.raises(NotFound):
        password_links.get(invitation)


@both
@pytest.mark.parametrize("change", [users.set_password, lambda user_id, _: users.edit_email(user_id, "z@example.com")])
def test_a_new_password_or_address_ends_a_link_that_somebody_else_asked_for(databases, change):
    """Else whoever reads the user's mails comes in by it afterwards."""
    user, other = (users.create(f"{name}@example.com", "", PASSWORD) for name in ("zoe", "ann"))
    hers, kept = (password_links.make(of.id, "reset") for of in (user, other))
    change(user.id, NEW)
    with pytest.raises(NotFound):
        password_links.get(hers)
    assert password_links.get(kept)


def test_a_link_is_stored_as_a_hash(alice):
    token = password_links.make(alice.user_id, "reset")
    with db.session(db.campaign_db):
        assert token not in repr(list(PasswordLink.select().tuples()))


def test_a_link_is_no_way_around_the_second_factor(app, alice):
    second_factors.confirm(alice.user_id, pyotp.TOTP(second_factors.drawn(alice.user_id)).now())
    finder = Visitor(app)
    set_password(finder, "/password/" + password_links.make(alice.user_id, "reset"))
    assert finder.get("/servers").status_code == 303
    assert finder.sign_in("alice@example.com", NEW).location == "/login/code"
    assert finder.get("/servers").status_code == 303


# --- forgotten passwords ------------------------------------------------------------------------------------------


@pytest.fixture
def posting(databases, sink):
    """The settings of an installation that can send mails of its own."""

    more = {
        "BLASTER_SYSTEM_SMTP": f"smtp+plain://127.0.0.1:{sink.port}",
        "BLASTER_SYSTEM_SENDER": "blaster@example.com",
    }
    return config.load(databases | more)


def ask(app, email: str):
    visitor = Visitor(app)
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.client.get("/forgotten").text)[1]
    return visitor.client.post("/forgotten", data={"csrf_token": token, "email": email})


def test_a_mail_leads_back_in(posting, sink):
    app = create_app(posting)
    users.create("zoe@example.com", "Zoe", PASSWORD)
    assert "on its way" in ask(app, " Zoe@Example.com ").text
    Forgotten(posting).work()
    (mail,) = sink.messages()
    link = re.search(r"http://\S+/password/\S+", mail.get_content())[0]
    assert "Your password is set" in set_password(Visitor(app), link).text
    assert users.authenticate("zoe@example.com", NEW)


def test_the_answer_does_not_tell_who_is_a_user(posting, sink, monkeypatch):
    """Not by its words, and not by what it does: the same statements, and nobody is looked up."""
    app = create_app(posting)
    users.create("zoe@example.com", "Zoe", PASSWORD)
    answers, done, execute = [], [], db.campaign_db.execute_sql
    for email in ("zoe@example.com", "ann@example.com", "nonsense"):
        statements = []
        with monkeypatch.context() as patch:
            spy = lambda sql, *v, **m: statements.append(sql) or execute(sql, *v, **m)  # noqa: B023, E731
            patch.setattr(db.campaign_db.obj, "execute_sql", spy)
            answers.append(ask(app, email).text.replace(email, "…"))
        done.append(statements)
    assert len(set(answers)) == 1 and done[0] == done[1] == done[2]
    assert not any("users" in sql for sql in done[0])
    Forgotten(posting).work()
    assert len(sink.messages()) == 1
    with db.session(db.campaign_db):
        assert not PasswordRequest.select().count()


def test_asking_without_end_waits(posting):
    app = create_app(posting)
    for _ in range(5):
        assert ask(app, "zoe@example.com").status_code == 200
    answer = ask(app, "zoe@example.com")
    assert answer.status_code == 429 and "several times" in answer.text
    assert Visitor(app).sign_in("zoe@example.com", "wrong").status_code == 422, "signing in is counted apart"


def test_without_an_account_for_mails_the_administrator_is_asked(visitor):
    assert "Ask the administrator" in visitor.get("/forgotten").text
    assert visitor.post("/forgotten", {"email": "zoe@example.com"}).status_code == 422


def test_an_invitation_goes_out_by_mail(posting, sink, signed_in):
    app = create_app(posting)
    signed_in("Ada", role="admin")
    ada = Visitor(app)
    ada.sign_in("ada@example.com")
    page = ada.post("/admin/users/new", {"email": "new@example.com", "name": "", "role": "user"}).text
    assert "was sent to new@example.com" in page
    (mail,) = sink.messages()
    assert link_of(page) in mail.get_content()


# --- quotas -------------------------------------------------------------------------------------------------------


def quota(user_id: int, campaigns_=0, recipients=0) -> None:
    users.edit(user_id, role="user", most_campaigns=str(campaigns_), most_recipients=str(recipients))


def draft(person, list_id: int) -> int:
    fields = {"name": "News", "subject": "News", "text": "Hello", "list_id": list_id}
    return campaigns.create_campaign(person.user_id, **fields).campaign_id


def test_so_many_campaigns_at_once_and_no_more(alice):
    ids = own(alice.user_id, started=True)
    quota(alice.user_id, campaigns_=1)
    second = draft(alice, ids["list_id"])
    page = alice.post(f"/campaigns/{second}/start")
    assert page.status_code == 422 and "One campaign may be under way at once" in page.text
    with pytest.raises(Conflict, match="at once"):
        campaigns.start(alice.user_id, second)
    with db.session(db.campaign_db):
        CampaignStatus.update(status="finished").where(CampaignStatus.status != "draft").execute()
    assert alice.post(f"/campaigns/{second}/start").status_code == 303


def test_so_many_recipients_a_day(alice):
    ids = own(alice.user_id, started=True)  # one recipient
    second = draft(alice, ids["list_id"])
    quota(alice.user_id, recipients=1)
    assert "0 of them are left, and this one has 1" in alice.get(f"/campaigns/{second}/review").text
    assert alice.post(f"/campaigns/{second}/start").status_code == 422
    quota(alice.user_id, recipients=2)
    assert allowance.refusal(alice.user_id, 1) == "" and "left" in allowance.refusal(alice.user_id, 2)
    quota(alice.user_id, recipients=1)
    with db.session(db.campaign_db):
        CampaignStatus.update(started_at=CampaignStatus.started_at - allowance.DAY).execute()
    assert alice.post(f"/campaigns/{second}/start").status_code == 303


def test_what_is_no_quota_is_said(alice, admin):
    url = f"/admin/users/{alice.user_id}"
    for typed in ("-1", "many", "1.5", "9" * 12, "²"):
        page = admin.post(url, {"role": "user", "most_campaigns": typed, "most_recipients": "0"})
        assert page.status_code == 422 and "whole number" in page.text
    assert admin.post(url, {"role": "king", "most_campaigns": "", "most_recipients": ""}).status_code == 422
    admin.post(url, {"role": "user", "most_campaigns": "5", "most_recipients": "100000"})
    (noted,) = [row for row in audit.search(audit.Asked(alice.user_id)) if row.act == "edit"]
    assert noted.details == "most campaigns 0 → 5, most recipients 0 → 100000"
    assert (noted.actor, noted.target_id) == ("ada@example.com", alice.user_id)


# --- suspension ---------------------------------------------------------------------------------------------------


@both
def test_a_suspended_users_campaigns_pause_and_stay_so(app, alice, bob, admin):
    hers, his = own(alice.user_id, started=True), own(bob.user_id, started=True)
    waiting = draft(alice, hers["list_id"])
    answer = admin.post(f"/admin/users/{alice.user_id}/suspend")
    assert answer.status_code == 303
    state = control.state(alice.user_id, hers["campaign_id"])
    assert (state.run_state, state.note) == ("paused", suspension.NOTE)
    assert campaigns.get_campaign(alice.user_id, hers["campaign_id"]).status.status == "paused"
    assert control.state(bob.user_id, his["campaign_id"]).run_state == "running"
    assert alice.get("/servers").status_code == 303 and Visitor(app).sign_in("alice@example.com").status_code == 422
    with pytest.raises(Conflict, match="suspended"):
        campaigns.start(alice.user_id, waiting)
    admin.post(f"/admin/users/{alice.user_id}/lift")
    assert control.state(alice.user_id, hers["campaign_id"]).run_state == "paused"
    assert Visitor(app).sign_in("alice@example.com").status_code == 303


def test_a_campaign_that_starts_at_the_same_moment_pauses_as_well(alice):
    """Started on Server 1, and not handed over yet."""
    ids = own(alice.user_id)
    campaigns.start(alice.user_id, ids["campaign_id"])
    assert suspension.suspend(alice.user_id) == 1
    assert control.state(alice.user_id, ids["campaign_id"]).run_state == "paused"
    assert suspension.suspend(alice.user_id) == 0


def test_an_administrator_cannot_lock_out_or_demote_themselves(admin):
    admin.post(f"/admin/users/{admin.user_id}/suspend")
    admin.post(f"/admin/users/{admin.user_id}", {"role": "user", "most_campaigns": "0", "most_recipients": "0"})
    assert admin.get("/admin/users").status_code == 200


@both
def test_administrators_find_users_and_see_no_secret_of_theirs(alice, bob, admin):
    own(alice.user_id)
    page = admin.get("/admin/users?search=Lice@").text
    assert "alice@example.com" in page and "bob@example.com" not in page
    assert "No such user" in admin.get("/admin/users?search=nobody").text
    assert "No such user" in admin.get("/admin/users?search=a_ice").text
    page = admin.get(f"/admin/users/{alice.user_id}").text
    assert "Suspend" in page and "smtp.example.com" not in page and "scrypt" not in page
    assert admin.get("/admin/users/999999").status_code == 404


def test_users_come_by_pages(admin):
    for number in range(60):
        users.create(f"u{number}@example.net", "", None)
    first = admin.get("/admin/users").text
    following = re.search(r'href="([^"]*after=[^"]*)"', first)[1].replace("&amp;", "&")
    addresses = re.findall(r"u\d+@example.net", first + admin.get(following).text)
    assert len(set(addresses)) == 60


def test_an_administrator_needs_a_second_factor_where_that_is_set(databases, signed_in):

    app = create_app(config.load(databases | {"BLASTER_ADMIN_SECOND_FACTOR": "1"}))
    signed_in("Ada", role="admin")
    ada = Visitor(app)
    ada.sign_in("ada@example.com")
    for url in ("/admin/users", "/admin/capacity", "/admin/activity", "/admin/complaints", "/admin/trials"):
        assert ada.get(url).location == "/settings/second-factor"
    assert ada.get("/lists").status_code == 200
    with db.session(db.campaign_db):
        db.campaign_db.execute_sql(
            f"INSERT INTO second_factors (user_id, secret, confirmed_at, last_step) VALUES ({ada.user_id}, 'x', 1, 0)"
        )
    assert ada.get("/admin/users").status_code == 200


@pytest.mark.parametrize("url", ["mail.example.com", "http://u:hunter2@mail.example.com", "smtp://"])
def test_an_address_for_mails_that_is_none_is_refused_without_its_password(tmp_path, url):

    with pytest.raises(config.ConfigError) as refusal:
        config.load({"BLASTER_DATA_DIR": str(tmp_path), "BLASTER_SYSTEM_SMTP": url})
    assert "BLASTER_SYSTEM_SMTP" in str(refusal.value) and "hunter2" not in str(refusal.value)

"""Whatever changes something leaves a trace, and nothing changes the trace."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyotp
import pytest

from blaster import api_tokens, audit, db, login_attempts, recipients, second_factors, trial, users
from blaster.audit import Asked
from blaster.maintenance import steps
from blaster.models.audit import AuditEntry
from blaster.web import audited
from tests.routes import ADMIN, ROUTES, build, own
from tests.web import PASSWORD, Visitor

PROJECT = Path(__file__).parent.parent
SERVER = {"host": "smtp.example.com", "port": "587", "encryption": "starttls", "max_connections": "10"}
ACCOUNT = {"email": "news@example.com", "auth": "password", "hourly_limit": "5", "daily_limit": "10"}
MAILBOX = {"kind": "imap", "host": "imap.example.invalid", "encryption": "tls", "login": "b@example.com"}
MAILBOX |= {"auth": "password", "folder": "INBOX", "password": "s"}
HOOK = {"url": "https://walruses.example.invalid/", "events": "campaign.finished"}
HOURS = {"opens": "08:00", "closes": "18:00", "days": "1", "zone": "UTC"}
# What a browser would send where an empty form is not enough.
FIELDS = {
    "accounts.new": ACCOUNT | {"email": "more@example.com", "password": "x"},
    "accounts.edit": ACCOUNT | {"daily_limit": "20"},
    "servers.new": SERVER,
    "servers.edit": SERVER | {"port": "2525"},
    "recipients.new": {"name": "Seals"},
    "recipients.rename": {"name": "Seals"},
    "imports.add": {"rows": "email\nada@example.com\n"},
    "imports.show": {"action": "start", "titled": "True", "use-0": "email", "consent": "form", "on": "2026-01-02"},
    "list_settings.add_field": {"name": "town"},
    "list_settings.copy": {"name": "Copies"},
    "mailboxes.new": MAILBOX,
    "mailboxes.edit": MAILBOX,
    "people.add": {"email": "new@example.com"},
    "people.edit": {"email": "zoe@example.com"},
    "people.export": {"email": "zoe@example.com"},
    "people.erase": {"email": "zoe@example.com"},
    "schedule.account_hours": HOURS,
    "schedule.campaign_hours": HOURS,
    "settings.profile": {"name": "Alice", "time_zone": "UTC"},
    "settings.sender": {"organisation": "Bakery", "postal_address": "1 Alder Street"},
    "sign_in.email": {"email": "al@example.com", "current_password": PASSWORD},
    "sign_in.password": {
        "current_password": PASSWORD,
        "password": "seven odd green lamps",
        "repeated_password": "seven odd green lamps",
    },
    "signing.add": {"domain": "example.com", "selector": "s2", "kind": "ed25519"},
    "suppressions.add": {"rows": "seal@example.com"},
    "suppressions.lift": {"why": "She asked for it."},
    "api_tokens.index": {"name": "Counter", "scopes": "read"},
    "webhooks.index": HOOK,
    "webhooks.show": HOOK,
    "users.new": {"email": "new@example.com", "role": "user"},
    "users.edit": {"role": "user", "most_campaigns": "5"},
    "schedule.later": {"start_at": f"{date.today() + timedelta(days=9)}T08:00", "zone": "UTC"},
    "progress.resume": {"understood": "1"},
    "decisions.try_again": {"reason": "hard"},
    "list_settings.rename_field": {"old": "town", "name": "city"},
    "list_settings.delete_field": {"old": "town"},
}
BODIES = {
    "api.add_recipients": {"recipients": [{"email": "new@example.com"}]},
    "api.add_suppressions": {"addresses": ["seal@example.com"]},
    "api.create_campaign": {"name": "By a program"},
    "api.create_list": {"name": "By a program"},
}
# They need a server elsewhere, an import under way, a domain that rests; they go through the same two lines.
ELSEWHERE = {"trial.addresses", "test_mail.send", "consent.answer", "imports.cancel", "mailboxes.release"}
ELSEWHERE |= {"complaints.lift", "webhooks.again"}


@pytest.fixture
def engine():
    """Pages, not SQL; `test_entries_are_found` knows both engines."""
    return "sqlite"


def entries(**of) -> list[AuditEntry]:
    """The newest first."""
    return [row for row in audit.search(Asked(None), limit=10_000) if all(getattr(row, n) == v for n, v in of.items())]


def prepared(person: Visitor, endpoint: str, ids: dict) -> dict:
    """What the act needs to be possible, and its fields."""
    campaign = f"/campaigns/{ids['campaign_id']}"
    if "factor" in endpoint:
        return with_factor(person, endpoint)
    if endpoint == "schedule.unschedule":
        person.post(f"{campaign}/schedule", FIELDS["schedule.later"])
    if endpoint in ("progress.resume", "api.resume_campaign"):
        person.post(f"{campaign}/pause")
    if endpoint.endswith(("rename_field", "delete_field")):
        person.post(f"/lists/{ids['list_id']}/fields/add", {"name": "town"})
    if endpoint in ("recipients.delete", "api.delete_list"):
        person.post(f"{campaign}/delete")
    if endpoint == "list_settings.merge":
        return {"target_id": recipients.create_list(person.user_id, "Another").id}
    if endpoint == "trial.remove":
        row_id, _ = trial.ask(person.user_id, "mine@example.com")
        trial.verify(person.user_id, "mine@example.com")
        return {"address": row_id}
    if endpoint == "trial.trials":
        return {"user": 1}
    return FIELDS.get(endpoint, {})


def with_factor(person: Visitor, endpoint: str) -> dict:
    if endpoint == "users.remove_factor":
        second_factors.drawn(1)
        return {}
    code = pyotp.TOTP(second_factors.drawn(person.user_id)).now()
    if endpoint != "second_factor.confirm":
        second_factors.confirm(person.user_id, code)
    return {"code": code}


def noted_routes(app) -> list[tuple]:
    """(rule, method) of all that has to leave a trace."""
    found = []
    for rule in app.url_map.iter_rules():
        changing = sorted(rule.methods - {"GET", "HEAD", "OPTIONS"})
        if rule.endpoint in audited.GETS:
            found.append((rule, "GET"))
        elif changing and rule.endpoint not in audited.SILENT:
            found.append((rule, changing[0]))
    return found


def send(person: Visitor, rule, method: str, url: str, fields: dict):
    if rule.endpoint.startswith("api."):
        token = api_tokens.create_token(person.user_id, "Walk", ["read", "write", "send"])[1]
        headers = {"Authorization": f"Bearer {token}"}
        return person.client.open(url, method=method, json=BODIES.get(rule.endpoint), headers=headers)
    return person.get(url) if method == "GET" else person.post(url, fields)


@pytest.mark.parametrize("kind", ["api.", "a c d i l", "m p r s", "others"])
def test_every_act_leaves_one_entry(app, signed_in, kind):
    """A new route that is not noted, and not in audited.SILENT with its reason, fails here: see that it answers below
    400 where it did something, or give it its fields in FIELDS."""
    walker = Walker(signed_in)
    for rule, method in _part(app, kind):
        person, ids = walker.at(rule.endpoint)
        fields = prepared(person, rule.endpoint, ids)
        before = len(entries())
        answer = send(person, rule, method, build(app, rule, ids), fields)
        assert answer.status_code < 400, f"{rule.endpoint}: {answer.status_code} {answer.text[-300:]}"
        made = entries()[: len(entries()) - before]
        assert len(made) == 1, f"{rule.endpoint} left {len(made)} entries"
        (row,) = made
        assert row.actor_id == person.user_id and row.act and len(row.act) < 25 and len(row.target) < 25
        named = row.target.replace("-", "_") + "_id"
        assert named not in rule.arguments or row.target_id == ids[named], rule.endpoint
        assert row.client == "127.0.0.1" and "@" not in row.details


class Walker:
    """Somebody who owns something of all kinds, and somebody else after an act that uses it up."""

    _USED_UP = re.compile(
        "delete|remove|erase|end|logout|cancel|email|password|start|pause|resume|sched|revoke|lift|imp|factor"
    )

    def __init__(self, signed_in):
        self._sign_in, self._number, self._now = signed_in, 0, {}
        signed_in("Somebody")  # number 1, whom administrators look after

    def at(self, endpoint: str) -> tuple[Visitor, dict]:
        started = endpoint.startswith(("progress.", "decisions.")) or endpoint in _STARTED
        kind = ("admin" if ROUTES[endpoint] == ADMIN else "user", started)
        found = self._now.get(kind) or self._new(*kind)
        self._now[kind] = None if self._USED_UP.search(endpoint) else found
        return found

    def _new(self, role: str, started: bool) -> tuple[Visitor, dict]:
        self._number += 1
        person = self._sign_in(f"U{self._number}", role=role)
        return person, own(person.user_id, started=started)


_STARTED = {"api.pause_campaign", "api.resume_campaign", "api.cancel_campaign"}


def _part(app, kind: str) -> list[tuple]:
    """The walk in parts, for several processes."""
    kinds = {"api.": "api.", "a c d i l": ("ac", "c", "d", "i", "l"), "m p r s": ("m", "p", "r", "s")}
    rest = [row for row in noted_routes(app) if row[0].endpoint not in ELSEWHERE]
    if kind in kinds:
        return [row for row in rest if row[0].endpoint.startswith(kinds[kind])]
    return [row for row in rest if not row[0].endpoint.startswith(("api.", *kinds["a c d i l"], *kinds["m p r s"]))]


def test_what_is_silent_is_there_and_says_why(app):
    there = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert set(audited.SILENT) | audited.GETS | set(audited.NAMES) <= there
    assert all(audited.SILENT.values())


def test_what_was_refused_leaves_none(alice, bob):
    ids = own(alice.user_id)
    before = len(entries())
    alice.post(f"/accounts/{ids['account_id']}/edit", ACCOUNT | {"daily_limit": "many"})
    alice.post(f"/campaigns/{ids['campaign_id']}/pause")  # a draft: not found on Server 2
    alice.post(f"/lists/{ids['list_id']}/rename", {"name": ""})
    alice.post(f"/lists/{ids['list_id']}/rename", {"name": "New", "shown_again": "1"})
    bob.post(f"/lists/{ids['list_id']}/delete")
    assert len(entries()) == before


def test_a_changed_limit_says_from_what_to_what_and_a_secret_only_that_there_is_another(alice):
    ids = own(alice.user_id)
    fields = ACCOUNT | {"daily_limit": "20", "password": "hunter2-hunter2"}
    alice.post(f"/accounts/{ids['account_id']}/edit", fields)
    (row,) = entries(act="edit", target="account")
    assert row.details == "daily limit 10 → 20, another password"


def test_sign_ins_good_bad_and_throttled(app, alice):
    name = "alice@example.com"
    Visitor(app).sign_in(name)
    (good,) = entries(act="sign-in")
    assert (good.actor_id, good.client) == (alice.user_id, "127.0.0.1")
    for typed in (name, "hunter2@example.com"):
        Visitor(app).sign_in(typed, "wrong")
    assert [row.user_id for row in entries(act="sign-in-refused")] == [0, alice.user_id]
    for _ in range(login_attempts.MOST_BY_NAME + 3):
        Visitor(app).sign_in(name, "wrong")
    assert [row.user_id for row in entries(act="sign-in-throttled")] == [alice.user_id], "told once"
    assert "hunter2" not in repr([row.__data__ for row in entries()])


def test_only_the_audit_module_writes_and_only_maintenance_deletes():
    """Append-only: nobody has a function that changes an entry."""
    users_of = {
        str(path.relative_to(PROJECT))
        for path in [*(PROJECT / "blaster").rglob("*.py"), *(PROJECT / "scripts").rglob("*.py")]
        if re.search(r"\bAuditEntry\b|audit_log", path.read_text())
    }
    tables = {"blaster/models/audit.py", "blaster/migrations/campaign/0012_sign_in.py"}
    assert users_of - tables == {"blaster/audit.py", "blaster/maintenance/prune.py", "blaster/web/activity.py"}
    for file in ("blaster/audit.py", "blaster/web/activity.py"):
        assert not re.search(r"\.(update|delete|save|delete_instance)\(", (PROJECT / file).read_text())


@pytest.mark.parametrize("engine", ["sqlite", "mysql"], indirect=True)
def test_entries_are_found_by_who_what_and_when(databases, engine):
    anna, ben = (users.create(f"{name}@example.com", "", PASSWORD).id for name in ("anna", "ben"))
    audit.note(anna, "start", "campaign", 7, client="203.0.113.7")
    audit.note(ben, "suspend", "user", anna, user_id=anna)
    audit.note(ben, "start", "campaign", 8)
    found = audit.search(Asked(anna))
    assert [(row.act, row.actor, row.owner) for row in found] == [
        ("suspend", "ben@example.com", "anna@example.com"),
        ("start", "anna@example.com", "anna@example.com"),
    ]
    assert [row.target_id for row in audit.search(Asked(None, actor_id=ben))] == [8, anna]
    assert [row.target_id for row in audit.search(Asked(None, act="start"))] == [8, 7]
    assert audit.acts(anna) == ["start", "suspend"] and audit.acts(ben) == ["start"]
    first, second, third = reversed(audit.search(Asked(None)))
    assert audit.search(Asked(None, since=third.at + 1)) == []
    assert len(audit.search(Asked(None, until=third.at + 1))) == 3
    assert [row.id for row in audit.search(Asked(None), before=third.id, limit=1)] == [second.id]
    assert len(list(audit.export(Asked(None)))) == 3


@pytest.mark.parametrize("engine", ["sqlite", "mysql"], indirect=True)
def test_old_entries_go_with_maintenance_alone(settings, engine):
    turn = steps.Turn(settings)
    for age in (settings.audit_days + 1, settings.audit_days - 1):
        audit.note(1, "start")
        with db.session(db.campaign_db):
            newest = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
            AuditEntry.update(at=turn.now - age * steps.DAY).where(AuditEntry.id == newest.id).execute()
    assert list(steps.run(turn, ("prune",))) == ["Deleted 1 old entries of the audit log."]
    assert list(steps.run(turn, ("prune",))) == []
    kept = steps.Turn(replace(settings, audit_days=0), now=turn.now + 10_000 * steps.DAY)
    assert list(steps.run(kept, ("prune",))) == []


def test_pages_show_ones_own_and_to_administrators_all(alice, bob, admin):
    own(alice.user_id)
    alice.post("/settings", {"name": "Alice", "time_zone": "UTC"})
    bob.post("/settings/sender", {"organisation": "B", "postal_address": "1 Street"})
    page = alice.get("/settings/activity").text
    assert "profile" in page and "sender" not in page.split("<table")[1]
    page = admin.get("/admin/activity").text
    assert "alice@example.com" in page and "bob@example.com" in page
    page = admin.get("/admin/activity?who=bob@example.com").text.split("<table")[1]
    assert "bob@example.com" in page and "alice@example.com" not in page
    assert "Nothing of that kind" in admin.get("/admin/activity?who=nobody@example.com").text
    assert "Nothing of that kind" in alice.get("/settings/activity?act=start").text
    assert "Nothing of that kind" in alice.get("/settings/activity?until=2001-01-01").text
    assert "profile" in alice.get("/settings/activity?since=x&until=&act=").text
    rows = alice.get("/settings/activity.csv?act=edit").text.splitlines()
    assert rows[0].startswith("\ufefftime (UTC),who,what") and len(rows) == 2 and "bob" not in rows[1]
    assert len(admin.get("/admin/activity.csv").text.splitlines()) == 5, "a file is noted, too"


def test_pages_go_on_by_the_last_id(alice):
    for number in range(120):
        audit.note(alice.user_id, "start", "campaign", number + 1_000)
    page, seen = alice.get("/settings/activity").text, []
    while True:
        seen += re.findall(r"campaign (\d{4})", page.split("<table")[1].split("</table")[0])
        following = re.search(r'href="([^"]*before=[^"]*)"', page)
        if not following:
            break
        page = alice.get(following[1].replace("&amp;", "&")).text
    assert seen == [str(number + 1_000) for number in reversed(range(120))]

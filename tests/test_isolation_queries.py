"""How isolation is built: tenant functions are told whose things they may touch, and their queries ask for it."""

import ast
import re
from pathlib import Path

import peewee
import pytest

from blaster import api_tokens, config, db
from tests.routes import CALL, OWNED, PERSONAL, ROUTES, build, own, rules
from tests.test_isolation_api import BODIES

pytest_plugins = ["tests.dns_server"]

BLASTER = Path(__file__).parent.parent / "blaster"
FOUND, PURE, WORKERS, ADMINS, SIGN_IN = "a row that was found", "asks no database", "workers", "admins", "who enters"
# Modules whose rows belong to users, with those public functions that are not told of which user, and why.
TENANT = {
    "api_tokens": {SIGN_IN: "enter"},
    "attachments": {},
    "bounces": {},
    "breakdown": {},
    "campaigns": {WORKERS: "started", FOUND: "content"},
    "comparison": {},
    "domain_check": {FOUND: "domains_of", PURE: "usual_selectors"},
    "idempotency": {PURE: "once"},
    "imports/uploads": {FOUND: "opened look", WORKERS: "tidy"},
    "ledger": {PURE: "position"},
    "lists/changes": {WORKERS: "next_chunk apply"},
    "lists/dossier": {FOUND: "as_json"},
    "lists/export": {FOUND: "header rows"},
    "lists/fields": {FOUND: "include"},
    "lists/people": {},
    "lists/work": {WORKERS: "waiting"},
    "mail_templates": {},
    "mailboxes": {WORKERS: "due begin known remember note_mail note_end"},
    "oauth": {WORKERS: "accounts_of renew_due", FOUND: "without_consent access_token sign_in"},
    "pace": {PURE: "step"},
    "progress": {WORKERS: "finish publish"},
    "queue/control": {WORKERS: "open_controls are_running are_open counts close_cancelled"},
    "queue/decisions": {WORKERS: "waiting"},
    "queue/domains": {PURE: "of", WORKERS: "postpone"},
    "queue/guard": {WORKERS: "look note"},
    "queue/health": {PURE: "usable_at words", WORKERS: "record_success"},
    "recipients": {FOUND: "values as_stored field_names"},
    "results": {},
    "samples": {FOUND: "values"},
    "schedule": {WORKERS: "due hold", FOUND: "is_held"},
    "second_factors": {PURE: "address"},
    "servers": {FOUND: "credentials"},
    "sessions": {SIGN_IN: "begin key visit is_proved"},
    "signing": {WORKERS: "due signers", FOUND: "covering"},
    "suppressions": {ADMINS: "of_everybody", PURE: "key_of"},
    "trial": {PURE: "sentence", ADMINS: "on_trial"},
    "webhooks/__init__": {PURE: "new_secret", FOUND: "secrets_of"},
    "webhooks/outbox": {WORKERS: "due begin note"},
}


def functions(module: str) -> list[ast.FunctionDef]:
    tree = ast.parse((BLASTER / f"{module}.py").read_text())
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


@pytest.mark.parametrize("module", TENANT)
def test_tenant_functions_take_the_user_first(module):
    exempt = " ".join(TENANT[module].values()).split()
    for function in functions(module):
        first = next(iter(function.args.args), None)
        takes_user = first is not None and first.arg == "user_id"
        assert takes_user != (function.name in exempt), f"{module}.{function.name}: user_id comes first"


def test_no_tenant_module_is_left_out():
    """One that has a function which is told of a user."""
    told = {
        str(path.relative_to(BLASTER))[:-3]
        for path in [*BLASTER.glob("*.py"), *BLASTER.glob("[lw]*s/*.py"), *BLASTER.glob("imports/*.py")]
        if "workers" not in path.parts
        and any(f.args.args and f.args.args[0].arg == "user_id" for f in functions(str(path.relative_to(BLASTER))[:-3]))
    }
    assert sorted(told - set(TENANT)) == sorted(NOT_OF_USERS), sorted(told - set(TENANT))


NOT_OF_USERS = "allowance audit erased imports/intake password_links suspension users".split()  # about them


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def settings(databases, name_server) -> config.Settings:
    return config.load(databases | {"BLASTER_DNS_SERVERS": name_server.address})


CALLS = {endpoint for endpoint, kind in ROUTES.items() if kind == CALL}
# What rows of a user hang on: found by its user before, and then asked by.
PARENTS = "campaign_id list_id smtp_server_id smtp_account_id mailbox_id webhook_id work_id import_id".split()
BY_ITSELF = {
    "sessions": "by the hash of what the browser shows, with the second factor of its user",
    "second_factors": "with the session",
    "api_tokens": "by the hash of what the program shows",
}
# (route, table): what workers do as well, on a row that the view has found by its user.
WORK = {("list_settings.go_on", "list_work"), ("list_settings.go_on", "recipient_lists")}
WORK |= {("webhooks.test", "webhook_deliveries"), ("imports.delete", "imports")}


def tenant_tables() -> set[str]:
    """Those that say whose their rows are."""
    found = set()
    for database in (db.campaign_db, db.crm_db):
        with db.session(database):
            for table in database.get_tables():
                if any(column.name == "user_id" for column in database.get_columns(table)):
                    found.add(table)
    return found


_TABLE = re.compile(r'(?:FROM|UPDATE|JOIN|INTO)\s+"?(\w+)"?')


def unguarded(query: str, tables: set[str]) -> set[str]:
    """Tenant tables that this statement reads or changes without asking whose rows they are."""
    named = set(_TABLE.findall(query)) & tables - set(BY_ITSELF)
    condition = query.partition(" WHERE ")[2]
    asks = "user_id" in condition or "0 = 1" in condition or any(parent in condition for parent in PARENTS)
    return set() if asks or query.startswith("INSERT") else named


def test_queries_on_tenant_tables_ask_whose_rows_they_are(app, alice, nowhere, monkeypatch):
    ids, tables, seen = own(alice.user_id, started=True), tenant_tables(), []
    execute = peewee.Database.execute_sql

    def listening(database, query, params=None, **options):
        seen.append(query)
        return execute(database, query, params, **options)

    monkeypatch.setattr(peewee.Database, "execute_sql", listening)
    _, secret = api_tokens.create_token(alice.user_id, "Test", api_tokens.SCOPES)
    headers, program, wrong = {"Authorization": f"Bearer {secret}"}, app.test_client(), {}
    for rule, method in rules(app, PERSONAL, OWNED, CALL):
        seen.clear()
        url = build(app, rule, ids)
        if rule.endpoint in CALLS:
            program.open(url, method=method, json=BODIES.get(rule.endpoint), headers=headers)
        elif method == "GET":
            alice.get(url)
        elif rule.endpoint not in ("auth.logout", "sign_in.end_all"):
            alice.post(url)
        for query in seen:
            if found := {table for table in unguarded(query, tables) if (rule.endpoint, table) not in WORK}:
                wrong.setdefault((*sorted(found), query), rule.endpoint)
    assert not wrong, "\n".join(f"{where}: {query}" for (*_, query), where in wrong.items())

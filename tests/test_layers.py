"""Who may import whom (ARCHITECTURE.md). A failure names the file, the import and the rule."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
BLASTER = PROJECT / "blaster"

# What each part may import of the others; a part may always import itself. Modules that are not named are tenant
# modules and the like ("tenant"), which do not import each other.
PURE = {"config", "errors", "vault", "addresses", "forecast", "supervisor", "sheets", "review", "warmup", "drafts"}
PURE |= {"passwords", "turns", "zones", "windows", "rehearsal", "literals", "senders", "consent", "domains", "rates"}
MAY_IMPORT = {
    "config": set(),
    "errors": set(),
    "vault": {"errors"},
    "addresses": {"errors"},
    "literals": set(),
    "logs": set(),
    "passwords": set(),
    "sessions": {"db", "models", "errors"},
    "allowance": {"db", "models"},
    "suspension": {"tenant", "queue", "errors"},
    "password_links": {"db", "models", "errors", "addresses"},
    "sheets": {"addresses", "errors", "mail"},
    "idempotency": {"db", "models", "errors"},
    "webhooks": {"config", "db", "models", "mail", "vault", "errors"},
    "trial": {"db", "models", "addresses", "errors"},
    "erased": {"db", "models", "vault"},
    "imports": {"db", "models", "sheets", "errors", "erased"},
    "suppressions": {"db", "models", "addresses", "errors", "sheets"},
    "drafts": {"addresses", "errors", "mail"},
    "review": {"mail", "errors", "senders"},
    "zones": set(),
    "windows": {"errors", "zones"},
    "turns": set(),
    "rehearsal": {"turns", "windows"},
    "forecast": {"rehearsal"},
    "supervisor": set(),
    "warmup": set(),
    "rates": set(),
    "senders": {"mail"},
    "consent": {"config", "errors"},
    "domains": {"mail"},
    "mail": {"config", "addresses"},
    "db": {"config", "literals"},
    "models": {"db"},
    "schema": {"db", "models"},
    "migrations": {"models", "db"},
    "replica": {"config", "db"},
    "boot": {"config", "db", "replica", "vault", "schema", "mail"},
    "tenant": {
        "config",
        "db",
        "models",
        "mail",
        "imports",
        "erased",
        "suppressions",
        "trial",
        "allowance",
        "sessions",
        "password_links",
        "idempotency",
    }
    | {"webhooks", "replica"}
    | PURE - {"supervisor"},
    # What is done to whole lists, on top of the module that owns them.
    "lists": {"tenant", "db", "replica", "models", "mail", "erased", "addresses", "errors"},
    # It looks at everything and owns nothing.
    "doctor": {"config", "db", "replica", "models", "migrations", "schema", "vault", "queue", "zones", "tenant"},
    "maintenance": {"config", "db", "models", "queue", "erased", "sessions", "tenant"},
    "metrics": {"db", "models", "mail", "queue", "tenant"},
    "backup": {"config", "db", "models", "schema", "vault", "queue", "tenant"},
    "queue": {"config", "db", "models", "errors", "addresses", "literals", "warmup", "windows", "trial"},
    "web": None,
    "workers": None,
    "demo": None,
}
NEVER = {"web": {"workers", "demo"}, "workers": {"web", "demo"}, "demo": {"web", "workers"}}
ONLY_IN = {
    "flask": {"web"},
    "flask_login": {"web"},
    "flask_wtf": {"web"},
    "wtforms": {"web"},
    "liquid": {"mail/merge.py", "mail/sandbox.py"},
    "css_inline": {"mail/styles.py"},
    "threading": {"workers", "supervisor"},
    "concurrent": {"workers", "supervisor"},
    "socket": {
        "mail/transport.py",
        "mail/mailbox_wire.py",
        "mail/dial.py",
        "workers/orchestrator.py",
    },  # the latter for the host's name
    "smtplib": {"mail/transport.py"},
    "imaplib": {"mail/mailbox.py", "mail/mailbox_wire.py"},
    "poplib": {"mail/mailbox.py", "mail/mailbox_wire.py"},
    "peewee": {"db", "models", "migrations", "schema", "queue", "imports", "suppressions", "tenant", "lists", "doctor"}
    | {"allowance", "webhooks", "maintenance", "backup", "metrics", "replica"},
    "prometheus_client": {"metrics"},
    "authlib": {"consent"},
    "pyotp": {"second_factors.py"},
    "segno": {"web"},
    "dns": {"domains"},
    "requests": {"consent"},
    "pymysql": {"db", "backup/mysql.py"},
    "sqlite3": {"db", "backup/sqlite.py"},
}
NAMED = set(MAY_IMPORT) - {"tenant"}


def sources() -> list[Path]:
    return sorted(path for path in BLASTER.rglob("*.py") if "static" not in path.parts)


def part_of(path: Path) -> str:
    first = path.relative_to(BLASTER).parts[0].removesuffix(".py")
    return first if first in NAMED else "tenant"


def imports(path: Path) -> set[str]:
    """Full names of all that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part_imported(name: str) -> str | None:
    parts = name.split(".")
    if parts[0] != "blaster" or len(parts) < 2:
        return None
    if parts[1] in NAMED:
        return parts[1]
    return "tenant" if (BLASTER / f"{parts[1]}.py").exists() else None


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(BLASTER)))
def test_imports_follow_the_house_rules(path):
    here = part_of(path)
    allowed = MAY_IMPORT[here]
    for name in imports(path):
        there = part_imported(name)
        if there is None or (there == here and here != "tenant"):
            continue
        own = name.split(".")[1] == path.stem
        assert own or allowed is None or there in allowed, f"{path.name} ({here}) must not import {name} ({there})"
        assert there not in NEVER.get(here, ()), f"{here} must not import {there}: they meet in the database only"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(BLASTER)))
def test_libraries_stay_in_their_rooms(path):
    relative = str(path.relative_to(BLASTER))
    for name in imports(path):
        rooms = ONLY_IN.get(name.split(".")[0])
        assert rooms is None or part_of(path) in rooms or relative in rooms, f"{relative} must not import {name}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(BLASTER)))
def test_only_config_reads_the_environment(path):
    if path.name != "config.py":
        assert "os.environ" not in path.read_text(), f"{path.name}: add a setting to config.py instead"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(BLASTER)))
def test_modules_stay_small(path):
    assert len(path.read_text().splitlines()) <= 300, f"{path.name}: split it by what it is about"

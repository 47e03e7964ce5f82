"""Who may import whom (ARCHITECTURE.md). A failure names the file, the import and the rule."""

import ast
import functools
from pathlib import Path

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
    "mysql": set(),
    "db": {"config", "literals", "mysql"},
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
    "peewee": {
        "mysql",
        "db",
        "models",
        "migrations",
        "schema",
        "queue",
        "imports",
        "suppressions",
        "tenant",
        "lists",
        "doctor",
    }
    | {"allowance", "webhooks", "maintenance", "backup", "metrics", "replica", "mysql"},
    "prometheus_client": {"metrics"},
    "authlib": {"consent"},
    "pyotp": {"second_factors.py"},
    "segno": {"web"},
    "dns": {"domains"},
    "requests": {"consent"},
    "pymysql": {"db", "mysql", "backup/mysql.py"},
    "sqlite3": {"db", "backup/sqlite.py"},
}
NAMED = set(MAY_IMPORT) - {"tenant"}


def sources() -> list[Path]:
    return sorted(path for path in BLASTER.rglob("*.py") if "static" not in path.parts)


def part_of(path: Path) -> str:
    first = path.relative_to(BLASTER).parts[0].removesuffix(".py")
    return first if first in NAMED else "tenant"


@functools.cache
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


def test_imports_follow_the_house_rules():
    wrong = [
        f"{path.relative_to(BLASTER)} ({part_of(path)}) must not import {name} ({there})"
        for path in sources()
        for name in imports(path)
        if not may_import(path, name, there := part_imported(name))
    ]
    assert not wrong, "\n".join(wrong)


def may_import(path: Path, name: str, there: str | None) -> bool:
    here = part_of(path)
    if there is None or (there == here and here != "tenant"):
        return True
    own, allowed = name.split(".")[1] == path.stem, MAY_IMPORT[here]
    # Those that NEVER names meet in the database only.
    return (own or allowed is None or there in allowed) and there not in NEVER.get(here, ())


def test_libraries_stay_in_their_rooms():
    for path in sources():
        relative = str(path.relative_to(BLASTER))
        for name in imports(path):
            rooms = ONLY_IN.get(name.split(".")[0])
            assert rooms is None or part_of(path) in rooms or relative in rooms, f"{relative} must not import {name}"


def test_only_config_reads_the_environment():
    wrong = [path.name for path in sources() if path.name != "config.py" and "os.environ" in path.read_text()]
    assert not wrong, "add a setting to config.py instead"


def test_modules_stay_small():
    wrong = [path.name for path in sources() if len(path.read_text().splitlines()) > 300]
    assert not wrong, "split it by what it is about"

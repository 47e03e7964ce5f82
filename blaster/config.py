"""Settings, read once from the environment and `.env`; nothing else reads `os.environ`."""

import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

PROJECT = Path(__file__).resolve().parent.parent
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Ports = tuple[int, int]  # from, to


class ConfigError(Exception):
    """A setting that cannot be used; the message names it and says what is expected."""


@dataclass(frozen=True)
class Settings:
    """Every number of the operator's guide has its name here, with the guide's value in the comment."""

    data_dir: Path
    campaign_url: str = field(repr=False)  # may hold a password
    crm_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    vault_keys: tuple[str, ...] = field(repr=False)
    campaign_replica_url: str = field(default="", repr=False)  # of Server 1: large reads of screens go there
    host: str = "127.0.0.1"
    port: int = 8025
    public_url: str = ""  # where people reach this installation: the links in mails begin with it
    secure_cookies: bool = False
    trusted_proxies: int = 0  # between browsers and the pages: so many of the addresses in X-Forwarded-For are true
    admin_second_factor: bool = False  # pages for administrators open with one only
    web_processes: int = 1  # that serve pages on all hosts: the doctor reckons their connections
    connections: int = 24  # that a process may hold to each database
    workers: int = 2
    migration_batch: int = 10_000  # guide: Migration Batch 10,000
    worker_batch: int = 1_000  # guide: Worker Batch 1,000
    status_update_every: int = 500  # guide: Status Update every 500 emails
    status_update_seconds: float = 0.5  # guide: Monitor Interval 10 s; with a poll each 2 s screens lag about 3 s
    loop_delay: float = 0.05  # guide: Loop Delay 50 ms
    campaigns_warning: int = 5  # guide: warning at 5+ concurrent campaigns of one user
    archive_days: int = 30  # guide: Archive completed campaigns older than 30 days; 0: never
    maintenance_hour: int = 2  # of the day (UTC), when workers tidy up; -1: never by themselves
    audit_days: int = 365  # that the audit log is kept; 0: for ever
    usage_days: int = 90  # that charges to accounts are kept; a day is needed, pages show a week
    lease_seconds: float = 30.0
    smtp_timeout: float = 30.0
    connection_mails: int = 500  # a connection is closed after so many
    api_calls: int = 600  # a minute, by one token
    upload_limit: int = 100 * 1024 * 1024
    tls_ca_file: str = ""
    google_client_id: str = ""  # of this installation, registered with Google: accounts sign in by consent
    google_client_secret: str = field(default="", repr=False)
    google_token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
    microsoft_client_id: str = ""
    microsoft_client_secret: str = field(default="", repr=False)
    microsoft_authority: str = "https://login.microsoftonline.com/common"  # a tenant's or a national cloud's own
    system_smtp: str = field(default="", repr=False)  # where mails of the program itself go out; may hold a password
    system_sender: str = ""  # their From address
    dns_servers: str = ""  # asked for records of domains; empty: the system's
    # What SMTP servers, mailboxes and webhooks of users may lead to: private networks that the admin allows, and ports.
    private_targets: tuple[Network, ...] = ()
    smtp_ports: tuple[Ports, ...] = ((25, 25), (465, 465), (587, 587), (2465, 2465), (2525, 2525), (2587, 2587))
    mailbox_ports: tuple[Ports, ...] = ((110, 110), (143, 143), (993, 993), (995, 995))
    webhook_ports: tuple[Ports, ...] = ((443, 443), (8443, 8443))
    log_format: str = "text"  # text | json, a line each
    metrics_token: str = field(default="", repr=False)  # opens /metrics; without it …
    metrics_addresses: tuple[Network, ...] = ()  # … and without an address here, there is no such page
    trial: bool = False  # new users may mail their own verified addresses only, until an admin trusts them
    clock_speed: float = 1.0  # for trials only: the databases' clock runs that much faster …
    clock_origin: int = 0  # … from this instant on (ms since 1970)


def load(env: Mapping[str, str] | None = None, *, make_secrets: bool = True) -> Settings:
    """Settings from `env` (default: `.env` beside the project, overridden by the process environment).

    Every name is `BLASTER_` + the field in capitals. A secret may come from a file: `BLASTER_SECRET_KEY_FILE`.
    A secret that is not there is made, unless told otherwise. Raises ConfigError for a value that cannot be read.
    """
    if env is None:
        env = {**dotenv_values(PROJECT / ".env"), **os.environ}
    data_dir = Path(env.get("BLASTER_DATA_DIR") or PROJECT / "var").resolve()
    return Settings(
        data_dir=data_dir,
        campaign_url=env.get("BLASTER_CAMPAIGN_URL") or f"sqlite:///{data_dir / 'campaign.db'}",
        crm_url=env.get("BLASTER_CRM_URL") or f"sqlite:///{data_dir / 'crm.db'}",
        secret_key=_secret(env, "SECRET_KEY", data_dir / "secret.key", make_secrets and secrets.token_urlsafe),
        vault_keys=tuple(_secret(env, "VAULT_KEYS", data_dir / "vault.key", make_secrets and _new_vault_key).split()),
        workers=int(env.get("BLASTER_WORKERS") or os.cpu_count() or 2),
        public_url=_web_address(env, "public_url"),
        google_client_secret=_given_secret(env, "GOOGLE_CLIENT_SECRET"),
        microsoft_client_secret=_given_secret(env, "MICROSOFT_CLIENT_SECRET"),
        system_smtp=_smtp_address(env),
        metrics_token=_given_secret(env, "METRICS_TOKEN"),
        log_format=_choice(env, "log_format", ("text", "json")),
        **{name: _read(env, name) for name in _PLAIN if env.get(_variable(name))},
        **{name: _words(env, name, read) for name, read in _LISTS.items() if env.get(_variable(name))},
    )


_PLAIN = (
    "host port secure_cookies trusted_proxies admin_second_factor system_sender web_processes archive_days"
    " campaign_replica_url connections maintenance_hour audit_days usage_days"
    " migration_batch worker_batch status_update_every status_update_seconds loop_delay"
    " campaigns_warning api_calls lease_seconds smtp_timeout connection_mails upload_limit tls_ca_file"
    " google_client_id google_token_url microsoft_client_id microsoft_authority dns_servers trial"
    " clock_speed clock_origin"
).split()


def _variable(name: str) -> str:
    return "BLASTER_" + name.upper()


def _read(env: Mapping[str, str], name: str):
    text = env[_variable(name)].strip()
    kind = Settings.__dataclass_fields__[name].type
    try:
        if kind is bool:
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{_variable(name)}={text!r} is not a {kind.__name__}") from error


def _words(env: Mapping[str, str], name: str, read) -> tuple:
    """What blanks or commas separate, each word read by `read`."""
    words = env[_variable(name)].replace(",", " ").split()
    try:
        return tuple(map(read, words))
    except ValueError as error:
        raise ConfigError(f"{_variable(name)}: {error}") from error


def _ports(word: str) -> Ports:
    """`587` or `1024-65535`."""
    first, _, last = word.partition("-")
    if not (
        word.isascii() and first.isdigit() and (last or first).isdigit() and int(first) <= int(last or first) < 65_536
    ):
        raise ValueError(f"{word!r} is not a port or a range like 1024-65535")
    return int(first), int(last or first)


_LISTS = {
    "private_targets": ipaddress.ip_network,
    "metrics_addresses": ipaddress.ip_network,
    "smtp_ports": _ports,
    "mailbox_ports": _ports,
    "webhook_ports": _ports,
}


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of these words, the first where none is given."""
    word = (env.get(_variable(name)) or choices[0]).strip().lower()
    if word not in choices:
        raise ConfigError(f"{_variable(name)}={word!r} is not {' or '.join(choices)}")
    return word


def _web_address(env: Mapping[str, str], name: str) -> str:
    """`https://host/path` without a slash at its end, http only on this computer; empty where it is not set."""
    text = (env.get(_variable(name)) or "").strip().rstrip("/")
    parts = urlsplit(text)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    right = parts.hostname and parts.scheme in (("https", "http") if is_here else ("https",))
    if text and (not right or parts.query or parts.fragment or parts.username or not text.isascii() or " " in text):
        raise ConfigError(f"{_variable(name)}={text!r} is not a web address; it looks like https://mail.example.com")
    return text


def _given_secret(env: Mapping[str, str], name: str) -> str:
    """From the variable, or from the file that `…_FILE` names; empty without both."""
    file = env.get(_variable(name) + "_FILE")
    return env.get(_variable(name)) or (Path(file).read_text().strip() if file else "")


def _smtp_address(env: Mapping[str, str]) -> str:
    text = _given_secret(env, "SYSTEM_SMTP")
    parts = urlsplit(text)
    if text and (parts.scheme not in ("smtp", "smtps", "smtp+plain") or not parts.hostname):
        # Not shown: it may hold a password.
        raise ConfigError("BLASTER_SYSTEM_SMTP is no such address; it looks like smtp://user:password@host:587")
    return text


def _secret(env: Mapping[str, str], name: str, path: Path, make) -> str:
    """From the variable, from the file that `…_FILE` names, or from `path`, which `make` fills on first use."""
    if env.get(_variable(name)):
        return env[_variable(name)]
    path = Path(env.get(_variable(name) + "_FILE") or path)
    if not path.exists():
        if not make:
            raise ConfigError(f"{path} is missing, and {_variable(name)} is not set")
        _create_private(path, make())
    return path.read_text().strip()


def _create_private(path: Path, text: str) -> None:
    """Readable by the owner only; when two processes start at once, the first one's secret stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _new_vault_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()

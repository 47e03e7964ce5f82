"""SMTP servers of a user, each with the accounts that send through it. Limits belong to the account."""

import re
from datetime import UTC, date, datetime

from blaster import addresses, db, senders, vault
from blaster.db import crm_db
from blaster.errors import Invalid, NotFound
from blaster.mail import presets, targets
from blaster.models.crm_db import SmtpAccount, SmtpServer
from blaster.models.providers import DomainCheck, OauthToken

SIGN_INS = ("password", "google", "microsoft")
ENCRYPTIONS = ("none", "starttls", "tls")
HIGHEST_LIMIT = 1_000_000
MOST_CONNECTIONS = 100
TOKEN_ROOM = 44  # characters that {token} may take in a bounce address


def list_servers(user_id: int) -> list[SmtpServer]:
    """All servers of the user, active or not."""
    with db.session(crm_db):
        return list(SmtpServer.select().where(SmtpServer.user_id == user_id).order_by(SmtpServer.id))


def get_server(user_id: int, server_id: int) -> SmtpServer:
    """Raises NotFound."""
    return _get(SmtpServer, user_id, server_id)


def _get(model, user_id: int, row_id: int):
    with db.session(crm_db):
        row = model.get_or_none(_owned(model, user_id, row_id))
    if row is None:
        raise NotFound("No such SMTP server or account.")
    return row


def _owned(model, user_id: int, row_id: int):
    return (model.id == row_id) & (model.user_id == user_id)


def add_server(user_id: int, **fields) -> SmtpServer:
    """Fields: name, host, port, encryption, max_connections=10, preset=""; numbers may be text. Raises Invalid."""
    values = _server_values(**fields)
    with db.session(crm_db):
        return SmtpServer.create(user_id=user_id, created_at=db.now(crm_db), **values)


def edit_server(user_id: int, server_id: int, **fields) -> None:
    """Replace all fields, as for `add_server`. Raises Invalid, NotFound."""
    _update(SmtpServer, user_id, server_id, **_server_values(**fields))


def _update(model, user_id: int, row_id: int, **values) -> None:
    with db.session(crm_db):
        if not model.update(**values).where(_owned(model, user_id, row_id)).execute():
            raise NotFound("No such SMTP server or account.")


def _server_values(
    *, name: str = "", host: str, port: int | str, encryption: str, max_connections: int | str = 10, preset: str = ""
):
    errors = {}
    host = host.strip().lower()
    if trouble := _host_trouble(host):
        errors["host"] = trouble
    if encryption not in ENCRYPTIONS:
        errors["encryption"] = "Choose none, STARTTLS or TLS."
    values = {
        "name": name.strip()[:120] or host[:120],
        "host": host,
        "port": _whole(port, 1, 65_535, "port", errors),
        "encryption": encryption,
        "max_connections": _whole(max_connections, 1, MOST_CONNECTIONS, "max_connections", errors),
        "preset": preset if preset in presets.all_presets() else "",
    }
    errors = targets.trouble(targets.SMTP, host, values["port"]) | errors
    if errors:
        raise Invalid(errors)
    return values


def _host_trouble(host: str) -> str:
    if not host:
        return "Enter the name of the server, for example smtp.example.com."
    if "://" in host or re.search(r"[\s/@,;]", host):
        return "Enter the name of the server alone, for example smtp.example.com."
    if re.fullmatch(r"[^:]+:\d*", host):
        return "Enter the port in its own field."
    if len(host) > 255 or not host.isprintable():
        return "This is not the name of a server."
    return ""


def _whole(value: int | str, low: int, high: int, field: str, errors: dict[str, str]) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = low - 1
    if not low <= number <= high:
        errors[field] = f"Enter a whole number from {low:,} to {high:,}."
    return number


def set_server_active(user_id: int, server_id: int, active: bool) -> None:
    """An inactive server sends nothing; workers let go of it within seconds. Raises NotFound."""
    _update(SmtpServer, user_id, server_id, is_active=active)


def delete_server(user_id: int, server_id: int) -> None:
    """Delete a server with its accounts; mail that waits for it stays pending for the user's other accounts."""

    def work():
        if not SmtpServer.delete().where(_owned(SmtpServer, user_id, server_id)).execute():
            raise NotFound("No such SMTP server.")
        of_server = (SmtpAccount.smtp_server_id == server_id) & (SmtpAccount.user_id == user_id)
        ids = [account_id for (account_id,) in SmtpAccount.select(SmtpAccount.id).where(of_server).tuples()]
        _forget(ids)
        SmtpAccount.delete().where(of_server).execute()

    db.transaction(crm_db, work)


def _forget(account_ids: list[int]) -> None:
    for model in (OauthToken, DomainCheck):
        model.delete().where(model.smtp_account_id.in_(account_ids)).execute()


def list_accounts(user_id: int, server_id: int | None = None) -> list[SmtpAccount]:
    """All accounts of the user, or those of one server. Raises NotFound for a stranger's server."""
    chosen = SmtpAccount.user_id == user_id
    if server_id is not None:
        get_server(user_id, server_id)
        chosen &= SmtpAccount.smtp_server_id == server_id
    with db.session(crm_db):
        return list(SmtpAccount.select().where(chosen).order_by(SmtpAccount.smtp_server_id, SmtpAccount.id))


def get_account(user_id: int, account_id: int) -> SmtpAccount:
    """Raises NotFound."""
    return _get(SmtpAccount, user_id, account_id)


def add_account(user_id: int, server_id: int, *, password: str, **fields) -> SmtpAccount:
    """Fields: email, login='' (the address), daily_limit, hourly_limit; auth='password' (or google, microsoft: sign-in
    by consent), warmup_start=0 (mails on the first day; 0: no plan), warmup_from='' (that day, as 2026-11-24; today),
    from_domains='' (further domains to send from, separated by blanks), bounce_address='' (where bounces go, for each
    mail another: `bounces+{token}@example.com`). Numbers may be text. An empty password means
    that the server wants no sign-in. Raises Invalid, NotFound."""

    def work():
        server = SmtpServer.get_or_none(_owned(SmtpServer, user_id, server_id))
        if server is None:
            raise NotFound("No such SMTP server.")
        now = db.now(crm_db)
        values = _account_values(server.host, now, **fields) | {"password": vault.encrypt(password)}
        return SmtpAccount.create(user_id=user_id, smtp_server_id=server_id, created_at=now, **values)

    return db.transaction(crm_db, work)


def edit_account(user_id: int, account_id: int, *, password: str = "", **fields) -> None:
    """Replace the fields, as for `add_account`; an empty password keeps the old one. Raises Invalid, NotFound."""
    server = get_server(user_id, get_account(user_id, account_id).smtp_server_id)
    with db.session(crm_db):
        values = _account_values(server.host, db.now(crm_db), **fields)
    if password:
        values["password"] = vault.encrypt(password)
    _update(SmtpAccount, user_id, account_id, **values)


def _account_values(
    host: str,
    now: int,
    *,
    email: str,
    login: str = "",
    daily_limit: int | str,
    hourly_limit: int | str,
    auth: str = "password",
    warmup_start: int | str = 0,
    warmup_from: str = "",
    from_domains: str = "",
    bounce_address: str = "",
) -> dict:
    errors = {}
    try:
        email = addresses.normalise(email)[0]
        if trouble := senders.foreign_server(senders.domain_of(email), host):
            errors["email"] = trouble
    except ValueError as error:
        errors["email"] = str(error)
    login = login.strip()
    if len(login) > 254 or not login.isprintable():
        errors["login"] = "This is not the login of an account."
    if auth not in SIGN_INS:
        errors["auth"] = "Choose how the account signs in."
    values = {
        "email": email,
        "login": login,
        "daily_limit": _whole(daily_limit, 0, HIGHEST_LIMIT, "daily_limit", errors),
        "hourly_limit": _whole(hourly_limit, 0, HIGHEST_LIMIT, "hourly_limit", errors),
        "auth": auth,
        "warmup_start": _whole(warmup_start or 0, 0, HIGHEST_LIMIT, "warmup_start", errors),
        "warmup_from": _day(warmup_from, now, errors),
        "from_domains": _domains(from_domains, host, errors),
        "bounce_address": _bounce_address(bounce_address, errors),
    }
    if errors:
        raise Invalid(errors)
    return values


def _bounce_address(text: str, errors: dict[str, str]) -> str:
    """Each mail gets its own, so the local part needs room (RFC 5321 section 4.5.3.1.1: 64 octets)."""
    local, mark, domain = text.strip().partition("{token}@")
    if text.strip():
        try:
            domain = addresses.normalise(f"a@{domain}")[1].partition("@")[2]
            addresses.normalise(f"{local}{'x' * TOKEN_ROOM}@{domain}")
        except ValueError:
            mark = ""
        if not mark:
            errors["bounce_address"] = "Enter an address like bounces+{token}@example.com."
    return f"{local}{mark}{domain}" if mark else ""


def _day(text: str, now: int, errors: dict[str, str]) -> int:
    """The first millisecond of a day, UTC; of today without one."""
    try:
        day = date.fromisoformat(text.strip()) if text.strip() else datetime.fromtimestamp(now / 1000, UTC).date()
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        errors["warmup_from"] = "Enter a day, for example 2026-11-24."
        return 0


def _domains(text: str, host: str, errors: dict[str, str]) -> str:
    found = list(
        dict.fromkeys(senders.domain_of("@" + word.lstrip("@")) for word in re.split(r"[\s,;]+", text) if word)
    )
    for domain in found:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
            errors["from_domains"] = f"“{domain}” is not a domain."
        elif trouble := senders.foreign_server(domain, host):
            errors["from_domains"] = trouble
    if len(" ".join(found)) > 500:
        errors["from_domains"] = "These are too many domains."
    return " ".join(found)


def set_account_active(user_id: int, account_id: int, active: bool) -> None:
    """An inactive account sends nothing and takes no budget. Raises NotFound."""
    _update(SmtpAccount, user_id, account_id, is_active=active)


def set_windows(user_id: int, account_id: int, send_windows: str | None) -> None:
    """The account's sending hours, as `windows.store` writes them; workers know within seconds. Raises NotFound."""
    _update(SmtpAccount, user_id, account_id, send_windows=send_windows)


def delete_account(user_id: int, account_id: int) -> None:
    """What the account sent stays recorded; what it held goes back to pending. Raises NotFound."""

    def work():
        if not SmtpAccount.delete().where(_owned(SmtpAccount, user_id, account_id)).execute():
            raise NotFound("No such SMTP account.")
        _forget([account_id])

    db.transaction(crm_db, work)


def credentials(account: SmtpAccount) -> tuple[str, str]:
    """Login and password in the clear. A password that lay in the clear is encrypted by this. Raises vault.Locked."""
    stored = account.password or ""
    if stored and not vault.is_encrypted(stored):
        _seal(account.id, stored)
    return account.login or account.email, vault.decrypt(stored)


def _seal(account_id: int, clear: str) -> None:
    # Only while it is still the same: the owner may have typed a new one in the meantime.
    unchanged = (SmtpAccount.id == account_id) & (SmtpAccount.password == clear)
    with db.session(crm_db):
        SmtpAccount.update(password=vault.encrypt(clear)).where(unchanged).execute()

"""SMTP servers of a user, each with the accounts that send through it. Limits belong to the account."""

import re

from blaster import addresses, db, vault
from blaster.db import crm_db
from blaster.errors import Invalid, NotFound
from blaster.models.crm_db import SmtpAccount, SmtpServer

ENCRYPTIONS = ("none", "starttls", "tls")
HIGHEST_LIMIT = 1_000_000
MOST_CONNECTIONS = 100


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
    """Fields: name, host, port, encryption, max_connections=10; numbers may be text. Raises Invalid."""
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


def _server_values(*, name: str = "", host: str, port: int | str, encryption: str, max_connections: int | str = 10):
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
    }
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
        SmtpAccount.delete().where(of_server).execute()

    db.transaction(crm_db, work)


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
    """Fields: email, login='' (the address), daily_limit, hourly_limit; numbers may be text. An empty password means
    that the server wants no sign-in. Raises Invalid, NotFound."""
    values = _account_values(**fields) | {"password": vault.encrypt(password)}

    def work():
        if not SmtpServer.select().where(_owned(SmtpServer, user_id, server_id)).exists():
            raise NotFound("No such SMTP server.")
        return SmtpAccount.create(user_id=user_id, smtp_server_id=server_id, created_at=db.now(crm_db), **values)

    return db.transaction(crm_db, work)


def edit_account(user_id: int, account_id: int, *, password: str = "", **fields) -> None:
    """Replace the fields, as for `add_account`; an empty password keeps the old one. Raises Invalid, NotFound."""
    values = _account_values(**fields)
    if password:
        values["password"] = vault.encrypt(password)
    _update(SmtpAccount, user_id, account_id, **values)


def _account_values(*, email: str, login: str = "", daily_limit: int | str, hourly_limit: int | str) -> dict:
    errors = {}
    try:
        email = addresses.normalise(email)[0]
    except ValueError as error:
        errors["email"] = str(error)
    login = login.strip()
    if len(login) > 254 or not login.isprintable():
        errors["login"] = "This is not the login of an account."
    values = {
        "email": email,
        "login": login,
        "daily_limit": _whole(daily_limit, 0, HIGHEST_LIMIT, "daily_limit", errors),
        "hourly_limit": _whole(hourly_limit, 0, HIGHEST_LIMIT, "hourly_limit", errors),
    }
    if errors:
        raise Invalid(errors)
    return values


def set_account_active(user_id: int, account_id: int, active: bool) -> None:
    """An inactive account sends nothing and takes no budget. Raises NotFound."""
    _update(SmtpAccount, user_id, account_id, is_active=active)


def delete_account(user_id: int, account_id: int) -> None:
    """What the account sent stays recorded; what it held goes back to pending. Raises NotFound."""
    with db.session(crm_db):
        if not SmtpAccount.delete().where(_owned(SmtpAccount, user_id, account_id)).execute():
            raise NotFound("No such SMTP account.")


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

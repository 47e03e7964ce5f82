"""Health of SMTP accounts and servers: ok, cooling until an instant, or in need of attention until the user acts."""

import random

from blaster import db
from blaster.db import crm_db
from blaster.models.crm_db import SmtpHealth

MINUTE = 60_000
HOUR = 60 * MINUTE

# class of the reply -> (first pause, longest pause); doubled with each failure in a row
COOLING = {
    "account-temp": (5 * MINUTE, 6 * HOUR),
    "account-rate": (5 * MINUTE, 6 * HOUR),
    "account-limit": (HOUR, 24 * HOUR),
    "too-many-recipients": (5 * MINUTE, HOUR),
    "protocol": (MINUTE, HOUR),
    "connection": (15_000, HOUR),
    "no-token": (MINUTE, MINUTE),
}
ATTENTION = {"account-auth", "needs-consent", "tls-required", "sender-not-allowed"}
_KEY = (SmtpHealth.smtp_server_id, SmtpHealth.smtp_account_id, SmtpHealth.user_id)
SERVER = 0  # the account id of a server's own row


def of_user(user_id: int) -> dict[tuple[int, int], SmtpHealth]:
    """Rows by (server id, account id); account id 0 is the server itself. No row means ok."""
    with db.session(crm_db):
        rows = SmtpHealth.select().where(SmtpHealth.user_id == user_id)
        return {(row.smtp_server_id, row.smtp_account_id): row for row in rows}


def usable_at(row: SmtpHealth | None, now: int) -> int | None:
    """When it may be used: `now` or earlier means at once, None means not before the user acts."""
    if row is None or row.state == "ok":
        return now
    return row.until if row.state == "cooling" else None


def record_failure(user_id: int, server_id: int, account_id: int, reply_class: str, text: str) -> SmtpHealth:
    """Note a reply that speaks about the account (account id 0: about the server); returns the row as it is now.

    What needs the user's attention keeps needing it, whatever mails under way still find out.
    """

    def work():
        now = db.now(crm_db)
        db.insert_new(SmtpHealth, _KEY, [(server_id, account_id, user_id)])
        row = db.locked(SmtpHealth.select().where(_key(server_id, account_id))).get()
        if row.state == "attention" and reply_class not in ATTENTION:
            return row
        if row.state != "cooling" or row.until <= now:  # mails under way fail together: one failure in a row
            row.failures += 1
        row.reason, row.last_error, row.last_error_at = reply_class, text[:300], now
        row.state, row.until = _next_state(row, now)
        row.save()
        return row

    return db.transaction(crm_db, work)


def _next_state(row: SmtpHealth, now: int) -> tuple[str, int]:
    if row.reason in ATTENTION:
        return "attention", 0
    first, longest = COOLING[row.reason]
    pause = min(first * 2 ** (row.failures - 1), longest)
    # Jitter: accounts that failed together must not come back together.
    return "cooling", max(row.until, now + int(pause * random.uniform(1, 1.2)))  # noqa: S311  jitter


def record_success(server_id: int, account_id: int) -> None:
    """The account (and its server) sent a mail again: failures in a row start anew. No write while all is well.

    A mail that was under way when the rest began says nothing: it does not end the rest.
    """

    def work():
        ids = (SERVER, account_id)
        SmtpHealth.update(state="ok", until=0, failures=0).where(
            (SmtpHealth.smtp_server_id == server_id)
            & SmtpHealth.smtp_account_id.in_(ids)
            & (SmtpHealth.failures > 0)
            & (SmtpHealth.state != "attention")
            & (SmtpHealth.until <= db.now(crm_db))
        ).execute()

    db.transaction(crm_db, work)


def clear(user_id: int, server_id: int, account_id: int = SERVER) -> None:
    """The user changed something or says it is mended: try again at once."""

    def work():
        SmtpHealth.update(state="ok", until=0, failures=0).where(
            _key(server_id, account_id) & (SmtpHealth.user_id == user_id)
        ).execute()

    db.transaction(crm_db, work)


def _key(server_id: int, account_id: int):
    return (SmtpHealth.smtp_server_id == server_id) & (SmtpHealth.smtp_account_id == account_id)


WORDS = {
    "account-auth": "Sign-in refused: check login and password",
    "needs-consent": "Your consent is missing or has ended: sign in with the provider",
    "no-token": "The provider gave no access token; it is asked again each minute",
    "tls-required": "The server asks for encryption: choose STARTTLS or TLS",
    "sender-not-allowed": "The server does not accept this sender address",
    "account-limit": "The provider's sending limit is reached",
    "account-rate": "The provider asks to send more slowly",
    "account-temp": "The provider has a passing problem with this account",
    "connection": "The server cannot be reached",
}


def words(row: SmtpHealth | None) -> str:
    """The state as a short sentence; the caller adds the time it goes on (`until`)."""
    if row is None or row.state == "ok":
        return "OK"
    return WORDS.get(row.reason, "The server refused: " + row.reason)

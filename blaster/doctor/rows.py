"""Rows of Server 2 that should not be as they are."""

from collections.abc import Iterator

from blaster import db, vault
from blaster.db import campaign_db, crm_db
from blaster.doctor import Finding
from blaster.models.campaign_db import User
from blaster.models.crm_db import SmtpAccount

_GRACE = 120_000  # ms after which somebody should have taken over a lease that ran out


def _all(query: str, *values) -> list[tuple]:
    with db.session(crm_db):
        return list(db.execute(crm_db, query, *values).fetchall())


def plain_passwords() -> Iterator[Finding]:
    """Passwords that the guide's SQL inserted in the clear."""
    for account_id, password in _all("SELECT id, password FROM smtp_accounts WHERE password > ''"):
        if not vault.is_encrypted(password):
            yield Finding(
                "error",
                f"The password of account {account_id} lies in the clear.",
                "Run the doctor with --fix: it encrypts it.",
                lambda i=account_id, p=password: _encrypt(i, p),
            )


def _encrypt(account_id: int, password: str) -> None:
    same = (SmtpAccount.id == account_id) & (SmtpAccount.password == password)  # nobody changed it meanwhile
    secret = vault.encrypt(password)
    db.transaction(crm_db, lambda: SmtpAccount.update(password=secret).where(same).execute())


def accounts_without_user() -> Iterator[Finding]:
    """The guide's "No SMTP accounts found for user": user_id is not set properly."""
    with db.session(campaign_db):
        users = {user_id for (user_id,) in User.select(User.id).tuples()}
    for account_id, user_id in _all("SELECT id, user_id FROM smtp_accounts ORDER BY id"):
        if user_id not in users:
            what = f"Account {account_id} belongs to user {user_id}, who does not exist."
            yield Finding("error", what, "Set smtp_accounts.user_id to the user it is meant for, or delete it.")


def servers_without_accounts() -> Iterator[Finding]:
    """Servers that can send nothing."""
    query = (
        "SELECT s.id FROM smtp_servers s LEFT JOIN smtp_accounts a ON a.smtp_server_id=s.id AND a.user_id=s.user_id"
        " WHERE a.id IS NULL ORDER BY s.id"
    )
    for (server_id,) in _all(query):
        yield Finding("warning", f"Server {server_id} has no account of its owner.", "Add an account, or delete it.")


def expired_leases() -> Iterator[Finding]:
    """Leases that ran out and that no worker took over."""
    with db.session(crm_db):
        now = db.now(crm_db)
    for (name,) in _all("SELECT name FROM leases WHERE expires_at < %s ORDER BY name", now - _GRACE):
        yield Finding(
            "error", f"Lease {name} ran out and was not taken over.", "Start a worker: it recovers its mails."
        )


def orphan_rows() -> Iterator[Finding]:
    """Mails under way that no lease stands for."""
    query = (
        "SELECT m.campaign_id, COUNT(*) FROM mail_blaster m LEFT JOIN leases l ON l.token=m.lease_token"
        " WHERE m.status IN ('claimed', 'sending') AND l.token IS NULL GROUP BY m.campaign_id"
    )
    for campaign_id, number in _all(query):
        what = f"{number} mails of campaign {campaign_id} are under way without a lease."
        yield Finding("error", what, "Start a worker: its sweep puts them right.")


CHECKS = (plain_passwords, accounts_without_user, servers_without_accounts, expired_leases, orphan_rows)

"""SMTP servers, accounts, consents and mailboxes: whose they are, and whether they work."""

from collections.abc import Iterator

from peewee import JOIN

from blaster import db, zones
from blaster.db import campaign_db, crm_db
from blaster.doctor import Finding, Patient, fault, needs, warning
from blaster.models.bounces import Mailbox
from blaster.models.campaign_db import User
from blaster.models.crm_db import SmtpAccount, SmtpHealth, SmtpServer
from blaster.models.providers import OauthToken

HOUR = 3_600_000


@needs("Server 1", "Server 2")
def without_user(patient: Patient) -> Iterator[Finding]:
    """The guide's "No SMTP accounts found for user": user_id is not set properly."""
    with db.session(campaign_db):
        users = {user_id for (user_id,) in User.select(User.id).tuples()}
    for model in (SmtpServer, SmtpAccount):
        with db.session(crm_db):
            rows = list(model.select(model.id, model.user_id).order_by(model.id).tuples())
        for row_id, user_id in rows:
            if user_id not in users:
                table = model._meta.table_name
                what = f"It belongs to user {user_id}, who does not exist."
                cure = f"UPDATE {table} SET user_id=… WHERE id={row_id}, or delete the row."
                yield fault("without-user", f"{table} {row_id}", what, "Nobody can send with it, or see it.", cure)


@needs("Server 2")
def without_server(patient: Patient) -> Iterator[Finding]:
    """Accounts whose server is gone or somebody else's."""
    same = SmtpServer.id == SmtpAccount.smtp_server_id
    query = SmtpAccount.select(SmtpAccount.id, SmtpAccount.smtp_server_id, SmtpServer.id)
    query = query.join(SmtpServer, JOIN.LEFT_OUTER, on=same)
    with db.session(crm_db):
        lost = query.where(SmtpServer.id.is_null() | (SmtpServer.user_id != SmtpAccount.user_id)).tuples()
        rows = list(lost.order_by(SmtpAccount.id))
    for account_id, server_id, there in rows:
        what = f"Its server {server_id} {'belongs to another user' if there else 'does not exist'}."
        cure = f"UPDATE smtp_accounts SET smtp_server_id=… WHERE id={account_id}, or delete the row."
        yield fault("without-server", f"smtp_accounts {account_id}", what, "No worker ever uses it.", cure)


@needs("Server 2")
def without_account(patient: Patient) -> Iterator[Finding]:
    """Servers that can send nothing."""
    same = (SmtpAccount.smtp_server_id == SmtpServer.id) & (SmtpAccount.user_id == SmtpServer.user_id)
    query = SmtpServer.select(SmtpServer.id).join(SmtpAccount, JOIN.LEFT_OUTER, on=same)
    with db.session(crm_db):
        rows = list(query.where(SmtpAccount.id.is_null()).order_by(SmtpServer.id).tuples())
    for (server_id,) in rows:
        yield warning(
            "server-without-account",
            f"smtp_servers {server_id}",
            "It has no account of its owner.",
            "Nothing can be sent through it.",
            "Add an account on the page of the server, or delete it.",
        )


@needs("Server 2")
def in_trouble(patient: Patient) -> Iterator[Finding]:
    """Accounts and servers that stopped until somebody acts."""
    with db.session(crm_db):
        rows = list(SmtpHealth.select().where(SmtpHealth.state == "attention"))
    for row in rows:
        where = f"smtp_accounts {row.smtp_account_id}" if row.smtp_account_id else f"smtp_servers {row.smtp_server_id}"
        yield warning(
            "account-stopped",
            where,
            f"It stopped: {row.reason}.",
            "Its mails wait for other accounts.",
            "Its owner reads the server’s words on the page Servers, corrects it and tries it there.",
        )


@needs("Server 2")
def without_consent(patient: Patient) -> Iterator[Finding]:
    """Accounts that sign in by consent which has ended or was never given."""
    same = OauthToken.smtp_account_id == SmtpAccount.id
    query = SmtpAccount.select(SmtpAccount.id).join(OauthToken, JOIN.LEFT_OUTER, on=same)
    gone = OauthToken.smtp_account_id.is_null() | (OauthToken.trouble != "")
    asked = (SmtpAccount.auth != "password") & SmtpAccount.is_active
    with db.session(crm_db):
        rows = list(query.where(asked & gone).order_by(SmtpAccount.id).tuples())
    for (account_id,) in rows:
        yield warning(
            "consent-ended",
            f"smtp_accounts {account_id}",
            "Its consent has ended, or was never given.",
            "It cannot sign in; its mails wait for other accounts.",
            "Its owner clicks “Connect” on the page of the account.",
        )


@needs("Server 2")
def mailboxes(patient: Patient) -> Iterator[Finding]:
    """Mailboxes that have not been read for an hour because of an error."""
    with db.session(crm_db):
        failing = Mailbox.is_active & (Mailbox.last_error != "") & (Mailbox.read_at < db.now(crm_db) - HOUR)
        rows = list(Mailbox.select(Mailbox.id).where(failing).order_by(Mailbox.id).tuples())
    for (mailbox_id,) in rows:
        yield warning(
            "mailbox-failing",
            f"mailboxes {mailbox_id}",
            "It has not been read for an hour.",
            "Bounces and complaints are not seen: dead addresses stay on the lists.",
            "Its owner reads the error on the page Bounces and corrects host, name or password.",
        )


@needs("Server 1")
def lost_zones(patient: Patient) -> Iterator[Finding]:
    """Users whose time zone no host knows."""
    with db.session(campaign_db):
        rows = list(User.select(User.id, User.time_zone).order_by(User.id).tuples())
    for user_id, zone in rows:
        if not zones.is_known(zone):
            yield warning(
                "zone-unknown",
                f"users {user_id}",
                f"The time zone {zone!r} is not known.",
                "Times are shown in another zone than the user expects.",
                "The user chooses a zone in the settings.",
            )


CHECKS = (without_user, without_server, without_account, in_trouble, without_consent, mailboxes, lost_zones)

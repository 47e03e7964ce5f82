"""Mailboxes of a user that bounces come to. The workers read them; what is found there is in `bounces`."""

import re

from blaster import db, vault
from blaster.db import crm_db
from blaster.errors import Invalid, NotFound
from blaster.mail import targets
from blaster.mail.mailbox import KINDS, PORTS
from blaster.models.bounces import Mailbox, MailboxMail
from blaster.models.providers import MailboxToken

SIGN_INS = ("password", "google", "microsoft")
ENCRYPTIONS = ("none", "starttls", "tls")
REMEMBERED = 50_000  # unique ids of a POP3 mailbox; one with more mails should let them be deleted


def list_mailboxes(user_id: int) -> list[Mailbox]:
    """All of the user, in the order of their making."""
    with db.session(crm_db):
        return list(Mailbox.select().where(Mailbox.user_id == user_id).order_by(Mailbox.id))


def get_mailbox(user_id: int, mailbox_id: int) -> Mailbox:
    """Raises NotFound."""
    with db.session(crm_db):
        row = Mailbox.get_or_none(_mine(user_id, mailbox_id))
    if row is None:
        raise NotFound("No such mailbox.")
    return row


def _mine(user_id: int, mailbox_id: int):
    return (Mailbox.id == mailbox_id) & (Mailbox.user_id == user_id)


def add_mailbox(user_id: int, *, password: str, **fields) -> Mailbox:
    """Fields: kind, host, port (empty: the usual one), encryption, login, folder='INBOX', deletes=False;
    auth='password' (or google, microsoft: it is read once its owner has consented). Raises Invalid.
    """
    values = _values(password=password, **fields)
    if not password and values["auth"] == "password":
        raise Invalid({"password": "Enter the password of the mailbox."})
    with db.session(crm_db):
        return Mailbox.create(user_id=user_id, created_at=db.now(crm_db), **values)


def edit_mailbox(user_id: int, mailbox_id: int, *, password: str = "", **fields) -> None:
    """Replace all fields, as for `add_mailbox`; an empty password keeps the old one. Raises Invalid, NotFound."""
    old = get_mailbox(user_id, mailbox_id)
    values = _values(password=password, **fields) | {"last_error": "", "tried_at": 0}
    if values["auth"] == "password" and not (password or old.password):
        raise Invalid({"password": "Enter the password of the mailbox."})
    if any(values[name] != getattr(old, name) for name in ("kind", "host", "login", "folder")):
        values |= {"last_uid": 0, "validity": 0}  # another mailbox: read from its beginning

    def work():
        Mailbox.update(**values).where(_mine(user_id, mailbox_id)).execute()
        if any(values[name] != getattr(old, name) for name in ("kind", "host", "login", "auth")):
            MailboxToken.delete().where(MailboxToken.mailbox_id == mailbox_id).execute()  # of another mailbox

    db.transaction(crm_db, work)


def _values(
    *,
    kind: str,
    host: str,
    port: int | str = "",
    encryption: str,
    login: str,
    password: str,
    folder: str = "INBOX",
    deletes: bool = False,
    auth: str = "password",
) -> dict:
    errors, host = {}, host.strip().lower()
    if kind not in KINDS:
        errors["kind"] = "Choose IMAP or POP3."
    if encryption not in ENCRYPTIONS:
        errors["encryption"] = "Choose none, STARTTLS or TLS."
    if auth not in SIGN_INS:
        errors["auth"] = "Choose how to sign in."
    if not re.fullmatch(r"[^\s/@,;:]{1,255}", host):
        errors["host"] = "Enter the name of the server alone, for example imap.example.com."
    port = str(port).strip() or str(PORTS.get((kind, encryption), PORTS.get((kind, "starttls"), "")))
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
        errors["port"] = "Enter a port, usually 993 for IMAP and 995 for POP3."
    else:
        errors |= targets.trouble(targets.MAILBOX, host, int(port))
    if not (0 < len(login.strip()) <= 254 and login.isprintable()):
        errors["login"] = "Enter the login, often the whole address."
    folder = folder.strip() or "INBOX"
    if not (len(folder) <= 120 and folder.isascii() and folder.isprintable()):
        errors["folder"] = "Use a folder whose name has plain letters only."
    if errors:
        raise Invalid(errors)
    values = {"kind": kind, "host": host, "port": int(port), "encryption": encryption, "login": login.strip()}
    values |= {"folder": folder, "deletes": bool(deletes), "auth": auth}
    return values | ({"password": vault.encrypt(password)} if password else {})


def delete_mailbox(user_id: int, mailbox_id: int) -> None:
    """It is not read any more; what was found there stays. Raises NotFound."""
    get_mailbox(user_id, mailbox_id)

    def work():
        Mailbox.delete().where(_mine(user_id, mailbox_id)).execute()
        for table in (MailboxMail, MailboxToken):
            table.delete().where(table.mailbox_id == mailbox_id).execute()

    db.transaction(crm_db, work)


def set_active(user_id: int, mailbox_id: int, active: bool) -> None:
    """An inactive one is not read. Raises NotFound."""
    get_mailbox(user_id, mailbox_id)
    with db.session(crm_db):
        Mailbox.update(is_active=active, tried_at=0).where(_mine(user_id, mailbox_id)).execute()


def due(every: int) -> list[Mailbox]:
    """All active ones, of every user, that nobody has tried for `every` ms; who waits longest comes first."""
    with db.session(crm_db):
        waiting = Mailbox.is_active & (Mailbox.tried_at <= db.now(crm_db) - every)
        return list(Mailbox.select().where(waiting).order_by(Mailbox.tried_at))


def begin(mailbox_id: int, every: int) -> Mailbox | None:
    """The mailbox as it stands, marked as tried now; None if somebody was quicker or it is gone."""

    def work():
        now = db.now(crm_db)
        waiting = (Mailbox.id == mailbox_id) & Mailbox.is_active & (Mailbox.tried_at <= now - every)
        return Mailbox.update(tried_at=now).where(waiting).execute() and Mailbox.get_by_id(mailbox_id)

    return db.transaction(crm_db, work) or None


def known(mailbox_id: int) -> set[str]:
    """Unique ids of POP3 mails that were read and left on the server."""
    with db.session(crm_db):
        rows = MailboxMail.select(MailboxMail.uidl).where(MailboxMail.mailbox_id == mailbox_id)
        return {uidl for (uidl,) in rows.limit(REMEMBERED).tuples()}


def remember(mailbox_id: int, uidl: str) -> None:
    """Do not read this POP3 mail again."""
    columns = (MailboxMail.mailbox_id, MailboxMail.uidl)
    db.transaction(crm_db, lambda: db.insert_new(MailboxMail, columns, [(mailbox_id, uidl)]))


def note_mail(mailbox_id: int, last_uid: int, validity: int) -> None:
    """One mail more is read; IMAP: all up to this UID."""
    values = {"mails": Mailbox.mails + 1, "validity": validity, "last_uid": last_uid}
    db.transaction(crm_db, Mailbox.update(**values).where(Mailbox.id == mailbox_id).execute)


def note_end(mailbox_id: int, error: str = "") -> None:
    """It was read to its end, or this came between."""

    def work():
        values = {"last_error": error[:300]} | ({} if error else {"read_at": db.now(crm_db)})
        Mailbox.update(**values).where(Mailbox.id == mailbox_id).execute()

    db.transaction(crm_db, work)

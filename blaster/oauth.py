"""The tokens of accounts and mailboxes that sign in by consent: kept encrypted, renewed in time by one process each.

Renewing asks a provider over the network, which must not happen under a lock on a row: on SQLite nobody could write
meanwhile. So a process marks the row as busy for a minute first; only the one that could is the one that asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from blaster import consent, db, vault
from blaster.config import Settings
from blaster.consent import Tokens
from blaster.db import crm_db
from blaster.errors import NotFound
from blaster.models.bounces import Mailbox
from blaster.models.crm_db import SmtpAccount
from blaster.models.providers import MailboxToken, OauthToken, Token

Holder = SmtpAccount | Mailbox  # what the owner's consent is for

MARGIN = 10 * 60_000  # renewed so long before it expires …
BUSY = 60_000  # … by the process that marked it; after a failure it is tried again then


@dataclass(frozen=True)
class Failure:
    """An account without a token. `is_final`: its owner has to consent again."""

    account: SmtpAccount
    is_final: bool
    text: str


def store(user_id: int, holder_id: int, provider: str, tokens: Tokens, of: type[Holder] = SmtpAccount) -> None:
    """Keep the tokens of a fresh consent; the account or mailbox signs in by it from now on. Raises NotFound."""
    table = _TABLES[of]

    def work():
        mine = (of.id == holder_id) & (of.user_id == user_id)
        # A mailbox that waited for this is looked into at once.
        fresh = {"last_error": "", "tried_at": 0} if of is Mailbox else {}
        if not of.update(auth=provider, **fresh).where(mine).execute():
            raise NotFound("No such SMTP account or mailbox.")
        table.delete().where(_key(table) == holder_id).execute()
        values = {_key(table).name: holder_id} | _values(tokens, db.now(crm_db))
        table.create(user_id=user_id, provider=provider, **values)

    db.transaction(crm_db, work)


_TABLES = {SmtpAccount: OauthToken, Mailbox: MailboxToken}


def _key(table: type[Token]):
    return table._meta.primary_key


def _values(tokens: Tokens, now: int) -> dict:
    values = {
        "access": vault.encrypt(tokens.access),
        "expires_at": now + db.milliseconds(tokens.lifetime),
        "busy_until": 0,
        "trouble": "",
    }
    return values | ({"refresh": vault.encrypt(tokens.refresh)} if tokens.refresh else {})


def token_of(user_id: int, holder_id: int, of: type[Holder] = SmtpAccount) -> Token | None:
    """The row of an account or mailbox, however old; None before its first consent."""
    table = _TABLES[of]
    with db.session(crm_db):
        return table.get_or_none((_key(table) == holder_id) & (table.user_id == user_id))


def without_consent(holders: Iterable[Holder]) -> set[int]:
    """Ids of those (all accounts, or all mailboxes) that need their owner's consent, for the first time or again."""
    by_consent = [holder for holder in holders if holder.auth != "password"]
    if not by_consent:
        return set()
    table = _TABLES[type(by_consent[0])]
    with db.session(crm_db):
        rows = table.select().where(_key(table).in_([each.id for each in by_consent]) & (table.trouble == ""))
        given = {(row.get_id(), row.provider) for row in rows}
    return {holder.id for holder in by_consent if (holder.id, holder.auth) not in given}


def accounts_of(server_ids: Iterable[int], now: int) -> list[SmtpAccount]:
    """The accounts of these servers; those that sign in by consent with `.access`, encrypted, empty if it is over."""
    with db.session(crm_db):
        accounts = list(SmtpAccount.select().where(SmtpAccount.smtp_server_id.in_(list(server_ids))))
        by_consent = [account for account in accounts if account.auth != "password"]
        _attach(by_consent, now)
    return accounts


def _attach(accounts: list[SmtpAccount], now: int) -> None:
    rows = OauthToken.select().where(OauthToken.smtp_account_id.in_([account.id for account in accounts]))
    found = {(row.smtp_account_id, row.provider): row for row in rows} if accounts else {}
    for account in accounts:
        row = found.get((account.id, account.auth))
        account.access = row.access if row and row.expires_at > now and not row.trouble else ""


def access_token(settings: Settings, holder: Holder) -> str:
    """A token that holds for a while, in the clear; renewed if need be. Raises consent.Ended, consent.Unreachable."""
    row = token_of(holder.user_id, holder.id, type(holder))
    if row is None or row.provider != holder.auth:
        raise consent.Ended("Nobody has given consent for this sign-in yet.")
    if row.trouble:
        raise consent.Ended(row.trouble)
    with db.session(crm_db):
        now = db.now(crm_db)
    if row.expires_at < now + MARGIN and _mark(row, now):
        return vault.decrypt(_renewed(settings, row, getattr(holder, "kind", "smtp"))["access"])
    if row.expires_at <= now:
        raise consent.Unreachable("A new token is being asked for at this moment. Try again in a minute.")
    return vault.decrypt(row.access)


def sign_in(settings: Settings, mailbox: Mailbox) -> tuple[str, str, str]:
    """Login, secret in the clear, and what kind of secret it is: password or xoauth2. Raises as `access_token`."""
    if mailbox.auth == "password":
        return mailbox.login, vault.decrypt(mailbox.password or ""), "password"
    return mailbox.login, access_token(settings, mailbox), "xoauth2"


def renew_due(settings: Settings, user_ids: Iterable[int]) -> list[Failure]:
    """Renew what expires soon among the accounts of these users; returns those that got nothing."""
    with db.session(crm_db):
        now = db.now(crm_db)
        soon = (OauthToken.expires_at < now + MARGIN) & (OauthToken.busy_until <= now) & (OauthToken.trouble == "")
        due = list(OauthToken.select().where(soon & OauthToken.user_id.in_(list(user_ids))))
    return [failure for row in due if _mark(row, now) and (failure := _try(settings, row, now))]


def _mark(row: Token, now: int) -> bool:
    """True for the one process that may renew it."""
    table = type(row)
    unchanged = (table.refresh == row.refresh) & (table.expires_at == row.expires_at)
    mine = (_key(table) == row.get_id()) & unchanged & (table.busy_until <= now)
    with db.session(crm_db):
        return bool(table.update(busy_until=now + BUSY).where(mine).execute())


def _try(settings: Settings, row: OauthToken, now: int) -> Failure | None:
    try:
        _renewed(settings, row)
        return None
    except consent.Ended as error:
        is_final, text = True, str(error)
    except consent.Unreachable as error:
        if row.expires_at > now:
            return None  # the old one still holds
        is_final, text = False, str(error)
    with db.session(crm_db):
        account = SmtpAccount.get_or_none(SmtpAccount.id == row.smtp_account_id)
    return Failure(account, is_final, text) if account and account.auth == row.provider else None


def _renewed(settings: Settings, row: Token, protocol: str = "smtp") -> dict:
    """Ask the provider and write what it said, unless the owner has consented anew meanwhile."""
    provider = consent.provider(settings, row.provider, protocol)
    if provider is None:
        raise consent.Unreachable(f"This installation is not registered with {row.provider.capitalize()} any more.")
    values: dict = {}
    try:
        tokens = consent.renew(provider, vault.decrypt(row.refresh))
        with db.session(crm_db):
            values = _values(tokens, db.now(crm_db))
    except consent.Ended as error:
        values = {"trouble": str(error), "busy_until": 0}
        raise
    finally:
        if values:
            table = type(row)
            unchanged = (_key(table) == row.get_id()) & (table.refresh == row.refresh)
            with db.session(crm_db):
                table.update(**values).where(unchanged).execute()
    return values

"""The tokens of accounts that sign in by consent: kept encrypted, renewed before they expire, by one process each.

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
from blaster.models.crm_db import SmtpAccount
from blaster.models.providers import OauthToken

MARGIN = 10 * 60_000  # renewed so long before it expires …
BUSY = 60_000  # … by the process that marked it; after a failure it is tried again then


@dataclass(frozen=True)
class Failure:
    """An account without a token. `is_final`: its owner has to consent again."""

    account: SmtpAccount
    is_final: bool
    text: str


def store(user_id: int, account_id: int, provider: str, tokens: Tokens) -> None:
    """Keep the tokens of a fresh consent; the account signs in by it from now on. Raises NotFound."""

    def work():
        mine = (SmtpAccount.id == account_id) & (SmtpAccount.user_id == user_id)
        if not SmtpAccount.update(auth=provider).where(mine).execute():
            raise NotFound("No such SMTP account.")
        OauthToken.delete().where(OauthToken.smtp_account_id == account_id).execute()
        values = _values(tokens, db.now(crm_db))
        OauthToken.create(smtp_account_id=account_id, user_id=user_id, provider=provider, **values)

    db.transaction(crm_db, work)


def _values(tokens: Tokens, now: int) -> dict:
    values = {
        "access": vault.encrypt(tokens.access),
        "expires_at": now + db.milliseconds(tokens.lifetime),
        "busy_until": 0,
        "trouble": "",
    }
    return values | ({"refresh": vault.encrypt(tokens.refresh)} if tokens.refresh else {})


def token_of(user_id: int, account_id: int) -> OauthToken | None:
    """The row of an account, however old; None before its first consent."""
    mine = (OauthToken.smtp_account_id == account_id) & (OauthToken.user_id == user_id)
    with db.session(crm_db):
        return OauthToken.get_or_none(mine)


def without_consent(accounts: Iterable[SmtpAccount]) -> set[int]:
    """Ids of those that need their owner's consent, for the first time or again."""
    by_consent = {(account.id, account.auth) for account in accounts if account.auth != "password"}
    if not by_consent:
        return set()
    ids = [account_id for account_id, _ in by_consent]
    with db.session(crm_db):
        rows = OauthToken.select().where(OauthToken.smtp_account_id.in_(ids) & (OauthToken.trouble == ""))
        return {account_id for account_id, _ in by_consent - {(row.smtp_account_id, row.provider) for row in rows}}


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


def access_token(settings: Settings, account: SmtpAccount) -> str:
    """A token that holds for a while, in the clear; renewed if need be. Raises consent.Ended, consent.Unreachable."""
    row = token_of(account.user_id, account.id)
    if row is None or row.provider != account.auth:
        raise consent.Ended("Nobody has given consent for this account yet.")
    if row.trouble:
        raise consent.Ended(row.trouble)
    with db.session(crm_db):
        now = db.now(crm_db)
    if row.expires_at < now + MARGIN and _mark(row, now):
        return vault.decrypt(_renewed(settings, row)["access"])
    return vault.decrypt(row.access)


def renew_due(settings: Settings, user_ids: Iterable[int]) -> list[Failure]:
    """Renew what expires soon among the accounts of these users; returns those that got nothing."""
    with db.session(crm_db):
        now = db.now(crm_db)
        soon = (OauthToken.expires_at < now + MARGIN) & (OauthToken.busy_until <= now) & (OauthToken.trouble == "")
        due = list(OauthToken.select().where(soon & OauthToken.user_id.in_(list(user_ids))))
    return [failure for row in due if _mark(row, now) and (failure := _try(settings, row, now))]


def _mark(row: OauthToken, now: int) -> bool:
    """True for the one process that may renew it."""
    unchanged = (OauthToken.refresh == row.refresh) & (OauthToken.expires_at == row.expires_at)
    mine = (OauthToken.smtp_account_id == row.smtp_account_id) & unchanged & (OauthToken.busy_until <= now)
    with db.session(crm_db):
        return bool(OauthToken.update(busy_until=now + BUSY).where(mine).execute())


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


def _renewed(settings: Settings, row: OauthToken) -> dict:
    """Ask the provider and write what it said, unless the owner has consented anew meanwhile."""
    provider = consent.provider(settings, row.provider)
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
            unchanged = (OauthToken.smtp_account_id == row.smtp_account_id) & (OauthToken.refresh == row.refresh)
            with db.session(crm_db):
                OauthToken.update(**values).where(unchanged).execute()
    return values

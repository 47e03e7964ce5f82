"""Checks of the domains that a user's accounts send from, and the last verdict on each."""

import json
import re
from dataclasses import asdict

from blaster import db, senders
from blaster.db import crm_db
from blaster.domains.check import Finding, Subject, check
from blaster.domains.resolver import Records
from blaster.errors import Invalid, NotFound
from blaster.mail import presets
from blaster.mail.presets import Preset
from blaster.models.crm_db import SmtpAccount, SmtpServer
from blaster.models.dkim import DkimKey
from blaster.models.providers import DomainCheck

MOST_SELECTORS = 5


def domains_of(account: SmtpAccount) -> list[str]:
    """The domains that the account may send from, its own first."""
    return list(dict.fromkeys([senders.domain_of(account.email), *account.from_domains.split()]))


def run(user_id: int, account_id: int, ask: Records, *, domain: str = "", selectors: str = "") -> None:
    """Ask the DNS about one of the account's domains (default: its own) and keep the verdict; takes some seconds.

    `selectors`: of DKIM, separated by blanks; without any those of the user's own keys and of the provider. Raises
    NotFound, Invalid.
    """
    account, server = _account(user_id, account_id)
    domain = domain or domains_of(account)[0]
    if domain not in domains_of(account):
        raise Invalid({"domain": "The account does not send from this domain."})
    own = _own_selectors(user_id, domain)
    preset = presets.of_server(server.preset, server.host)
    names = _selectors(selectors)
    subject = Subject(
        domain,
        senders.domain_of(account.email),
        server.host,
        preset,
        tuple(names or (*own, *usual_selectors(preset))),
        is_signed=bool(own),
    )
    findings = check(ask, subject)
    _keep(account, subject, " ".join(names), findings)


def usual_selectors(preset: Preset | None) -> tuple[str, ...]:
    """Those that a provider gives to every domain; empty where each has its own."""
    return preset.selectors if preset else ()


def _own_selectors(user_id: int, domain: str) -> list[str]:
    """Those of the keys that mails from the domain are signed with."""
    signs = (DkimKey.domain == domain) & (DkimKey.insists | (DkimKey.verdict == "published"))
    with db.session(crm_db):
        return [key.selector for key in DkimKey.select().where((DkimKey.user_id == user_id) & signs)]


def _account(user_id: int, account_id: int) -> tuple[SmtpAccount, SmtpServer]:
    with db.session(crm_db):
        account = SmtpAccount.get_or_none((SmtpAccount.id == account_id) & (SmtpAccount.user_id == user_id))
        server = account and SmtpServer.get_or_none(
            (SmtpServer.id == account.smtp_server_id) & (SmtpServer.user_id == user_id)
        )
    if server is None:
        raise NotFound("No such SMTP account.")
    return account, server


def _selectors(text: str) -> list[str]:
    names = list(dict.fromkeys(word for word in re.split(r"[\s,;]+", text.lower()) if word))
    if len(names) > MOST_SELECTORS:
        raise Invalid({"selectors": f"Enter at most {MOST_SELECTORS} selectors."})
    for name in names:
        if not re.fullmatch(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", name) or len(name) > 120:
            raise Invalid({"selectors": f"“{name[:40]}” is not a selector; it looks like google or s1."})
    return names


def _keep(account: SmtpAccount, subject: Subject, selectors: str, findings: list[Finding]) -> None:
    values = {
        "user_id": account.user_id,
        "domain": subject.domain,
        "selectors": selectors[:255],
        "findings": json.dumps([asdict(finding) for finding in findings]),
    }

    def work():
        DomainCheck.delete().where(DomainCheck.smtp_account_id == account.id).execute()
        DomainCheck.create(smtp_account_id=account.id, checked_at=db.now(crm_db), **values)

    db.transaction(crm_db, work)


def last(user_id: int, account_id: int) -> DomainCheck | None:
    """The last verdict with its `.items` (Findings); None before the first."""
    mine = (DomainCheck.smtp_account_id == account_id) & (DomainCheck.user_id == user_id)
    with db.session(crm_db):
        row = DomainCheck.get_or_none(mine)
    if row is not None:
        row.items = [Finding(**finding) for finding in json.loads(row.findings)]
    return row


def of_server(user_id: int, server_id: int) -> dict[int, str]:
    """The worst state of the last verdict on each account of a server: fail | warn | unknown | pass."""
    mine = (SmtpAccount.smtp_server_id == server_id) & (DomainCheck.user_id == user_id)
    same = SmtpAccount.id == DomainCheck.smtp_account_id
    with db.session(crm_db):
        rows = list(DomainCheck.select().join(SmtpAccount, on=same).where(mine))
    return {row.smtp_account_id: _worst(json.loads(row.findings)) for row in rows}


def _worst(findings: list[dict]) -> str:
    states = [finding["state"] for finding in findings]
    return next(state for state in ("fail", "warn", "unknown", "pass") if state in states)

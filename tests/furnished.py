"""An installation with one of everything, so that each page can be looked at filled: long names, big numbers, trouble.

Three people: Ada, an administrator, has all of it; Nia has come a minute ago and has nothing; Tom is on trial.
"""

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import pytest
from itsdangerous import URLSafeTimedSerializer

from blaster import (
    api_tokens,
    attachments,
    boot,
    config,
    db,
    erased,
    mail_templates,
    mailboxes,
    progress,
    recipients,
    servers,
    sessions,
    signing,
    suppressions,
    trial,
    users,
    webhooks,
)
from blaster.db import crm_db
from blaster.domains.check import Finding
from blaster.imports import run, uploads
from blaster.lists import work
from blaster.mail.unsubscribe import Links
from blaster.models.bounces import Bounce, CampaignBounces
from blaster.models.crm_db import Mail, SmtpUsage, Suppression
from blaster.models.providers import DomainCheck
from blaster.queue import domains, health, quota
from blaster.webhooks import outbox
from tests import furnished_campaigns
from tests.conftest import environment
from tests.furnished_campaigns import HOUR, HTML, LONG
from tests.web import PASSWORD

WORD = "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichenverleihung"


@dataclass
class House:
    """`env`: the environment of a process on it; `ids`: what the names in tests/pages.py stand for. The people sign in
    with `tests.web.PASSWORD`."""

    env: dict[str, str]
    ids: dict = field(default_factory=dict)
    admin: str = "ada@example.com"
    newcomer: str = "nia@example.com"
    on_trial: str = "tom@example.com"


@pytest.fixture(scope="module")
def house(sqlite_files, tmp_path_factory) -> Iterator[House]:
    """On SQLite, for the tests of a module, which look only."""
    folder = tmp_path_factory.mktemp("house")
    for file in sqlite_files:
        shutil.copy(file, folder)
    env = environment(folder) | {"BLASTER_TRIAL": "true"}
    boot.boot(config.load(env))
    yield furnish(env)
    db.campaign_db.close()
    db.crm_db.close()


def furnish(env: dict[str, str]) -> House:
    """Fill the empty databases that were opened for this environment."""
    house, settings = House(env), config.load(env)
    ada = users.create(house.admin, "Ada Maximiliane Constantia von Hohenfels-Waldburg", PASSWORD, role="admin")
    users.create(house.newcomer, "Nia", PASSWORD)
    tom = users.create(house.on_trial, "Tom", PASSWORD, is_trial=True)
    users.edit_sender(ada.id, organisation="Riverside Studio", postal_address="12 Long Street\n1000 Example")
    ids = house.ids
    ids |= _servers(ada.id) | _lists(ada.id)
    ids |= furnished_campaigns.in_each_state(ada.id, ids["list"], ids["account"])
    ids |= _messages(ada.id, ids["draft"])
    ids |= _came_back(ada.id, ids["finished"], ids["archived"]) | _refusals(ada.id, ids["finished"])
    ids |= _programs(ada.id)
    _trial(tom.id)
    progress.publish()
    furnished_campaigns.tell_the_past(ids)
    ids["token"] = _link(settings, ada.id, ids["finished"])
    ids["verify"] = URLSafeTimedSerializer(settings.secret_key, salt="verify-address").dumps(
        [tom.id, "eve@example.net"]
    )
    return house


# Servers


def _servers(user_id: int) -> dict:
    name = "The relay of the studio beside the river, in the old boiler house"
    server = servers.add_server(user_id, name=name, host="smtp.example.com", port=587, encryption="starttls")
    bare = servers.add_server(user_id, name="No accounts yet", host="localhost", port=2525, encryption="none")
    ready, resting, refused, full, off, warming = [
        _account(user_id, server.id, name, **more) for name, more in ACCOUNTS.items()
    ]
    servers.set_account_active(user_id, off.id, False)
    health.record_failure(user_id, server.id, resting.id, "account-temp", "451 4.7.0 Temporary rate limit")
    health.record_failure(user_id, server.id, refused.id, "account-auth", "535 5.7.8 Username not accepted")
    _use(full.id, full.hourly_limit)
    _use(ready.id, 123_456, ago=3 * HOUR)
    key = signing.add_key(user_id, domain="example.com", selector="s1", kind="ed25519")
    _verdict(user_id, ready.id)
    return {"server": server.id, "bare_server": bare.id, "account": ready.id, "refused": refused.id, "key": key.id} | {
        "warming": warming.id
    }


ACCOUNTS = {
    "news": {"hourly_limit": 1_000_000, "daily_limit": 1_000_000},
    "resting": {},
    "refused": {},
    "full": {"hourly_limit": 20},
    "off": {},
    WORD[:50]: {"warmup_start": 50, "daily_limit": 50_000},
}


def _account(user_id: int, server_id: int, name: str, **more):
    limits = {"hourly_limit": 500, "daily_limit": 5_000} | more
    return servers.add_account(user_id, server_id, email=f"{name}@example.com", password="secret", **limits)


def _use(account_id: int, taken: int, ago: int = 0) -> None:
    with db.session(crm_db):
        bucket = quota.bucket_of(db.now(crm_db) - ago)
        SmtpUsage.create(smtp_account_id=account_id, bucket=bucket, taken=taken)


def _verdict(user_id: int, account_id: int) -> None:
    record = "v=spf1 include:_spf.example.com include:" + "long." * 20 + "example ~all"
    findings = [
        Finding("SPF", "fail", "Your record does not name the server.", "example.com", value=record),
        Finding("DKIM", "unknown", "Nobody answered.", "s1._domainkey.example.com"),
        Finding("DMARC", "warn", "There is no policy.", "_dmarc.example.com", value="v=DMARC1; p=none"),
        Finding("MX", "pass", "The domain takes mail."),
    ]
    with db.session(crm_db):
        values = {"domain": "example.com", "checked_at": db.now(crm_db), "selectors": "s1"}
        text = json.dumps([asdict(finding) for finding in findings])
        DomainCheck.create(smtp_account_id=account_id, user_id=user_id, findings=text, **values)


# Lists


def _lists(user_id: int) -> dict:
    rows = "email,first_name,city\n" + "".join(f"reader{n}@example.net,Reader {n},Ghent\n" for n in range(120))
    rows += f"{WORD[:60]}@{WORD[:50].lower()}.example,{WORD},{'A city of many words ' * 5}\n"
    found = recipients.create_list(user_id, "Readers of the " + LONG[:90])
    recipients.import_csv(user_id, found.id, rows)
    bare = recipients.create_list(user_id, "Nobody yet")
    first = next(iter(recipients.list_recipients(user_id, found.id)))
    uploaded, at_work, over = _imports(user_id, found.id)
    copying = work.copy(user_id, found.id, "Copy of the readers")
    return {
        "list": found.id,
        "bare_list": bare.id,
        "recipient": first.id,
        "uploaded": uploaded,
        "importing": at_work,
    } | {"imported": over, "work": copying.id}


def _imports(user_id: int, list_id: int) -> list[int]:
    """One to be looked over, one at work, one that is over with rows that were refused."""
    text = f"Mail,{'Long title ' * 9},Note\nada@example.org,{'x' * 200},\n{'nobody' * 40},,=1\nno address,,\n"
    made = [uploads.create(user_id, list_id, "W" * 110 + ".csv", io.BytesIO(text.encode())) for _ in range(3)]
    for found in made[1:]:
        columns = uploads.look(found).columns
        uploads.start(user_id, found.id, columns, consent="other", words="W" * 300, on="2026-01-31")
    for _ in run.run(made[2].id):
        pass
    return [found.id for found in made]


# The rest


def _messages(user_id: int, campaign_id: int) -> dict:
    attachments.add_attachment(user_id, campaign_id, "menu-" + "long-" * 20 + ".txt", b"Soup " * 99)
    (file,) = attachments.list_attachments(user_id, campaign_id)
    made = mail_templates.create_template(user_id, name=LONG, subject="Hello", html=HTML)
    return {"file": file.id, "template": made.id}


def _came_back(user_id: int, campaign_id: int, huge: int) -> dict:
    fields = {"kind": "imap", "encryption": "tls", "password": "secret"}
    box = mailboxes.add_mailbox(user_id, host="imap.example.com", login="b" * 60 + "@example.com", **fields)
    broken = mailboxes.add_mailbox(user_id, host="localhost", login="bounces@example.com", **fields)
    mailboxes.note_end(broken.id, "NO [AUTHENTICATIONFAILED] Invalid credentials " + "x" * 120)
    mailboxes.set_active(user_id, box.id, False)
    with db.session(crm_db):
        now = db.now(crm_db)
        CampaignBounces.create(campaign_id=campaign_id, user_id=user_id, hard=3, soft=2, complaint=1)
        CampaignBounces.create(campaign_id=huge, user_id=user_id, hard=4_321, soft=12_345, complaint=99)
        for n, kind in enumerate(("hard", "soft", "block", "complaint")):
            values = {"kind": "complaint" if kind == "complaint" else "bounce", "bounce_class": kind, "digest": f"d{n}"}
            values |= {"email": f"reader{n}@example.net", "email_key": f"reader{n}@example.net", "status": "5.1.1"}
            values |= {"diagnostic": "550 5.1.1 " + WORD, "action": "suppressed", "created_at": now}
            Bounce.create(user_id=user_id, mailbox_id=box.id, campaign_id=campaign_id, **values)
    for _ in range(domains.FEWEST):
        domains.refused(user_id, "d" * 60 + ".example", "550 5.7.1 " + "https://example.com/" + "x" * 200)
    return {"mailbox": box.id, "broken_mailbox": broken.id}


def _refusals(user_id: int, campaign_id: int) -> dict:
    suppressions.add(user_id, f"{'long' * 15}@{'domain' * 10}.example\n@competitor.example\nzoe@example.net")
    suppressions.add(user_id, "back@example.net")
    (back,) = suppressions.search(user_id, "back@example.net")
    suppressions.lift(user_id, back.id, "She wrote that she wants to read us again. " * 4)
    with db.session(crm_db):
        key = "angry@example.org"
        values = {"email": key, "email_key": key, "reason": "complaint", "created_at": db.now(crm_db)}
        everybody = Suppression.create(user_id=suppressions.EVERYBODY, **values)
        gone = {"email": "gone@example.net", "email_key": "gone@example.net", "reason": "unsubscribe"}
        Suppression.create(user_id=user_id, campaign_id=campaign_id, created_at=db.now(crm_db), **gone)
    erased.remember(user_id, "forgotten@example.net")
    return {"suppression": suppressions.search(user_id, "zoe@")[0].id, "complaint": everybody.id}


def _programs(user_id: int) -> dict:
    """Tokens, and whom it tells what happens."""
    api_tokens.create_token(user_id, "The till in the shop " * 3, ["read"])
    hook, _ = webhooks.add_webhook(
        user_id, url="https://hooks.example.com/" + "path/" * 30, events=list(webhooks.EVENTS)
    )
    outbox.emit_test(user_id, hook.id)
    sessions.begin(users.get(user_id), "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "Firefox on Android")
    return {"webhook": hook.id}


def _trial(user_id: int) -> None:
    for email in ("ann@example.net", WORD[:60] + "@example.net"):
        trial.ask(user_id, email)
    trial.verify(user_id, "ann@example.net")


def _link(settings: config.Settings, user_id: int, campaign_id: int) -> str:
    """What a link that unsubscribes ends with."""
    with db.session(crm_db):
        row = Mail.get(Mail.campaign_id == campaign_id)
    return Links(settings.secret_key.encode(), settings.public_url, user_id, campaign_id).token(row.id)

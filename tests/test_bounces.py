"""What came back, recorded: matched by what we signed, counted once, acted upon."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blaster import bounces, db, erased, suppressions
from blaster.db import crm_db
from blaster.mail.tokens import token
from blaster.models.bounces import Bounce
from blaster.models.crm_db import Mail, Suppression
from blaster.queue import erasure
from tests.queue_data import ALICE, BOB, running_campaign

KEY = b"the key of these tests"
MAILS = Path(__file__).parent / "bounces"
OLD = b"41.7.00112233445566778899"  # the token in the files
DAY = bounces.DAY


def sent(campaign_id=7, n=1, user_id=ALICE, email="") -> list[Mail]:
    """That many mails that were sent."""
    running_campaign(user_id, campaign_id, n)
    with db.session(crm_db):
        changed = {"status": "sent"} | ({"email": email, "email_key": email} if email else {})
        Mail.update(**changed).where(Mail.campaign_id == campaign_id).execute()
        return list(Mail.select().where(Mail.campaign_id == campaign_id).order_by(Mail.id))


def about(mail: Mail, name: str = "dsn_unknown_user", key: bytes = KEY, message_id: str = "") -> bytes:
    """A message of the folder, as if it were about this mail."""
    raw = (MAILS / f"{name}.eml").read_bytes().replace(OLD, token(mail.id, mail.campaign_id, key).encode())
    raw = raw.replace(b"zoe@example.net", mail.email.encode())
    return raw.replace(b"bounce-1@", f"{message_id or f'b{mail.id}'}@".encode())


def record(raw: bytes, user_id: int = ALICE) -> bounces.Found:
    return bounces.record(user_id, raw, key=KEY)


def suppressed(user_id: int = ALICE) -> dict[str, str]:
    with db.session(crm_db):
        rows = Suppression.select().where(Suppression.user_id == user_id)
        return {row.email_key: row.reason for row in rows}


def test_a_hard_bounce_suppresses_its_recipient_and_is_counted_once(databases):
    (mail, _) = sent(n=2)
    (bounce,) = record(about(mail)).bounces
    assert (bounce.mail_id, bounce.campaign_id, bounce.email) == (mail.id, 7, mail.email)
    assert (bounce.bounce_class, bounce.status, bounce.action) == ("hard", "5.1.1", "suppressed")
    assert record(about(mail)).bounces == ()
    assert suppressed() == {mail.email_key: "hard"}
    assert suppressed(BOB) == {}
    assert bounces.counts(ALICE, 7) == dict.fromkeys(bounces.COUNTED, 0) | {"hard": 1}
    assert [row.campaign_id for row in suppressions.search(ALICE)] == [7]


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("name", ["arf_redacted", "dsn_unknown_user", "dsn_blocked"])
def test_many_reports_about_one_mail_count_as_one(databases, name):
    """Whoever got a mail holds its token, and could pause the campaign with it or let a domain rest."""
    (mail,) = sent()
    own = b"bounce-1@" if name.startswith("dsn") else b"arf-1@"
    raw = about(mail, name, message_id="bounce-1")
    found = [record(raw.replace(own, f"again{n}@".encode())) for n in range(4)]
    assert all(each.is_ours for each in found)
    assert [len(each.bounces) for each in found] == [1, 0, 0, 0]
    assert sum(bounces.counts(ALICE, 7).values()) == len(bounces.list_bounces(ALICE)) == 1


def test_what_several_processes_read_at_once_counts_once(databases, monkeypatch):
    """Each has looked, and found nothing recorded, before any of them records it."""
    (mail,) = sent()
    together, suppress = threading.Barrier(4), bounces._suppress

    def waiting(bounce):
        together.wait(30)
        suppress(bounce)

    monkeypatch.setattr(bounces, "_suppress", waiting)
    raws = [about(mail, message_id=f"copy-{n}") for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(record, raws))
    assert sorted(len(each.bounces) for each in found) == [0, 0, 0, 1]
    assert len(bounces.list_bounces(ALICE)) == bounces.counts(ALICE, 7)["hard"] == 1


def test_a_complaint_suppresses_for_everybody_here(databases):
    (mail,) = sent()
    found = record(about(mail, "arf_redacted"))
    assert found.is_ours
    assert [bounce.bounce_class for bounce in found.bounces] == ["complaint"]
    assert suppressed(suppressions.EVERYBODY) == suppressed(ALICE) == {mail.email_key: "complaint"}
    assert bounces.counts(ALICE, 7)["complaint"] == 1


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    "forge",
    [
        lambda mail: about(mail, key=b"another key"),
        lambda mail: about(mail).replace(token(mail.id, 7, KEY).encode(), b"nothing"),
        lambda mail: about(mail).replace(f"{mail.id}.7.".encode(), f"{mail.id + 1}.7.".encode()),
    ],
    ids=["signed by somebody else", "without a token", "with the token of another mail"],
)
def test_a_bounce_that_cannot_be_verified_is_shown_and_changes_nothing(databases, forge):
    mail, _ = sent(n=2)
    found = record(forge(mail))
    assert not found.is_ours
    (bounce,) = found.bounces
    assert (bounce.mail_id, bounce.campaign_id, bounce.email) == (None, None, mail.email)
    assert suppressed() == {}
    assert sum(bounces.counts(ALICE, 7).values()) == 0
    assert record(forge(mail)).bounces == ()
    assert [each.id for each in bounces.list_bounces(ALICE)] == [bounce.id]
    assert bounces.list_bounces(ALICE, 7) == []


@pytest.mark.parametrize("engine", ["sqlite"])
def test_mail_of_another_user_is_not_touched(databases):
    (mail,) = sent(user_id=BOB)
    found = record(about(mail), ALICE)
    assert not found.is_ours
    assert suppressed(BOB) == suppressed(ALICE) == {}
    assert bounces.list_bounces(BOB) == []
    assert bounces.counts(ALICE, 7) == bounces.counts(BOB, 7)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_mail_that_was_never_sent_cannot_bounce(databases):
    running_campaign(mails=1)
    with db.session(crm_db):
        mail = Mail.get()
    assert not record(about(mail)).is_ours
    assert suppressed() == {}


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("name", ["dsn_delayed", "dsn_delivered", "autoreply_header", "receipt", "person_answers"])
def test_what_is_no_bounce_suppresses_nobody(databases, name):
    (mail,) = sent()
    found = record(about(mail, name))
    assert found.bounces == ()
    assert found.is_ours == name.startswith("dsn")
    assert suppressed() == {}
    assert sum(bounces.counts(ALICE, 7).values()) == 0


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("name", ["dsn_blocked", "dsn_too_large", "dsn_quota", "dsn_expired", "dsn_disabled"])
def test_one_bounce_of_another_class_suppresses_nobody(databases, name):
    (mail,) = sent()
    (bounce,) = record(about(mail, name)).bounces
    assert suppressed() == {}
    assert bounces.counts(ALICE, 7)[bounce.bounce_class] == 1


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_report_about_others_says_nothing_hard_about_ours(databases):
    (mail,) = sent()
    raw = about(mail, "dsn_several").replace(mail.email.encode(), b"somebody@example.org")
    (bounce,) = record(raw).bounces
    assert bounce.bounce_class == "soft"
    assert suppressed() == {}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_bounce_of_an_erased_person_brings_nothing_back(databases):
    (mail,) = sent()
    raw, address, hidden = about(mail), mail.email, erased.hidden(ALICE, mail.email_key)
    erased.remember(ALICE, mail.email_key)
    erasure.erase(ALICE, mail.email_key, hidden)
    (bounce,) = record(raw).bounces
    assert (bounce.email_key, bounce.diagnostic) == (hidden, "")
    assert address not in repr(bounce.__data__)
    assert suppressed()[hidden] == erased.REASON
    assert bounces.counts(ALICE, 7)["hard"] == 1


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(("days", "gone"), [(29, True), (31, False)])
def test_a_mailbox_disabled_twice_within_a_month_is_gone(databases, days, gone):
    for number, campaign_id in enumerate((7, 8)):
        (mail,) = sent(campaign_id, email="zoe@example.org")
        record(about(mail, "dsn_disabled"))
        if number == 0:
            _age(days)
    assert bool(suppressed()) is gone


def _age(days: float) -> None:
    with db.session(crm_db):
        Bounce.update(created_at=Bounce.created_at - int(days * DAY)).execute()


def _soft_bounces(mails: int, days: float) -> None:
    for campaign_id in range(10, 10 + mails):
        (mail,) = sent(campaign_id, email="zoe@example.org")
        record(about(mail, "dsn_quota"))
        if campaign_id < 9 + mails:
            _age(days / (mails - 1))


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(("mails", "days", "gone"), [(5, 14.1, True), (4, 30, False), (5, 13, False), (6, 15, False)])
def test_passing_trouble_that_goes_on_for_two_weeks_and_five_mails(databases, mails, days, gone):
    """(6 in 15 days: the last five are within less than 14.)"""
    _soft_bounces(mails, days)
    assert bool(suppressed()) is gone


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_mail_that_arrived_in_between_begins_the_count_anew(databases):
    _soft_bounces(4, 20)
    sent(50, email="zoe@example.org")
    (mail,) = sent(51, email="zoe@example.org")
    record(about(mail, "dsn_quota"))
    assert suppressed() == {}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_bounces_are_listed_by_class_and_page(databases):
    mails = sent(n=3)
    for mail, name in zip(mails, ("dsn_unknown_user", "dsn_quota", "dsn_unknown_user"), strict=True):
        record(about(mail, name))
    newest, *rest = bounces.list_bounces(ALICE, 7)
    assert [each.mail_id for each in (newest, *rest)] == [mail.id for mail in reversed(mails)]
    assert bounces.list_bounces(ALICE, 7, before=newest.id, limit=1)[0].id == rest[0].id
    assert [each.mail_id for each in bounces.list_bounces(ALICE, 7, bounce_class="quota")] == [mails[1].id]
    assert bounces.list_bounces(BOB, 7) == []

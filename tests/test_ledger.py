import pytest

from blaster import db, ledger
from blaster.db import crm_db
from blaster.errors import NotFound
from blaster.ledger import Question
from blaster.models.crm_db import Mail
from tests.queue_data import running_campaign

ALICE, BOB = 1, 2
# recipient 1 …: (status, due_at, class of the reply)
ROWS = [
    ("sent", 50, "sent"),
    ("pending", 0, None),
    ("failed", 70, "hard"),
    ("sent", 90, "sent"),
    ("pending", 95, "soft"),
    ("failed", 60, "block"),
    ("sending", 80, None),
    ("claimed", 85, None),
    ("sent", 50, "sent"),
    ("cancelled", 10, None),
    ("unknown", 20, None),
    ("suppressed", 30, None),
]


@pytest.fixture
def campaign(databases):
    running_campaign(ALICE, 7, len(ROWS))
    running_campaign(ALICE, 8, 1, first=500)
    with db.session(crm_db):
        for number, (status, due_at, reply_class) in enumerate(ROWS, start=1):
            changes = {"status": status, "due_at": due_at, "reply_class": reply_class}
            Mail.update(changes).where((Mail.campaign_id == 7) & (Mail.recipient_id == number)).execute()
    return 7


def paged(asked: Question, size: int) -> list[int]:
    """Recipient ids, read page by page."""
    found, after = [], ""
    while mails := ledger.page(ALICE, 7, asked, after, size):
        found += [mail.recipient_id for mail in mails]
        after = ledger.position(asked, mails[-1])
    return found


QUESTIONS = {
    "all, as the list has them": (Question(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    "the newest sent ones first": (Question("sent"), [4, 9, 1]),
    "what is due first comes first": (Question("pending"), [2, 5]),
    "two states at once": (Question("active"), [8, 7]),
    "failures": (Question("failed"), [3, 6]),
    "of one class": (Question("failed", "block"), [6]),
    "a class is one of failures": (Question("", "hard"), [3]),
    "unknown": (Question("unknown"), [11]),
    "suppressed": (Question("suppressed"), [12]),
    "cancelled": (Question("cancelled"), [10]),
    "a part of the address": (Question(search="R1"), [10, 11, 12, 1]),
    "a whole address": (Question(search="r1@Example.net"), [1]),
    "nobody": (Question(search="%"), []),
    "a search in a state": (Question("sent", search="r"), [1, 4, 9]),
    "a search in two states": (Question("active", search="@example"), [7, 8]),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_pages_show_each_mail_once_and_in_order(campaign, name, monkeypatch):
    monkeypatch.setattr(ledger, "CHUNK", 2)
    asked, expected = QUESTIONS[name]
    for size in (1, 2, 50):
        assert paged(asked, size) == expected
    assert [mail.recipient_id for mail in ledger.every(ALICE, 7, asked)] == expected


@pytest.mark.parametrize("asked", [Question(), Question("sent"), Question("pending"), Question(search="r")])
def test_a_position_of_somebody_elses_making_is_harmless(campaign, asked):
    for after in ("", "x", "-", "1-2-3", "-1", "9" * 30, "½", "' OR 1=1"):
        ledger.page(ALICE, 7, asked, after)


def test_strangers_find_no_ledger(campaign):
    for asks in (lambda: ledger.page(BOB, 7, Question()), lambda: ledger.every(BOB, 7, Question())):
        with pytest.raises(NotFound):
            asks()

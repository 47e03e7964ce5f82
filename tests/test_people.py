import pytest

from blaster import db, erased, recipients, webhooks
from blaster.db import campaign_db, crm_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.lists import dossier, people
from blaster.models.bounces import Bounce
from blaster.models.campaign_db import Recipient
from blaster.models.consent import LiftedSuppression
from blaster.models.crm_db import CampaignControl, Mail, Suppression
from blaster.models.tracking import CampaignLink, Hit
from blaster.queue import erasure
from blaster.webhooks import outbox
from tests.queue_data import assert_books_balance, running_campaign, statuses

ALICE, BOB = 1, 2


@pytest.fixture
def customers(databases):
    made = recipients.create_list(ALICE, "Customers")
    recipients.import_csv(ALICE, made.id, "email,name,city\nann@example.com,Ann,Köln\nbob@example.com,Bob,\n")
    return made


def row_of(email: str, user_id=ALICE) -> Recipient:
    with db.session(campaign_db):
        return Recipient.get((Recipient.email_key == email) & (Recipient.user_id == user_id))


def forget(email: str) -> None:
    """What the page does."""
    erased.remember(ALICE, email)
    people.forget(ALICE, email)
    erasure.erase(ALICE, email, erased.hidden(ALICE, email))
    erased.forget(ALICE, email)


def mail_to(email: str, status: str, campaign_id=7) -> int:
    """A mail of Alice's campaign to this address."""
    with db.session(crm_db):
        mail = Mail.get((Mail.campaign_id == campaign_id) & (Mail.status == "pending"))
        said = {"smtp_text": f"<{email}> unknown", "fields": '{"name":"Ann"}', "claim_id": 3, "lease_token": 4}
        Mail.update(email=email, email_key=email, status=status, **said).where(Mail.id == mail.id).execute()
    return mail.id


def test_people_are_found_once_across_lists(customers):
    other = recipients.create_list(ALICE, "Other")
    recipients.import_csv(ALICE, other.id, "ann@example.com\ncy@example.com\n")
    recipients.import_csv(BOB, recipients.create_list(BOB, "His").id, "ann@example.com\n")
    assert [(found.key[:3], found.lists) for found in people.search(ALICE, "")] == [("ann", 2), ("bob", 1), ("cy@", 1)]
    assert [found.key for found in people.search(ALICE, " ANN")] == ["ann@example.com"]
    first = people.search(ALICE, "example", limit=2)
    assert [found.key[:3] for found in people.search(ALICE, "example", after=first[-1].key)] == ["cy@"]
    assert people.search(ALICE, "%") == []


def test_one_person_is_added_by_hand(customers):
    made = people.add(ALICE, customers.id, " Cy@Example.com ", {"city": " Rom ", "name": ""})
    assert (made.email, made.email_key) == ("Cy@example.com", "cy@example.com")
    assert recipients.values(row_of("cy@example.com").fields) == {"city": "Rom"}
    assert recipients.get_list(ALICE, customers.id).size == 3


@pytest.mark.parametrize("email", ["", "nobody", "ANN@example.com", "a@b.example\nBcc: x@y.example"])
def test_who_is_no_address_or_there_already_is_refused(customers, email):
    with pytest.raises(Invalid) as refused:
        people.add(ALICE, customers.id, email, {})
    assert set(refused.value.errors) == {"email"}
    assert recipients.get_list(ALICE, customers.id).size == 2


def test_address_and_values_are_edited(customers):
    ann = row_of("ann@example.com")
    people.edit(ALICE, ann.id, "anna@example.com", {"name": "Anna", "city": ""})
    assert recipients.values(row_of("anna@example.com").fields) == {"name": "Anna"}
    people.edit(ALICE, ann.id, "ANNA@example.com", {"city": "Bonn"})  # the same address, and a form without the name
    edited = row_of("anna@example.com")
    assert (edited.email, recipients.values(edited.fields)) == ("ANNA@example.com", {"name": "Anna", "city": "Bonn"})
    with pytest.raises(Invalid, match="already"):
        people.edit(ALICE, ann.id, "bob@example.com", {})
    with pytest.raises(Invalid, match="10,000"):
        people.edit(ALICE, ann.id, "ann@example.com", {"city": "x" * 10_001})


def test_all_that_is_known_about_an_address(customers):
    running_campaign(ALICE, 7, 3)
    running_campaign(BOB, 8, 3)
    mail_to("ann@example.com", "sent")
    mail_to("ann@example.com", "sent", campaign_id=8)
    with db.session(crm_db):
        for user_id in (ALICE, BOB):
            Suppression.create(user_id=user_id, email="ann@example.com", email_key="ann@example.com", reason="hard")
    known = dossier.as_json(dossier.of(ALICE, "Ann@example.com"), 1_800_000_000_000)
    assert known["as_of"] == "2027-01-15T08:00:00+00:00"
    assert [(row["list"], row["values"]) for row in known["lists"]] == [("Customers", {"name": "Ann", "city": "Köln"})]
    (mail,) = known["mails"]
    assert (mail["state"], mail["values"], mail["reply"]) == ("sent", {"name": "Ann"}, "<ann@example.com> unknown")
    assert [row["reason"] for row in known["suppressions"]] == ["hard"]
    assert (known["suppressions_taken_back"], known["reports"]) == ([], [])
    assert dossier.of(ALICE, "nobody@example.com").is_empty
    with pytest.raises(Invalid):
        dossier.of(ALICE, "nobody")


@pytest.mark.parametrize("status", ["pending", "sent", "failed", "unknown", "suppressed", "cancelled"])
def test_an_erased_person_leaves_nothing_but_a_hash(customers, status):
    running_campaign(ALICE, 7, 3)
    mail_id = mail_to("ann@example.com", status)
    with db.session(crm_db):
        about = {"user_id": ALICE, "email": "ann@example.com", "email_key": "ann@example.com"}
        Suppression.create(**about, reason="unsubscribe")
        LiftedSuppression.create(**about, why="asked for it")
        Bounce.create(**about, digest="x", kind="bounce", bounce_class="hard", diagnostic="<ann@example.com> unknown")
    forget("ann@example.com")
    with db.session(crm_db):
        mail = Mail.get_by_id(mail_id)
    assert mail.status == ("cancelled" if status == "pending" else status)
    assert (mail.email, mail.email_key) == ("[erased]", erased.hidden(ALICE, "ann@example.com"))
    assert (mail.fields, mail.smtp_text, mail.claim_id) == (None, None, None)
    assert recipients.get_list(ALICE, customers.id).size == 1
    for database in (campaign_db, crm_db):
        with db.session(database):
            for table in database.get_tables():
                rows = database.execute_sql(f"SELECT * FROM {table}").fetchall()
                assert "ann@example.com" not in repr(rows).lower(), table
    known = dossier.of(ALICE, "ann@example.com")
    assert known.is_erased
    assert not (known.entries or known.mails or known.suppressions or known.lifted or known.reports)
    forget("ann@example.com")  # once more changes nothing


def test_what_is_cancelled_is_counted(customers):
    running_campaign(ALICE, 7, 3)
    with db.session(crm_db):
        erased_key = Mail.get(Mail.campaign_id == 7).email_key
    forget(erased_key)
    assert statuses() == {"pending": 2, "cancelled": 1}
    assert_books_balance()


def test_the_erased_do_not_come_back(customers):
    forget("ann@example.com")
    result = recipients.import_csv(ALICE, customers.id, "email\nANN@example.com\nbob@example.com\nann@example.com\n")
    assert (result.added, result.duplicates, result.refused_count) == (0, 1, 2)
    assert result.refused[0].original == ""
    assert erased.among(ALICE, ["ann@example.com", "bob@example.com"]) == {"ann@example.com"}
    assert erased.among(BOB, ["ann@example.com"]) == set()
    for attempt in (
        lambda: people.add(ALICE, customers.id, "Ann@example.com", {}),
        lambda: people.edit(ALICE, row_of("bob@example.com").id, "ann@example.com", {}),
    ):
        with pytest.raises(Invalid, match="erased"):
            attempt()


@pytest.mark.parametrize("status", ["claimed", "sending"])
def test_a_mail_on_its_way_is_finished_first(customers, status):
    running_campaign(ALICE, 7, 3)
    mail_id = mail_to("ann@example.com", status)
    with pytest.raises(Conflict, match="on its way"):
        forget("ann@example.com")
    with db.session(crm_db):
        assert Mail.get_by_id(mail_id).email == "ann@example.com"
        Mail.update(status="sent").where(Mail.id == mail_id).execute()
    forget("ann@example.com")
    with db.session(crm_db):
        assert Mail.get_by_id(mail_id).email == "[erased]"


def test_a_campaign_takes_its_recipients_in_first(customers):
    running_campaign(ALICE, 7, 1)
    with db.session(crm_db):
        CampaignControl.update(is_staged=False).execute()
    with pytest.raises(Conflict, match="taking in"):
        forget("ann@example.com")
    assert dossier.of(ALICE, "ann@example.com").entries == []  # no later batch finds them


def test_a_stranger_changes_nobody(customers):
    ann = row_of("ann@example.com")
    running_campaign(ALICE, 7, 3)
    mail_to("ann@example.com", "sent")
    for attempt in (
        lambda: people.get(BOB, ann.id),
        lambda: people.edit(BOB, ann.id, "evil@example.com", {}),
        lambda: people.add(BOB, customers.id, "evil@example.com", {}),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert people.forget(BOB, "ann@example.com") == 0
    assert erasure.erase(BOB, "ann@example.com", "erased:x") == 0
    assert people.search(BOB, "") == []
    assert dossier.of(BOB, "ann@example.com").is_empty
    assert len(dossier.of(ALICE, "ann@example.com").mails) == 1


def test_opens_and_clicks_of_all_campaigns_come_in_their_order(databases):
    for campaign_id, at in ((7, 20), (8, 10)):
        running_campaign(ALICE, campaign_id, 2)
        mail_id = mail_to("ann@example.com", "sent", campaign_id)
        with db.session(crm_db):
            CampaignLink.create(campaign_id=campaign_id, number=1, url=f"https://example.com/{campaign_id}")
            Hit.create(campaign_id=campaign_id, mail_id=mail_id, link=1, at=at)
            Hit.create(campaign_id=campaign_id, mail_id=mail_id, link=0, at=at - 1)
            Hit.create(campaign_id=campaign_id, mail_id=mail_id + 1, link=0, at=1)  # somebody else's
    found = dossier.of(ALICE, "ann@example.com").hits
    assert [hit.url for hit in found] == ["", "https://example.com/8", "", "https://example.com/7"]


def test_what_was_told_to_webhooks_is_known_though_all_else_is_gone(databases):
    webhooks.add_webhook(ALICE, url="https://example.com/", events=webhooks.EVENTS)
    outbox.emit(ALICE, "recipient.bounced", "1", {}, email_key="ann@example.com")
    known = dossier.of(ALICE, "ann@example.com")
    assert len(known.told) == 1 and not known.is_empty
    assert dossier.of(BOB, "ann@example.com").is_empty

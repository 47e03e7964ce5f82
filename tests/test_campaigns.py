import pytest

from blaster import campaigns, db, drafts, recipients
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import SmtpAccount
from blaster.queue import control
from tests.queue_data import ALICE, BOB, SENDER, known_sender

PUBLIC_URL = "https://mail.example.com"
PEOPLE = "email,First Name\nann@example.com,Ann\nbob@example.com,Bob\ncy@example.com,Cy\n"
ACCOUNTS = [SmtpAccount(hourly_limit=50, daily_limit=500)]


@pytest.fixture
def customers(databases):
    customers = recipients.create_list(ALICE, "Customers")
    recipients.import_csv(ALICE, customers.id, PEOPLE)
    return customers


@pytest.fixture
def draft(customers):
    fields = {"subject": "Hello {{ first_name }}", "html": "<p>Hi {{ first_name }}</p>", "text": "Hi"}
    return campaigns.create_campaign(ALICE, name="Spring", list_id=customers.id, **fields)


def _get(draft):
    return campaigns.get_campaign(ALICE, draft.campaign_id)


def test_draft_keeps_what_was_typed(customers):
    typed = {
        "name": " Spring ",
        "list_id": customers.id,
        "subject": "Grüße 👩‍👧",
        "sender_name": "Alice",
        "sender_email": "Alice@EXAMPLE.com",
        "reply_to": "",
        "html": "<p>{{ unfinished",
        "text": "",
    }
    found = _get(campaigns.create_campaign(ALICE, **typed))
    expected = typed | {"name": "Spring", "sender_email": "Alice@example.com"}
    assert {name: getattr(found, name) for name in typed} == expected
    assert (found.status.status, found.status.total_emails) == ("draft", 0)
    assert found.created_at == found.updated_at > 0


def test_draft_may_be_unfinished(databases):
    found = _get(campaigns.create_campaign(ALICE, name="Idea"))
    assert (found.list_id, found.subject, found.html) == (None, "", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "  "),
        ("name", "x" * 121),
        ("subject", "Hello\r\nBcc: bob@example.com"),
        ("subject", "x" * 501),
        ("sender_name", "Alice\x00"),
        ("sender_email", "alice"),
        ("reply_to", "alice@localhost"),
        ("html", "x" * 2_000_001),
    ],
)
def test_bad_field_is_named_and_nothing_is_stored(draft, field, value):
    fields = {"name": "Autumn", field: value}
    for attempt in (
        lambda: campaigns.create_campaign(ALICE, **fields),
        lambda: campaigns.edit_campaign(ALICE, draft.campaign_id, **fields),
    ):
        with pytest.raises(Invalid) as refusal:
            attempt()
        assert list(refusal.value.errors) == [field]
    assert [found.name for found in campaigns.list_campaigns(ALICE)] == ["Spring"]


def test_draft_is_edited(draft, customers):
    campaigns.edit_campaign(ALICE, draft.campaign_id, name="Autumn", subject="Leaves", list_id=None)
    found = _get(draft)
    assert (found.name, found.subject, found.html, found.list_id) == ("Autumn", "Leaves", "", None)


def test_newest_campaign_comes_first_without_its_body(draft):
    newer = campaigns.create_campaign(ALICE, name="Summer")
    found = campaigns.list_campaigns(ALICE)
    assert [campaign.campaign_id for campaign in found] == [newer.campaign_id, draft.campaign_id]
    assert [campaign.status.status for campaign in found] == ["draft", "draft"]
    assert found[1].subject and found[1].html is None


def test_start_takes_the_recipients_of_this_moment(draft, customers):
    started = campaigns.start(ALICE, draft.campaign_id)
    recipients.import_csv(ALICE, customers.id, "late@example.com\n")
    status = _get(draft).status
    assert (status.status, status.total_emails, status.pending_emails) == ("staging", 3, 3)
    assert status.started_at > 0
    assert started.stage_until == recipients.list_recipients(ALICE, customers.id)[2].id


def test_started_campaign_cannot_be_started_edited_or_deleted(draft):
    campaigns.start(ALICE, draft.campaign_id)
    for attempt in (
        lambda: campaigns.start(ALICE, draft.campaign_id),
        lambda: campaigns.edit_campaign(ALICE, draft.campaign_id, name="Autumn"),
        lambda: campaigns.delete_campaign(ALICE, draft.campaign_id),
    ):
        with pytest.raises(Conflict):
            attempt()
    assert _get(draft).name == "Spring"


def test_campaign_without_recipients_does_not_start(databases):
    empty = recipients.create_list(ALICE, "Empty")
    for list_id in (None, empty.id):
        draft = campaigns.create_campaign(ALICE, name="Idea", list_id=list_id)
        with pytest.raises(Conflict):
            campaigns.start(ALICE, draft.campaign_id)
        assert _get(draft).status.status == "draft"


def test_workers_find_a_campaign_that_never_reached_server_2(draft, customers):
    stage_until = campaigns.start(ALICE, draft.campaign_id).stage_until
    campaigns.create_campaign(ALICE, name="Only a draft", list_id=customers.id)
    recipients.import_csv(ALICE, customers.id, "later@example.com\n")
    [opening] = campaigns.started()
    assert (opening["user_id"], opening["stage_until"]) == (ALICE, stage_until)
    control.open_campaign(**opening)
    assert control.state(ALICE, draft.campaign_id).run_state == "staging"
    assert campaigns.started() == []


def test_decision_of_server_2_is_shown_at_once(draft):
    campaigns.start(ALICE, draft.campaign_id)
    with db.session(db.crm_db):
        before = db.now(db.crm_db)
    campaigns.mirror(ALICE, draft.campaign_id, "paused", "The provider refused the message.")
    status = _get(draft).status
    assert (status.status, status.note) == ("paused", "The provider refused the message.")
    assert status.snapshot_at >= before


def test_draft_is_never_mirrored(draft):
    campaigns.mirror(ALICE, draft.campaign_id, "running")
    assert _get(draft).status.status == "draft"


def test_copy_is_a_draft_with_the_same_message(draft):
    campaigns.start(ALICE, draft.campaign_id)
    copy = _get(campaigns.copy_campaign(ALICE, draft.campaign_id))
    assert (copy.name, copy.status.status, copy.status.total_emails) == ("Copy of Spring", "draft", 0)
    assert drafts.message(copy) == drafts.message(draft)
    assert copy.list_id == draft.list_id


def test_copy_of_a_campaign_whose_list_is_gone_has_none(draft, customers):
    with db.session(db.campaign_db):
        CampaignStatus.update(status="finished").execute()
    recipients.delete_list(ALICE, customers.id)
    assert _get(campaigns.copy_campaign(ALICE, draft.campaign_id)).list_id is None


def test_draft_is_deleted(draft):
    campaigns.delete_campaign(ALICE, draft.campaign_id)
    assert campaigns.list_campaigns(ALICE) == []
    with pytest.raises(NotFound):
        _get(draft)


def test_review_counts_the_recipients(draft):
    known_sender()
    found = campaigns.review(ALICE, draft.campaign_id, accounts=ACCOUNTS, public_url=PUBLIC_URL)
    assert (found.problems, found.recipients) == ([], 3)
    assert ["a footer" in warning for warning in found.warnings] == [True, True]


def test_no_campaign_starts_that_does_not_say_who_sends_and_how_to_stop_it(draft):
    found = campaigns.review(ALICE, draft.campaign_id, accounts=ACCOUNTS, public_url="")
    assert [problem.link_kind for problem in found.problems] == ["settings", "settings", ""]
    assert "postal address" in found.problems[1].text and "BLASTER_PUBLIC_URL" in found.problems[2].text


def test_the_frozen_message_says_who_sends(draft):
    known_sender()
    content = campaigns.content(_get(draft))
    assert (content["organisation"], content["postal_address"]) == tuple(SENDER.values())


def test_review_counts_only_own_campaigns_that_run(draft, customers):
    for user_id in (ALICE, BOB):
        theirs = recipients.create_list(user_id, "People")
        recipients.import_csv(user_id, theirs.id, "ann@example.com\n")
        other = campaigns.create_campaign(user_id, name="Other", list_id=theirs.id)
        campaigns.start(user_id, other.campaign_id)
    look = {"accounts": ACCOUNTS, "public_url": PUBLIC_URL}
    few, many = (campaigns.review(ALICE, draft.campaign_id, **look, warn_at=n).warnings for n in (3, 2))
    assert not any("campaigns" in warning for warning in few)
    assert any("2 campaigns" in warning for warning in many)


def test_stranger_finds_nothing(draft, customers):
    own = campaigns.create_campaign(BOB, name="Mine")
    for attempt in (
        lambda: campaigns.get_campaign(BOB, draft.campaign_id),
        lambda: campaigns.create_campaign(BOB, name="Theft", list_id=customers.id),
        lambda: campaigns.edit_campaign(BOB, own.campaign_id, name="Theft", list_id=customers.id),
        lambda: campaigns.edit_campaign(BOB, draft.campaign_id, name="Bob's"),
        lambda: campaigns.copy_campaign(BOB, draft.campaign_id),
        lambda: campaigns.delete_campaign(BOB, draft.campaign_id),
        lambda: campaigns.review(BOB, draft.campaign_id, accounts=[], public_url=PUBLIC_URL),
        lambda: campaigns.start(BOB, draft.campaign_id),
        lambda: campaigns.mirror(BOB, draft.campaign_id, "paused"),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert [found.campaign_id for found in campaigns.list_campaigns(BOB)] == [own.campaign_id]
    assert (_get(draft).name, _get(draft).status.status) == ("Spring", "draft")


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_log_warns_of_many_campaigns_of_one_user_at_once(draft, caplog):
    known_sender()
    others = [campaigns.copy_campaign(ALICE, draft.campaign_id).campaign_id for _ in range(2)]
    for campaign_id in (draft.campaign_id, *others):
        campaigns.start(ALICE, campaign_id, warn_at=3)
    assert [record.getMessage().partition(";")[0] for record in caplog.records if record.levelname == "WARNING"] == [
        f"user {ALICE}: 3 campaigns at once"
    ]

"""Which accounts may send from which domain: the rule, the review, the workers, the page."""

from types import SimpleNamespace

import pytest

from blaster import campaigns, db, recipients, senders
from blaster.db import crm_db
from blaster.models.crm_db import CampaignContent, Mail, SmtpAccount
from blaster.workers import orchestrator
from tests.queue_data import running_campaign, server_with_account, statuses
from tests.work import is_at_rest, wait_until, worker

only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    "email, from_domains, sender, may",
    [
        ("zoe@example.com", "", "", True),
        ("zoe@example.com", "", "news@example.com", True),
        ("zoe@example.com", "", "news@EXAMPLE.com", True),
        ("zoe@example.com", "", "news@mail.example.com", True),
        ("zoe@mail.example.com", "", "news@example.com", True),
        ("zoe@example.com", "", "news@notexample.com", False),
        ("zoe@example.com", "", "news@example.org", False),
        ("zoe@example.com", "shop.example example.org", "news@example.org", True),
        ("zoe@example.com", "", "news@gmail.com", False),
        ("zoe@bücher.example", "", "news@xn--bcher-kva.example", True),
    ],
)
def test_an_account_may_send_from_what_belongs_to_it(email, from_domains, sender, may):
    account = SimpleNamespace(email=email, from_domains=from_domains)
    assert senders.may_send_as(account, senders.domain_of(sender)) is may


@pytest.mark.parametrize(
    "domain, host, may",
    [
        ("example.com", "smtp.example.net", True),
        ("gmail.com", "smtp.gmail.com", True),
        ("googlemail.com", "smtp.sendgrid.net", False),
        ("hotmail.com", "smtp.office365.com", True),
        ("outlook.com", "smtp.gmail.com", False),
        ("yahoo.com", "127.0.0.1", False),
    ],
)
def test_a_mailbox_domain_is_sent_by_its_provider_alone(domain, host, may):
    assert (senders.foreign_server(domain, host) == "") is may


def set_domain(account, domain: str) -> None:
    with db.session(crm_db):
        SmtpAccount.update(email=f"news@{domain}").where(SmtpAccount.id == account.id).execute()


def send_from(address: str, campaign_id: int) -> None:
    with db.session(crm_db):
        CampaignContent.update(sender_email=address).where(CampaignContent.campaign_id == campaign_id).execute()


@only_sqlite
def test_workers_leave_out_accounts_that_may_not_send_from_the_campaigns_domain(databases, sink):
    _, (first, second) = server_with_account(accounts=2, host=sink.host, port=sink.port)
    set_domain(second, "example.org")
    running_campaign(campaign_id=7, mails=40)
    running_campaign(campaign_id=8, mails=40)
    send_from("news@shop.example.org", 7)
    with worker(databases):
        wait_until(lambda: is_at_rest(7) and is_at_rest(8))
    with db.session(crm_db):
        rows = Mail.select(Mail.smtp_account_id).where(Mail.campaign_id == 7).distinct().tuples()
        assert list(rows) == [(second.id,)]
    assert statuses(7) == statuses(8) == {"sent": 40}


@only_sqlite
def test_a_campaign_that_no_account_may_send_waits_and_holds_nobody_up(databases, sink, monkeypatch):
    monkeypatch.setattr(orchestrator, "REFRESH_SECONDS", 0.2)
    _, account = server_with_account(host=sink.host, port=sink.port)
    running_campaign(campaign_id=7, mails=20)
    running_campaign(campaign_id=8, mails=20)
    send_from("news@example.net", 7)
    with worker(databases):
        wait_until(lambda: is_at_rest(8))
        assert statuses(7) == {"pending": 20}
        with db.session(crm_db):
            SmtpAccount.update(from_domains="example.net").where(SmtpAccount.id == account.id).execute()
        wait_until(lambda: is_at_rest(7))


@pytest.fixture
def draft(alice):
    """A draft of Alice's whose sender is at example.org, and two accounts."""
    _, accounts = server_with_account(alice.user_id, accounts=2)
    found = recipients.create_list(alice.user_id, "Customers")
    recipients.import_csv(alice.user_id, found.id, "email\nzoe@example.net\n")
    fields = {"list_id": found.id, "subject": "Hi", "html": "Hi", "sender_email": "news@example.org"}
    return campaigns.create_campaign(alice.user_id, name="Spring", **fields), accounts


@only_sqlite
def test_the_review_says_who_is_left_out(alice, draft):
    campaign, (first, _) = draft
    url = f"/campaigns/{campaign.campaign_id}/review"
    assert "None of your SMTP accounts may send from example.org" in alice.get(url).text
    assert alice.post(f"/campaigns/{campaign.campaign_id}/start").status_code == 422
    set_domain(first, "example.org")
    page = alice.get(url).text
    assert "1 of your 2 SMTP accounts may not send from example.org and is left out" in page
    assert "None of your SMTP accounts" not in page


@only_sqlite
def test_the_forecast_reckons_without_who_is_left_out(alice, draft):
    """Ten a day: twenty-five mails take three days through one of the two accounts."""
    campaign, (first, second) = draft
    rows = "\n".join(f"r{n}@example.net" for n in range(24))
    recipients.import_csv(alice.user_id, campaign.list_id, f"email\n{rows}\n")
    with db.session(crm_db):
        SmtpAccount.update(daily_limit=10, hourly_limit=10).execute()
    set_domain(first, "example.org")
    page = alice.get(f"/campaigns/{campaign.campaign_id}/review").text
    assert "decided by the daily limit of the account" in page and ">1 SMTP account<" in page
    set_domain(second, "example.org")
    page = alice.get(f"/campaigns/{campaign.campaign_id}/review").text
    assert "decided by the daily limits of 2 accounts" in page and ">2 SMTP accounts<" in page


@only_sqlite
def test_a_running_campaign_says_why_it_waits(alice, draft):
    campaign, (first, _) = draft
    campaigns.start(alice.user_id, campaign.campaign_id)
    campaigns.mirror(alice.user_id, campaign.campaign_id, "running")
    assert "No SMTP account may send from example.org" in alice.get(f"/campaigns/{campaign.campaign_id}").text
    set_domain(first, "example.org")
    assert "No SMTP account may send" not in alice.get(f"/campaigns/{campaign.campaign_id}").text

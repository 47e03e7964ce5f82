"""A test of a message to oneself: a real conversation, and its place in the account's budget."""

from dataclasses import replace

import pytest

from blaster import attachments, campaigns, db, recipients, servers, signing, suppressions
from blaster.demo.faults import Rule
from blaster.mail import single
from blaster.mail.session import Mail
from blaster.mail.transport import Endpoint
from blaster.models.crm_db import SmtpUsage
from blaster.queue import quota

FORM = {
    "name": "Spring",
    "subject": "Hello {{ first_name }}",
    "html": "<p>Hi {{ first_name }}</p>",
    "sender_name": "Ann",
}


@pytest.fixture
def account(alice, sink):
    server = servers.add_server(alice.user_id, name="Relay", host=sink.host, port=sink.port, encryption="none")
    limits = {"hourly_limit": 2, "daily_limit": 10}
    return servers.add_account(alice.user_id, server.id, email="news@example.com", password="secret", **limits)


@pytest.fixture
def draft(alice):
    made = recipients.create_list(alice.user_id, "Readers")
    recipients.import_csv(alice.user_id, made.id, "email,first_name\nada@example.org,Ada\ngrace@example.org,Grace\n")
    return campaigns.create_campaign(alice.user_id, name="Spring", list_id=made.id)


def send(person, draft, account, **changes):
    form = {**FORM, "list_id": draft.list_id, "account_id": account.id, "to": "alice@example.com", **changes}
    return person.post(f"/campaigns/{draft.campaign_id}/test", form, htmx=changes.pop("htmx", True))


def charged(account) -> tuple[int, int]:
    with db.session(db.crm_db):
        rows = SmtpUsage.select().where(SmtpUsage.smtp_account_id == account.id)
        return sum(row.taken for row in rows), sum(row.extra for row in rows)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_goes_to_oneself_as_typed_and_as_the_chosen_recipient(alice, draft, account, sink):
    attachments.add_attachment(alice.user_id, draft.campaign_id, "plan.pdf", b"%PDF")
    answer = send(alice, draft, account, search="grace")
    assert "Sent to alice@example.com." in answer.text
    assert "250 " in answer.text
    (mail,) = sink.messages()
    assert (mail["subject"], mail["from"]) == ("[Test] Hello Grace", "Ann <news@example.com>")
    assert "alice@example.com" in mail["to"]
    assert "Hi Grace" in mail.get_body().get_content()
    assert [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()] == [("plan.pdf", b"%PDF")]
    assert send(alice, draft, account, to="news@example.com").status_code == 200
    first, second = sink.messages()
    assert first["message-id"] != second["message-id"]


def test_it_counts_like_any_other_mail(alice, draft, account, sink):
    for _ in range(2):
        assert "Sent to" in send(alice, draft, account).text
    assert "Nothing is left of the limits" in send(alice, draft, account).text
    assert len(sink.records()) == 2
    assert charged(account) == (2, 2)
    assert quota.budgets(alice.user_id)[account.id].hour_left == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_was_not_sent_does_not_count(alice, draft, account, sink):
    sink.play(Rule("rcpt", reply="550 5.1.1 no such user"))
    answer = send(alice, draft, account)
    assert "The server did not take it." in answer.text
    assert "550 5.1.1 no such user" in answer.text
    assert charged(account) == (0, 0)
    assert "The message cannot be filled in" in send(alice, draft, account, subject="{% if %}").text
    assert charged(account) == (0, 0)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_may_have_arrived_counts(alice, draft, account, sink):
    sink.play(Rule("dot", "swallow"))
    assert "may arrive all the same" in send(alice, draft, account).text
    assert charged(account) == (1, 1)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_its_unsubscribe_link_says_that_it_is_a_test(alice, visitor, draft, account, sink, app):
    app.config["BLASTER"] = replace(app.config["BLASTER"], public_url="https://mail.example.com")
    send(alice, draft, account, html="<a href='{{ unsubscribe_url }}'>Leave</a>")
    (mail,) = sink.messages()
    path = mail["List-Unsubscribe"].strip("<>").removeprefix("https://mail.example.com")
    assert path in mail.get_body().get_content()
    for url in (path, "/u/preview"):
        for answer in (visitor.client.get(url), visitor.client.post(url, data={"List-Unsubscribe": "One-Click"})):
            assert answer.status_code == 200 and "This was a test" in answer.text
    assert suppressions.search(alice.user_id) == []


def test_a_person_does_not_wait_ten_minutes_for_the_dot(sink, monkeypatch):
    monkeypatch.setattr(single, "PATIENCE", 2)
    sink.play(Rule("dot", "delay", seconds=30))
    mail = Mail(1, "a@example.com", "b@example.com", b"Subject: x\r\n\r\nx\r\n")
    reply, trouble = single.send(Endpoint(sink.host, sink.port, "none"), None, mail)
    assert (reply.phase, reply.code, trouble) == ("dot", 0, "")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_goes_to_nobody_else(alice, bob, draft, account, sink):
    assert "your own address only" in send(alice, draft, account, to="ada@example.org").text
    his = campaigns.create_campaign(bob.user_id, name="His")
    assert "Not found" in send(bob, his, account, to="bob@example.com", list_id=0).text
    assert "Add an SMTP account first" in send(bob, his, account, to="bob@example.com", account_id=0, list_id=0).text
    assert sink.records() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_without_scripts_what_was_typed_is_still_there(alice, draft, account):
    url = f"/campaigns/{draft.campaign_id}/test"
    form = {**FORM, "list_id": draft.list_id, "account_id": account.id, "to": "alice@example.com"}
    page = alice.post(url, form)
    assert "Sent to alice@example.com." in page.text
    assert "&lt;p&gt;Hi {{ first_name }}&lt;/p&gt;" in page.text
    assert "Nothing is saved yet" not in page.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_is_signed_like_the_mails_of_the_campaign(alice, draft, account, sink):
    key = signing.add_key(alice.user_id, domain="example.com", selector="s1", kind="ed25519")
    send(alice, draft, account)
    signing.insist(alice.user_id, key.id, True)
    send(alice, draft, account)
    assert ["d=example.com; s=s1;" in str(mail["dkim-signature"]) for mail in sink.messages()] == [False, True]

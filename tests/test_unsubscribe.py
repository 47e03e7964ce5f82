"""The link in a mail, from the mail server's sink to the next claim."""

import io
import re

import pytest

from blaster import db, subscriptions, suppressions
from blaster.db import crm_db
from blaster.mail import unsubscribe
from blaster.mail.unsubscribe import Ticket
from blaster.models.consent import LiftedSuppression
from blaster.models.crm_db import CampaignContent, Mail, Suppression
from blaster.queue import leases
from tests import queue_data
from tests.queue_data import ALICE, BOB, running_campaign, server_with_account, statuses
from tests.test_isolation import everything
from tests.work import is_at_rest, wait_until, worker

SCANNERS = ["Barracuda", "Mozilla/5.0 (compatible; Googlebot/2.1)", "GoogleImageProxy", "Proofpoint", "curl/8.5", ""]


@pytest.fixture
def campaign(app):
    """One of Alice with ten mails and one of Bob to the same addresses."""
    running_campaign(BOB, 8, mails=10)
    running_campaign(ALICE, 7, mails=10)
    with db.session(crm_db):
        CampaignContent.update(organisation="Alder Street Bakery", postal_address="12 Alder Street\nLondon").execute()
    return 7


@pytest.fixture
def link(app, campaign, settings):
    """The path of the link in a mail of that campaign: `link("r3@example.net")`."""

    def of(address, user_id=ALICE, campaign_id=7):
        with db.session(crm_db):
            row = Mail.get((Mail.campaign_id == campaign_id) & (Mail.email == address))
        return "/u/" + unsubscribe.Links(settings.secret_key.encode(), "", user_id, campaign_id).token(row.id)

    return of


def claimed(user_id=ALICE, campaign_id=7) -> set[str]:
    """Who is written to by the next claim."""
    server, account = server_with_account(user_id)
    hold = leases.take(f"server:{server.id}", "host:1", 30_000)
    return {row.email for row in queue_data.claim(user_id, server.id, account.id, campaign_id, hold, 50)[0]}


def everybody(but=()) -> set[str]:
    return {f"r{i}@example.net" for i in range(1, 11)} - set(but)


def test_every_mail_has_its_own_link_and_it_works(databases, visitor, sink):
    server_with_account(host=sink.host, port=sink.port)
    running_campaign(mails=30)
    with worker(databases):
        wait_until(is_at_rest)
    links = {}
    for mail in sink.messages():
        assert mail.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
        (header,) = mail.get_all("List-Unsubscribe")
        links[mail["To"]] = re.fullmatch("<(http://127.0.0.1:8025/u/[A-Za-z0-9_-]{36})>", header)[1]
        for part in ("html", "plain"):
            assert links[mail["To"]] in mail.get_body((part,)).get_content()
    assert len(links) == len(set(links.values())) == 30
    path = links["r3@example.net"].removeprefix("http://127.0.0.1:8025")
    assert visitor.client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    with db.session(crm_db):
        assert [(row.user_id, row.email_key) for row in Suppression.select()] == [(ALICE, "r3@example.net")]


@pytest.mark.parametrize("encoding", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_acts_at_the_next_claim(app, link, encoding):
    path = link("r3@example.net")
    for _ in range(2):
        client = app.test_client(use_cookies=False)
        answer = client.post(path, data={"List-Unsubscribe": "One-Click"}, content_type=encoding)
        assert answer.status_code == 200 and "You are unsubscribed" in answer.text
        assert "Location" not in answer.headers and "Set-Cookie" not in answer.headers
    assert claimed() == everybody(but=["r3@example.net"])
    assert statuses() == {"claimed": 9, "suppressed": 1}
    assert claimed(BOB, 8) == everybody()
    with db.session(crm_db):
        (entry,) = Suppression.select()
    assert (entry.reason, entry.list_id, entry.campaign_id) == ("unsubscribe", 0, 7)


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=One-Click", b"\xff\xfe junk", b"choice=nonsense"])
def test_whatever_is_posted_ends_it(app, link, body):
    form = "application/x-www-form-urlencoded"
    assert app.test_client().post(link("r3@example.net"), input_stream=io.BytesIO(body), content_type=form).status_code
    assert "r3@example.net" not in claimed()


def test_looking_changes_nothing(app, link):
    path, before = link("r3@example.net"), everything()
    for agent in SCANNERS * 4:
        for method in ("get", "head", "options"):
            answer = getattr(app.test_client(), method)(path, headers={"User-Agent": agent})
            assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
    assert everything() == before
    assert claimed() == everybody()


def test_forged_and_foreign_tokens_change_nothing(app, link, settings):
    path, before, key = link("r3@example.net"), everything(), settings.secret_key.encode()
    token = path.removeprefix("/u/")
    ticket = unsubscribe.read(token, key)
    forged = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        unsubscribe.Links(b"another key", "", ALICE, 7).token(ticket.row_id),
        unsubscribe.Links(key, "", BOB, 7).token(ticket.row_id),  # signed, but such a mail there is not
        unsubscribe.Links(key, "", ALICE, 8).token(ticket.row_id),
        unsubscribe.Links(key, "", ALICE, 7).token(10**9),
        *("x", "A" * 36, "é" * 36, token * 2),
    ]
    for each in forged:
        for method in ("get", "post"):
            answer = getattr(app.test_client(), method)(f"/u/{each}")
            assert answer.status_code == 404 and "This link does not work" in answer.text
    assert everything() == before


def test_a_link_speaks_for_its_own_address_only(app, link):
    app.test_client().post(link("r3@example.net"))
    app.test_client().post(link("r4@example.net", BOB, 8))
    assert claimed() == everybody(but=["r3@example.net"])
    assert claimed(BOB, 8) == everybody(but=["r4@example.net"])


def test_only_this_list(app, link):
    path = link("r3@example.net")
    page = app.test_client().post(path, data={"choice": "list"}).text
    assert "no more mail like the one" in page and "Subscribe again" in page
    with db.session(crm_db):
        assert [row.list_id for row in Suppression.select()] == [1]
    assert claimed() == everybody(but=["r3@example.net"])
    page = app.test_client().post(path, data={"choice": "all"}).text
    assert "will not write to r•••@example.net any more" in page
    with db.session(crm_db):
        assert sorted(row.list_id for row in Suppression.select()) == [0, 1]


def test_a_mistake_is_taken_back_with_the_same_link(app, link):
    path = link("r3@example.net")
    for choice in ("list", "all", "back"):
        page = app.test_client().post(path, data={"choice": choice}).text
    assert "Welcome back" in page
    assert claimed() == everybody()
    with db.session(crm_db):
        assert {(row.reason, row.lifted_by) for row in LiftedSuppression.select()} == {("unsubscribe", "recipient")}


def test_many_clicks_leave_few_traces_and_unsubscribing_is_never_refused(app, link):
    path, client = link("r3@example.net"), app.test_client()
    answers = []
    for _ in range(subscriptions.MOST_RESUMED + 3):
        assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        answers.append(client.post(path, data={"choice": "back"}))
    assert [answer.status_code for answer in answers] == [200] * subscriptions.MOST_RESUMED + [429] * 3
    assert "Please come back tomorrow" in answers[-1].text and "Subscribe again<" not in answers[-1].text
    with db.session(crm_db):
        assert LiftedSuppression.select().count() == subscriptions.MOST_RESUMED
    assert claimed() == everybody(but=["r3@example.net"])
    assert app.test_client().post(link("r4@example.net"), data={"choice": "back"}).status_code == 200


@pytest.mark.parametrize("reason", ["hard", "complaint", "manual"])
def test_only_what_the_link_did_is_taken_back(app, link, reason):
    path = link("r3@example.net")
    app.test_client().post(path, data={"choice": "list"})
    suppressions.record(ALICE, "r3@example.net", "r3@example.net", reason)
    app.test_client().post(path, data={"choice": "back"})
    assert "r3@example.net" not in claimed()
    page = app.test_client().get(path).text
    assert "You are unsubscribed" in page and "Subscribe again" not in page


def test_it_works_while_server_1_is_away(app, link, alice):
    path, there = link("r3@example.net"), db.campaign_db.obj
    db.campaign_db.initialize(db.peewee.SqliteDatabase("/nowhere/at/all.db"))
    try:
        for client in (app.test_client(), alice.client):  # whoever is signed in is not asked for either
            assert "Alder Street Bakery" in client.get(path).text
            assert client.post(path).status_code == 200
    finally:
        db.campaign_db.initialize(there)
    assert "r3@example.net" not in claimed()


def test_the_page_names_the_sender_and_not_the_whole_address(app, link):
    page = app.test_client().get(link("r3@example.net"))
    assert "Alder Street Bakery" in page.text and "12 Alder Street<br>London" in page.text
    assert "r•••@example.net" in page.text and "r3@" not in page.text
    assert "<script" not in page.text and page.headers["Cache-Control"] == "no-store"


def test_a_mail_that_is_gone_raises_not_found(databases):
    with pytest.raises(subscriptions.NotFound):
        subscriptions.end(Ticket(1, 2, 3))

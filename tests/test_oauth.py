"""Sign-in by consent: tokens are renewed in time and by one process; without one an account stops, its mails do not.

The provider and the mail server are real servers on this machine; XOAUTH2 is spoken on the wire.
"""

import hashlib
import threading
from base64 import urlsafe_b64encode
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from blaster import campaigns, config, consent, db, oauth, recipients, servers, vault
from blaster.db import crm_db
from blaster.mail import probe
from blaster.mail.auth import Credentials
from blaster.mail.transport import Endpoint, Refused, open_session
from blaster.models.crm_db import Mail, SmtpAccount
from blaster.models.providers import OauthToken
from blaster.queue import health
from blaster.web import create_app
from blaster.workers import orchestrator, tokens
from tests.queue_data import ALICE, running_campaign, server_with_account, statuses
from tests.test_isolation import everything
from tests.work import is_at_rest, processes, wait_until, worker

pytest_plugins = ["tests.fake_provider"]
only_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
MINUTE = 60_000


@pytest.fixture
def env(databases, provider):
    """The environment of an installation that is registered with the fake provider as Google."""
    return databases | {
        "BLASTER_GOOGLE_CLIENT_ID": "client",
        "BLASTER_GOOGLE_CLIENT_SECRET": "client-secret-canary",
        "BLASTER_GOOGLE_TOKEN_URL": provider.url,
        "BLASTER_PUBLIC_URL": "https://mail.example.com",
    }


@pytest.fixture
def settings(env):
    return config.load(env)


def by_consent(account, *, user_id=ALICE, minutes=60, access="access-canary-0"):
    """Make the account sign in with a token that still holds so long."""
    oauth.store(user_id, account.id, "google", consent.Tokens(access, "refresh-canary-0", minutes * 60))


def token(account) -> OauthToken:
    return oauth.token_of(account.user_id, account.id)


# On the wire


def test_it_signs_in_with_a_token(sink):
    sink.sink.tokens = {"good-token"}
    endpoint = Endpoint(sink.host, sink.port, "none")
    open_session(endpoint, Credentials("zoe@example.com", "good-token", "xoauth2")).close()
    with pytest.raises(Refused) as refused:
        open_session(endpoint, Credentials("zoe@example.com", "secret-canary", "xoauth2"))
    assert (refused.value.problem, refused.value.reply.code) == ("auth", 535)
    verdict = probe.test_connection(endpoint, Credentials("zoe@example.com", "secret-canary", "xoauth2"))
    assert "Sign in again" in verdict.message and "canary" not in verdict.message


def test_no_token_is_sent_where_xoauth2_is_not_offered(sink):
    sink.play(auth=False)
    with pytest.raises(Refused) as refused:
        open_session(Endpoint(sink.host, sink.port, "none"), Credentials("zoe@example.com", "t", "xoauth2"))
    assert "no way of signing in by consent" in refused.value.reply.text


# Renewal


def test_a_token_is_renewed_before_it_expires(settings, provider):
    _, (soon, later, other) = server_with_account(accounts=3)
    by_consent(soon, minutes=9)
    by_consent(later, minutes=11)
    assert oauth.renew_due(settings, [ALICE]) == oauth.renew_due(settings, [ALICE]) == []
    assert [request["refresh_token"] for request in provider.requests] == ["refresh-canary-0"]
    assert provider.requests[0]["client_secret"] == "client-secret-canary"
    renewed = token(soon)
    assert vault.decrypt(renewed.access) == "access-canary-1" and vault.decrypt(renewed.refresh) == "refresh-canary-1"
    with db.session(crm_db):
        now = db.now(crm_db)
        assert now + 59 * MINUTE < renewed.expires_at <= now + 60 * MINUTE
    access = {a.id: a.access for a in oauth.accounts_of([soon.smtp_server_id], now)}
    assert vault.decrypt(access[soon.id]) == "access-canary-1" and access[other.id] == ""
    assert oauth.accounts_of([soon.smtp_server_id], now + 61 * MINUTE)[0].access == ""


def test_tokens_of_users_without_running_campaigns_are_left_alone(settings, provider):
    _, account = server_with_account()
    by_consent(account, minutes=1)
    oauth.renew_due(settings, [2])
    assert provider.requests == []


def test_of_many_at_once_one_renews(settings, provider):
    _, account = server_with_account()
    by_consent(account, minutes=1)
    provider.wait.clear()
    barrier = threading.Barrier(6)

    def renew():
        barrier.wait()
        oauth.renew_due(settings, [ALICE])

    threads = [threading.Thread(target=renew) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: sum(thread.is_alive() for thread in threads) == 1, what="one that waits for the provider")
    provider.wait.set()
    for thread in threads:
        thread.join()
    assert len(provider.requests) == 1
    assert vault.decrypt(token(account).access) == "access-canary-1"


@only_sqlite
def test_one_that_died_while_renewing_is_followed_by_another(settings, provider, monkeypatch):
    _, account = server_with_account()
    by_consent(account, minutes=1)
    with db.session(crm_db):
        now = db.now(crm_db)
        assert oauth._mark(token(account), now)
    assert oauth.renew_due(settings, [ALICE]) == [] and provider.requests == []
    monkeypatch.setattr(oauth.db, "now", lambda _: now + oauth.BUSY)
    oauth.renew_due(settings, [ALICE])
    assert len(provider.requests) == 1


@only_sqlite
def test_a_consent_given_while_the_old_one_was_renewed_stands(settings, provider):
    _, account = server_with_account()
    by_consent(account, minutes=1)
    provider.wait.clear()
    thread = threading.Thread(target=oauth.renew_due, args=(settings, [ALICE]))
    thread.start()
    wait_until(lambda: provider.requests)
    by_consent(account, access="access-canary-new")
    provider.wait.set()
    thread.join()
    assert vault.decrypt(token(account).access) == "access-canary-new"


@only_sqlite
@pytest.mark.parametrize(
    "trouble", [{"status": 503}, {"error": "invalid_client"}, {"error": "temporarily_unavailable"}]
)
def test_a_provider_in_trouble_matters_only_when_the_token_is_over(settings, provider, trouble):
    _, (holds, over) = server_with_account(accounts=2)
    by_consent(holds, minutes=5)
    by_consent(over, minutes=-1)
    vars(provider).update(trouble)
    (failure,) = oauth.renew_due(settings, [ALICE])
    assert (failure.account.id, failure.is_final) == (over.id, False)
    assert token(over).trouble == ""


# Workers


def test_a_revoked_consent_stops_its_account_and_no_mail(env, provider, sink, monkeypatch):
    monkeypatch.setattr(tokens, "LOOK_SECONDS", 0.1)
    server, (revoked, good) = server_with_account(accounts=2, host=sink.host, port=sink.port)
    by_consent(revoked, minutes=-1)
    provider.error = "invalid_grant"
    running_campaign(mails=60)
    with worker(env):
        wait_until(is_at_rest)
        wait_until(lambda: (server.id, revoked.id) in health.of_user(ALICE))
    assert statuses() == {"sent": 60}
    assert {record.login for record in sink.records()} == {good.email}
    row = health.of_user(ALICE)[server.id, revoked.id]
    assert (row.state, row.reason) == ("attention", "needs-consent")
    assert "Token has been expired or revoked" in row.last_error


def test_alone_its_mails_stay_pending_until_the_next_consent(env, provider, sink, monkeypatch):
    """The server refuses the token in mid-campaign."""
    monkeypatch.setattr(orchestrator, "REFRESH_SECONDS", 0.2)
    server, account = server_with_account(host=sink.host, port=sink.port)
    by_consent(account)
    sink.sink.tokens = {"access-canary-0"}
    running_campaign(mails=80)
    with worker(env, connection_mails=20):
        wait_until(lambda: len(sink.records()) >= 20)
        sink.sink.tokens = {"access-canary-new"}
        wait_until(lambda: (server.id, account.id) in health.of_user(ALICE))
        wait_until(lambda: not {"claimed", "sending"} & set(statuses()))
        assert set(statuses()) == {"sent", "pending"}
        assert health.of_user(ALICE)[server.id, account.id].reason == "needs-consent"
        by_consent(account, access="access-canary-new")
        health.clear(ALICE, server.id, account.id)
        wait_until(is_at_rest)
    assert statuses() == {"sent": 80}
    assert Counter(record.recipient for record in sink.records()).most_common(1)[0][1] == 1


@only_sqlite
def test_without_a_token_an_account_waits_for_its_provider(env, provider, sink, monkeypatch):
    monkeypatch.setattr(orchestrator, "REFRESH_SECONDS", 0.2)
    monkeypatch.setattr(tokens, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(oauth, "BUSY", 100)
    monkeypatch.setitem(health.COOLING, "no-token", (100, 100))
    server, account = server_with_account(host=sink.host, port=sink.port)
    by_consent(account, minutes=-1)
    provider.status = 503
    running_campaign(mails=20)
    with worker(env):
        wait_until(lambda: (server.id, account.id) in health.of_user(ALICE))
        assert health.of_user(ALICE)[server.id, account.id].reason == "no-token"
        assert statuses() == {"pending": 20}
        provider.status = 200
        wait_until(is_at_rest)
    assert statuses() == {"sent": 20}


@only_sqlite
def test_acceptance_from_the_first_token_to_the_second_consent(env, alice, provider, sink):
    """Feature 8 with worker processes: renewed in time by one of them; revoked: it waits, says so, and goes on."""
    server, account = server_with_account(alice.user_id, hourly=20, host=sink.host, port=sink.port)
    by_consent(account, user_id=alice.user_id, minutes=9)
    sink.sink.tokens = {"access-canary-0", "access-canary-1"}
    campaign_id = started(alice, mails=50)
    page, at_servers = f"/campaigns/{campaign_id}", f"/servers/{server.id}"
    with processes(env, 2):
        wait_until(lambda: len(sink.records()) == 20)
        wait_until(lambda: vault.decrypt(token(account).access) == "access-canary-1")
        assert [request["refresh_token"] for request in provider.requests] == ["refresh-canary-0"]

        provider.error = "invalid_grant"
        with db.session(crm_db):
            OauthToken.update(expires_at=OauthToken.expires_at - 55 * MINUTE).execute()
        wait_until(lambda: "Needs attention" in alice.get(at_servers).text)
        with db.session(crm_db):
            SmtpAccount.update(hourly_limit=1_000).execute()
        for url in (at_servers, page):
            shown = alice.get(url).text
            assert "Your consent is missing or has ended" in shown and f'href="/accounts/{account.id}/consent"' in shown
        assert statuses(campaign_id) == {"sent": 20, "pending": 30}
        assert len(provider.requests) == 2, "a revoked token is not asked about again"

        provider.error, sink.sink.tokens = "", {"access-canary-3"}
        asked = begun_at(alice, f"/accounts/{account.id}/consent")
        alice.get(f"/consent/answer?code=the-code&state={asked['state']}")
        wait_until(lambda: is_at_rest(campaign_id))
    assert statuses(campaign_id) == {"sent": 50}
    assert Counter(record.recipient for record in sink.records()).most_common(1)[0][1] == 1
    assert "canary" not in "".join(path.read_text() for path in Path(env["BLASTER_DATA_DIR"]).glob("*.log"))


def started(person, mails: int) -> int:
    """A campaign of a person that the workers stage and send."""
    made = recipients.create_list(person.user_id, "Readers")
    recipients.import_csv(person.user_id, made.id, "email\n" + "".join(f"r{n}@example.net\n" for n in range(mails)))
    campaign = campaigns.create_campaign(person.user_id, name="News", subject="News", text="Hello", list_id=made.id)
    assert person.post(f"/campaigns/{campaign.campaign_id}/start").status_code == 303
    return campaign.campaign_id


# Pages


@pytest.fixture
def app(settings):
    return create_app(settings)


def gmail_account(person):
    server = servers.add_server(person.user_id, host="smtp.gmail.com", port=465, encryption="tls")
    fields = {"email": "zoe@gmail.com", "daily_limit": 400, "hourly_limit": 50}
    return servers.add_account(person.user_id, server.id, password="", **fields)


def begun(person, account) -> dict[str, str]:
    return begun_at(person, f"/accounts/{account.id}/consent")


def begun_at(person, url: str) -> dict[str, str]:
    """What the provider is asked for."""
    answer = person.get(url)
    parts = urlsplit(answer.location)
    assert (answer.status_code, parts.netloc) == (303, "accounts.google.com")
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_the_owner_consents_in_the_browser(alice, provider):
    account = gmail_account(alice)
    asked = begun(alice, account)
    assert asked["redirect_uri"] == "https://mail.example.com/consent/answer"
    assert (asked["login_hint"], asked["code_challenge_method"]) == ("zoe@gmail.com", "S256")
    answer = alice.get(f"/consent/answer?code=the-code&state={asked['state']}")
    assert answer.location == f"/servers/{account.smtp_server_id}"
    (request,) = provider.requests
    challenge = urlsafe_b64encode(hashlib.sha256(request["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert (request["code"], challenge) == ("the-code", asked["code_challenge"])
    assert servers.get_account(alice.user_id, account.id).auth == "google"
    assert "signs in by consent now" in alice.get(answer.location).text
    assert "canary" not in repr(everything())
    alice.get(f"/consent/answer?code=the-code&state={asked['state']}")
    assert len(provider.requests) == 1, "an answer is good once"


@only_sqlite
@pytest.mark.parametrize(
    "query, words",
    [
        ("code=x&state=forged", "belongs to no sign-in"),
        ("code=x", "belongs to no sign-in"),
        ("error=access_denied&state={state}", "access_denied"),
    ],
)
def test_other_answers_change_nothing(alice, provider, query, words):
    account = gmail_account(alice)
    asked = begun(alice, account)
    answer = alice.get("/consent/answer?" + query.format(**asked))
    assert words in alice.get(answer.location).text
    assert provider.requests == [] and token(account) is None
    assert servers.get_account(alice.user_id, account.id).auth == "password"


@only_sqlite
def test_another_persons_answer_is_not_ours(alice, bob, provider):
    asked = begun(alice, gmail_account(alice))
    bob.get(f"/consent/answer?code=x&state={asked['state']}")
    assert provider.requests == []


@only_sqlite
def test_a_code_that_the_provider_refuses_is_told(alice, provider):
    account = gmail_account(alice)
    asked = begun(alice, account)
    provider.error = "invalid_grant"
    answer = alice.get(f"/consent/answer?code=x&state={asked['state']}")
    assert "No consent was given for zoe@gmail.com" in alice.get(answer.location).text
    assert token(account) is None


@only_sqlite
def test_a_new_account_waits_for_the_first_consent(alice):
    account = gmail_account(alice)
    fields = {"email": "zoe@gmail.com", "daily_limit": 400, "hourly_limit": 50, "auth": "google"}
    servers.edit_account(alice.user_id, account.id, **fields)
    for url in (f"/servers/{account.smtp_server_id}", f"/accounts/{account.id}/edit"):
        assert f'href="/accounts/{account.id}/consent"' in alice.get(url).text
    assert "Needs attention" in alice.get(f"/servers/{account.smtp_server_id}").text


@only_sqlite
def test_a_page_says_who_has_to_sign_in_again_and_offers_it(alice, provider):
    account = gmail_account(alice)
    by_consent(account, user_id=alice.user_id)
    health.record_failure(alice.user_id, account.smtp_server_id, account.id, "needs-consent", "revoked")
    page = alice.get(f"/servers/{account.smtp_server_id}").text
    assert "Your consent is missing or has ended" in page
    assert f'href="/accounts/{account.id}/consent"' in page and "Sign in with Google" in page
    asked = begun(alice, account)
    alice.get(f"/consent/answer?code=x&state={asked['state']}")
    assert "Needs attention" not in alice.get(f"/servers/{account.smtp_server_id}").text


@only_sqlite
def test_the_connection_test_renews_the_token_and_signs_in(alice, provider, sink):
    server, account = server_with_account(alice.user_id, host=sink.host, port=sink.port)
    by_consent(account, user_id=alice.user_id, minutes=1)
    sink.sink.tokens = {"access-canary-1"}
    assert "signed in as" in alice.post(f"/accounts/{account.id}/test", htmx=True).text
    with db.session(crm_db):
        OauthToken.update(expires_at=0).execute()
    provider.error = "invalid_grant"
    assert "Sign in again" in alice.post(f"/accounts/{account.id}/test", htmx=True).text


@only_sqlite
@pytest.mark.parametrize("change", [{"BLASTER_GOOGLE_CLIENT_ID": ""}, {"BLASTER_PUBLIC_URL": ""}])
def test_without_a_registration_it_says_what_is_missing(env, alice, change):
    with alice.client.session_transaction() as session:
        signed_in = dict(session)
    alice.client = create_app(config.load(env | change)).test_client()
    with alice.client.session_transaction() as session:
        session.update(signed_in)
    account = gmail_account(alice)
    answer = alice.get(f"/accounts/{account.id}/consent")
    assert answer.location == f"/servers/{account.smtp_server_id}"
    assert "administrator" in alice.get(answer.location).text


@only_sqlite
def test_tokens_go_with_their_account(alice):
    account = gmail_account(alice)
    by_consent(account, user_id=alice.user_id)
    servers.delete_account(alice.user_id, account.id)
    with db.session(crm_db):
        assert OauthToken.select().count() == 0
        assert SmtpAccount.select().count() == Mail.select().count() == 0

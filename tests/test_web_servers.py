from urllib.parse import urlencode

import pytest

from blaster import db, servers
from blaster.demo.faults import Rule
from blaster.queue import health, quota
from tests.ports import free_port

SERVER = {"name": "Mail", "host": "smtp.example.com", "port": "587", "encryption": "starttls", "max_connections": "10"}
ACCOUNT = {
    "email": "news@example.com",
    "login": "",
    "password": "open sesame",
    "hourly_limit": "50",
    "daily_limit": "500",
}


def add_server(user_id: int, **fields):
    return servers.add_server(user_id, **(SERVER | fields))


def add_account(user_id: int, server_id: int, **fields):
    return servers.add_account(user_id, server_id, **(ACCOUNT | fields))


def test_the_first_page_leads_on(alice):
    page = alice.get("/servers").text
    assert "No SMTP servers yet" in page
    assert 'href="/servers/new"' in page


def test_it_adds_a_server_and_an_account(alice):
    answer = alice.post("/servers/new", SERVER)
    server = servers.list_servers(alice.user_id)[0]
    assert (answer.status_code, answer.location) == (303, f"/servers/{server.id}")
    assert "No accounts on this server yet" in alice.get(answer.location).text
    answer = alice.post(f"/servers/{server.id}/accounts/new", ACCOUNT)
    assert (answer.status_code, answer.location) == (303, f"/servers/{server.id}")
    page = alice.get(answer.location).text
    assert "Account added" in page
    assert "news@example.com" in page
    account = servers.list_accounts(alice.user_id)[0]
    assert servers.credentials(account) == ("news@example.com", "open sesame")


@pytest.mark.parametrize(
    "field, value, sentence",
    [
        ("host", "https://smtp.example.com", "the name of the server alone"),
        ("port", "70000", "from 1 to 65,535"),
        ("port", "many", "from 1 to 65,535"),
        ("max_connections", "0", "from 1 to 100"),
        ("encryption", "rot13", "Not a valid choice"),
    ],
)
def test_it_says_what_is_wrong_and_keeps_what_was_typed(alice, field, value, sentence):
    answer = alice.post("/servers/new", SERVER | {"name": "My relay", field: value})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="My relay"' in answer.text
    assert servers.list_servers(alice.user_id) == []


def test_htmx_gets_the_form_alone(alice):
    answer = alice.post("/servers/new", SERVER | {"port": "0"}, htmx=True)
    assert answer.status_code == 422
    assert answer.text.lstrip().startswith('<form id="server-form"')
    answer = alice.post("/servers/new", SERVER, htmx=True)
    server = servers.list_servers(alice.user_id)[0]
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/servers/{server.id}")


def test_an_empty_request_is_a_refusal_not_a_crash(alice):
    server = add_server(alice.user_id)
    for url in ("/servers/new", f"/servers/{server.id}/edit", f"/servers/{server.id}/accounts/new"):
        assert alice.post(url).status_code == 422


def test_it_edits_a_server_and_tries_it_again(alice):
    server = add_server(alice.user_id)
    account = add_account(alice.user_id, server.id)
    health.record_failure(alice.user_id, server.id, account.id, "tls-required", "530 5.7.0 Must issue STARTTLS first")
    assert "Needs attention" in alice.get(f"/servers/{server.id}").text
    assert "smtp.example.com" in alice.get(f"/servers/{server.id}/edit").text
    assert alice.post(f"/servers/{server.id}/edit", SERVER | {"host": "smtp2.example.com"}).status_code == 303
    page = alice.get(f"/servers/{server.id}").text
    assert "smtp2.example.com" in page
    assert "Needs attention" not in page


def test_it_edits_an_account_and_keeps_its_password(alice):
    server = add_server(alice.user_id)
    account = add_account(alice.user_id, server.id)
    page = alice.get(f"/accounts/{account.id}/edit").text
    assert 'value="news@example.com"' in page
    assert "open sesame" not in page
    assert "vault1:" not in page
    health.record_failure(alice.user_id, server.id, account.id, "account-auth", "535 5.7.8 no")
    fields = ACCOUNT | {"password": "", "hourly_limit": "7"}
    assert alice.post(f"/accounts/{account.id}/edit", fields).status_code == 303
    account = servers.get_account(alice.user_id, account.id)
    assert (account.hourly_limit, servers.credentials(account)[1]) == (7, "open sesame")
    assert health.of_user(alice.user_id)[server.id, account.id].state == "ok"


def test_a_refused_account_form_never_shows_the_password(alice):
    server = add_server(alice.user_id)
    answer = alice.post(f"/servers/{server.id}/accounts/new", ACCOUNT | {"email": "nobody"})
    assert answer.status_code == 422
    assert "open sesame" not in answer.text


def test_it_switches_off_and_on(alice):
    server = add_server(alice.user_id)
    account = add_account(alice.user_id, server.id)
    assert alice.post(f"/accounts/{account.id}/deactivate").status_code == 303
    assert not servers.get_account(alice.user_id, account.id).is_active
    assert alice.post(f"/accounts/{account.id}/activate").status_code == 303
    assert servers.get_account(alice.user_id, account.id).is_active
    assert alice.post(f"/servers/{server.id}/deactivate").status_code == 303
    assert "nothing goes out through it" in alice.get(f"/servers/{server.id}").text
    assert alice.post(f"/servers/{server.id}/activate").status_code == 303
    assert servers.get_server(alice.user_id, server.id).is_active


def test_it_deletes(alice):
    server = add_server(alice.user_id)
    account = add_account(alice.user_id, server.id)
    assert alice.post(f"/accounts/{account.id}/delete").location == f"/servers/{server.id}"
    assert servers.list_accounts(alice.user_id) == []
    add_account(alice.user_id, server.id)
    assert alice.post(f"/servers/{server.id}/delete").location == "/servers"
    assert servers.list_servers(alice.user_id) == servers.list_accounts(alice.user_id) == []


def test_it_rejects_get_for_changes(alice):
    server = add_server(alice.user_id)
    for act in ("delete", "deactivate", "test"):
        assert alice.get(f"/servers/{server.id}/{act}").status_code == 405
    assert servers.list_servers(alice.user_id)[0].is_active


def test_it_shows_what_is_used_and_which_limit_holds(alice):
    server = add_server(alice.user_id)
    account = add_account(alice.user_id, server.id, hourly_limit="50")
    with db.session(db.crm_db):
        quota.charge([(account.id, quota.bucket_of(db.now(db.crm_db)), 50)])
    page = alice.get(f"/servers/{server.id}").text
    assert 'value="50" max="50"' in page
    assert "The hourly limit is used up" in page


@pytest.mark.parametrize("htmx", [False, True])
def test_it_tests_a_connection_with_its_login(alice, sink, htmx):
    server = add_server(alice.user_id, host=sink.host, port=sink.port, encryption="none")
    account = add_account(alice.user_id, server.id)
    health.record_failure(alice.user_id, server.id, account.id, "account-auth", "535 5.7.8 no")
    answer = alice.post(f"/accounts/{account.id}/test", htmx=htmx)
    verdict = answer.text if htmx else alice.get(answer.location).text
    assert "signed in as news@example.com" in verdict
    assert health.of_user(alice.user_id)[server.id, account.id].state == "ok"


def test_it_says_that_a_password_is_wrong(alice, sink):
    sink.play(Rule("auth", reply="535 5.7.8 no"))
    server = add_server(alice.user_id, host=sink.host, port=sink.port, encryption="none")
    account = add_account(alice.user_id, server.id)
    answer = alice.post(f"/accounts/{account.id}/test", htmx=True)
    assert answer.text.lstrip().startswith('<div id="verdict"')
    assert 'class="notice error"' in answer.text
    assert "open sesame" not in answer.text


def test_it_says_that_nobody_listens(alice):
    server = add_server(alice.user_id, host="127.0.0.1", port=free_port(), encryption="none")
    answer = alice.post(f"/servers/{server.id}/test", htmx=True)
    assert "does not accept the connection" in answer.text


def test_a_provider_fills_the_form_in(alice):
    page = alice.get("/servers/new").text
    assert 'href="/servers/new?preset=google-workspace"' in page
    page = alice.get("/servers/new?preset=microsoft-365").text
    for piece in ('value="smtp.office365.com"', 'value="587"', 'value="3"', "Microsoft ends passwords for SMTP"):
        assert piece in page
    assert "forbids newsletters" in alice.get("/servers/new?preset=zoho").text
    assert alice.get("/servers/new?preset=unheard-of").status_code == 200


def test_accounts_start_below_what_the_provider_publishes(alice):
    alice.post(
        "/servers/new", SERVER | {"host": "smtp.gmail.com", "port": "465", "encryption": "tls", "preset": "gmail"}
    )
    (server,) = servers.list_servers(alice.user_id)
    page = alice.get(f"/servers/{server.id}/accounts/new").text
    assert 'value="400"' in page and "about 500 a day" in page and "Sign in with Google" in page
    too_much = ACCOUNT | {"auth": "password", "daily_limit": "501"}
    assert (
        "501 a day is more than Gmail publishes" in alice.get(f"/servers/{server.id}/caps?{urlencode(too_much)}").text
    )
    alice.post(f"/servers/{server.id}/accounts/new", too_much)
    assert "501 a day is more than Gmail publishes" in alice.get(f"/servers/{server.id}").text
    (account,) = servers.list_accounts(alice.user_id)
    assert "501 a day is more than Gmail publishes" in alice.get(f"/accounts/{account.id}/edit").text


@pytest.mark.parametrize("limits", ["", "hourly_limit=x&daily_limit=900", "daily_limit=900"])
def test_limits_that_are_half_typed_say_nothing(alice, limits):
    server = add_server(alice.user_id, host="smtp.gmail.com")
    assert "is more than" not in alice.get(f"/servers/{server.id}/caps?{limits}").text


def test_a_mailbox_address_over_a_foreign_server_is_refused(alice):
    server = add_server(alice.user_id)
    answer = alice.post(f"/servers/{server.id}/accounts/new", ACCOUNT | {"email": "zoe@gmail.com"})
    assert answer.status_code == 422
    assert "accepted only through Gmail" in answer.text
    answer = alice.post(f"/servers/{server.id}/accounts/new", ACCOUNT | {"from_domains": "shop.example.org, yahoo.com"})
    assert answer.status_code == 422 and "accepted only through Yahoo Mail" in answer.text
    assert servers.list_accounts(alice.user_id) == []


def test_a_warm_up_plan_is_kept_and_shown(alice):
    server = add_server(alice.user_id)
    plan = {"warmup_start": "20", "warmup_from": "2026-11-01", "from_domains": "example.org"}
    alice.post(f"/servers/{server.id}/accounts/new", ACCOUNT | plan)
    (account,) = servers.list_accounts(alice.user_id)
    assert (account.warmup_start, account.warmup_from, account.from_domains) == (20, 1793491200000, "example.org")
    page = alice.get(f"/accounts/{account.id}/edit").text
    assert 'value="2026-11-01"' in page and "Warm-up plan" in page and 'value="example.org"' in page
    assert alice.post(f"/accounts/{account.id}/edit", ACCOUNT | {"warmup_from": "soon"}).status_code == 422
    alice.post(f"/accounts/{account.id}/edit", ACCOUNT | {"warmup_start": ""})
    assert servers.get_account(alice.user_id, account.id).warmup_start == 0

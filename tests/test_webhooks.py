"""Webhooks against a real web server: what arrives, who signed it, and what happens when nothing does."""

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time

import pytest

from blaster import config, db, erased, progress, subscriptions, vault, webhooks
from blaster.db import crm_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.mail import targets
from blaster.mail.unsubscribe import Ticket
from blaster.models.crm_db import CampaignControl, CampaignTally, Mail
from blaster.models.webhooks import Webhook, WebhookDelivery
from blaster.webhooks import delivery, outbox, signature, wire
from blaster.workers import guarding, webhook_sender
from blaster.workers.holds import Holds
from blaster.workers.webhook_sender import WebhookSender
from tests.queue_data import ALICE, BOB, running_campaign
from tests.test_bounces import about, record, sent


@pytest.fixture
def engine() -> str:
    return "sqlite"


class Receiver(http.server.ThreadingHTTPServer):
    """`heard`: what was posted; answers with `status` and `text`."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None):
        self.heard, self.status, self.text = [], 200, "thanks"
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}/hooks?a=b"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def hook(databases, receiver) -> tuple[Webhook, str]:
    return webhooks.add_webhook(ALICE, url=receiver.url, events=webhooks.EVENTS)


def told(webhook: Webhook) -> list[WebhookDelivery]:
    return webhooks.list_deliveries(webhook.user_id, webhook.id)


def tell_all(settings) -> list[bool]:
    return [delivery.attempt(each, settings) for ids in outbox.due(20).values() for each in ids]


def signed_by(secret: str, headers: dict, body: bytes) -> bool:
    """As a receiver verifies it."""
    said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(secret[6:]), said, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}" in headers["webhook-signature"].split()


def test_a_signature_as_the_specification_has_it():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signature.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_happened_arrives_signed(hook, receiver, settings):
    webhook, secret = hook
    outbox.emit(ALICE, "campaign.finished", "7", {"campaign_id": 7, "sent": 5})
    assert tell_all(settings) == [True]
    ((path, headers, body),) = receiver.heard
    assert path == "/hooks?a=b" and headers["Content-Type"] == "application/json"
    said = json.loads(body)
    assert (said["type"], said["data"]) == ("campaign.finished", {"campaign_id": 7, "sent": 5})
    assert signed_by(secret, headers, body) and not signed_by(webhooks.new_secret(), headers, body)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 600
    (row,) = told(webhook)
    assert (row.state, row.status, row.answer, row.message_id) == ("delivered", 200, "thanks", headers["webhook-id"])
    assert tell_all(settings) == []


def test_the_same_event_is_told_once_and_only_to_those_who_asked(hook, receiver, settings):
    other, _ = webhooks.add_webhook(ALICE, url=receiver.url, events=["recipient.bounced"])
    bobs, _ = webhooks.add_webhook(BOB, url=receiver.url, events=webhooks.EVENTS)
    off, _ = webhooks.add_webhook(ALICE, url=receiver.url, events=webhooks.EVENTS)
    webhooks.set_active(ALICE, off.id, False)
    for what in ("7", "7", "8"):
        outbox.emit(ALICE, "campaign.finished", what, {})
    assert [len(told(each)) for each in (hook[0], other, bobs, off)] == [2, 0, 0, 0]


def test_nothing_is_lost_while_the_address_is_away(hook, receiver, settings, monkeypatch):
    webhook, _ = hook
    outbox.emit(ALICE, "campaign.finished", "7", {})
    receiver.status, receiver.text = 503, "later\x00\n<b>"
    now = [db.now(crm_db)]
    monkeypatch.setattr(db, "now", lambda _: now[0])
    for number in range(len(outbox.WAITS)):
        assert tell_all(settings) == [False]
        (row,) = told(webhook)
        assert (row.state, row.attempts, row.status, row.answer) == ("pending", number + 1, 503, "later  <b>")
        assert row.due_at >= now[0] + outbox.WAITS[number] and tell_all(settings) == []
        now[0] = row.due_at
    assert tell_all(settings) == [False] and told(webhook)[0].state == "given-up"
    ids = {headers["webhook-id"] for _, headers, _ in receiver.heard}
    assert len(receiver.heard) == len(outbox.WAITS) + 1 and len(ids) == 1
    assert now[0] - row.created_at > 2 * 86_400_000
    outbox.again(ALICE, webhook.id, row.id)
    receiver.status = 204
    assert tell_all(settings) == [True]
    assert webhooks.get_webhook(ALICE, webhook.id).failing_since == 0


def test_an_address_that_takes_nothing_rests_and_is_switched_off_in_the_end(hook, receiver, settings, monkeypatch):
    webhook, _ = hook
    now = [db.now(crm_db)]
    monkeypatch.setattr(db, "now", lambda _: now[0])
    receiver.status = 500
    for number in range(60):
        outbox.emit(ALICE, "recipient.bounced", str(number), {})
    attempts = 0
    while webhooks.get_webhook(ALICE, webhook.id).is_active:
        waiting = outbox.due(1)
        attempts += len(waiting)
        for (first,) in waiting.values():
            delivery.attempt(first, settings)
        now[0] += 3_600_000
        assert attempts < 200
    assert now[0] - told(webhook)[0].created_at > outbox.FAILING
    row = webhooks.get_webhook(ALICE, webhook.id)
    assert row.note == outbox.DISABLED
    now[0] += outbox.MOST_REST
    tell_all(settings)
    with db.session(crm_db):
        assert WebhookDelivery.select().where(WebhookDelivery.state == "given-up").exists()
    assert len(receiver.heard) == attempts
    outbox.emit(ALICE, "campaign.finished", "9", {})
    assert told(webhook)[0].event == "recipient.bounced"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404])
def test_redirects_and_refusals_are_no_delivery(hook, receiver, settings, status):
    receiver.status = status
    outbox.emit(ALICE, "campaign.finished", "7", {})
    assert tell_all(settings) == [False]
    assert (told(hook[0])[0].status, len(receiver.heard)) == (status, 1)


def test_an_address_that_is_gone_is_switched_off_at_once(hook, receiver, settings):
    receiver.status = 410
    outbox.emit(ALICE, "campaign.finished", "7", {})
    tell_all(settings)
    row = webhooks.get_webhook(ALICE, hook[0].id)
    assert (row.is_active, row.note) == (False, outbox.GONE)


def test_a_new_secret_signs_beside_the_old_one_for_a_day(hook, receiver, settings, monkeypatch):
    webhook, old = hook
    new = webhooks.rotate_secret(ALICE, webhook.id)
    outbox.emit(ALICE, "campaign.finished", "7", {})
    tell_all(settings)
    _, headers, body = receiver.heard[-1]
    assert signed_by(old, headers, body) and signed_by(new, headers, body) and old != new
    monkeypatch.setattr(time, "time", lambda: db.now(crm_db) / 1000 + 90_000)
    outbox.emit(ALICE, "campaign.finished", "8", {})
    tell_all(settings)
    _, headers, body = receiver.heard[-1]
    assert signed_by(new, headers, body) and not signed_by(old, headers, body)


def test_secrets_are_encrypted_and_shown_once(databases, alice, receiver):
    page = alice.post("/settings/webhooks", {"url": receiver.url, "events": list(webhooks.EVENTS)})
    secret = page.text.split('<code class="secret">')[1].split("<")[0]
    (row,) = webhooks.list_webhooks(alice.user_id)
    assert page.status_code == 200 and vault.is_encrypted(row.secret) and vault.decrypt(row.secret) == secret
    assert secret not in alice.get(f"/settings/webhooks/{row.id}").text
    shown = alice.post(f"/settings/webhooks/{row.id}/rotate").text
    assert secret not in shown and "whsec_" in shown


def test_the_page_tries_it_and_shows_what_came_of_it(alice, receiver):
    webhook, _ = webhooks.add_webhook(alice.user_id, url=receiver.url, events=["campaign.finished"])
    receiver.text = "<script>alert(1)</script>"
    here = f"/settings/webhooks/{webhook.id}"
    assert alice.post(f"{here}/test").status_code == 303 and len(receiver.heard) == 1
    page = alice.get(here).text
    assert "It arrived." in page and "<script>alert" not in page and "&lt;script&gt;alert" in page
    receiver.status = 500
    alice.post(f"{here}/test")
    assert "did not arrive" in alice.get(here).text
    assert webhooks.get_webhook(alice.user_id, webhook.id).failing_since == 0, "a test says nothing about events"
    alice.post(f"{here}/switch", {"active": "0"})
    (first, *_) = told(webhook)
    assert (
        "Switch it on first"
        in alice.post(f"{here}/deliveries/{first.id}/again", htmx=True).headers.get("HX-Redirect", "")
        + alice.get(here).text
    )
    alice.post(here, {"url": "https://example.com/other", "events": "recipient.bounced"})
    assert "example.com/other" in alice.get("/settings/webhooks").text
    alice.post(f"{here}/delete")
    assert alice.get(here).status_code == 404
    with db.session(crm_db):
        assert not WebhookDelivery.select().exists()


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com", "https://", "https://exa mple.com", "https://example.com:99999"),
        *("https://me:secret@example.com/", "https://example.com/#x", "https://[::1", "javascript:alert(1)"),
        *("https://example.com/a b", "https://example.com/\r\nX: y", "https://example.com/ü", "https://x/" + "x" * 500),
    ],
)
def test_addresses_that_are_none_are_refused(databases, url):
    with pytest.raises(Invalid) as refused:
        webhooks.add_webhook(ALICE, url=url, events=["campaign.finished"])
    assert "url" in refused.value.errors


def test_nothing_inside_is_told_anything(hook, receiver, settings):
    targets.use(config.load({"BLASTER_SECRET_KEY": "-", "BLASTER_VAULT_KEYS": "-", "BLASTER_WEBHOOK_PORTS": "1-65535"}))
    for url in ("http://127.0.0.1:9999/", "https://[::1]/", "http://169.254.169.254/latest/meta-data"):
        with pytest.raises(Invalid, match="private network"):
            webhooks.add_webhook(ALICE, url=url, events=["campaign.finished"])
    outbox.emit(ALICE, "campaign.finished", "7", {})
    assert tell_all(settings) == [False]
    (row,) = told(hook[0])
    assert (row.status, "BLASTER_PRIVATE_TARGETS" in row.answer, receiver.heard) == (0, True, [])


def test_plain_http_needs_the_administrator(databases):
    targets.use(config.load({"BLASTER_SECRET_KEY": "-", "BLASTER_VAULT_KEYS": "-"}))
    with pytest.raises(Invalid, match="BLASTER_WEBHOOK_PORTS"):
        webhooks.add_webhook(ALICE, url="http://example.com/", events=["campaign.finished"])


def test_certificates_are_checked_against_the_name(databases, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Receiver(context) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        assert wire.post(server.url, {}, b"{}", str(certificate)) == (200, "thanks")
        with pytest.raises(wire.Failed, match="certificate was not accepted"):
            wire.post(server.url, {}, b"{}")
        with pytest.raises(wire.Failed, match="certificate was not accepted"):
            wire.post(server.url.replace("127.0.0.1", "127.1"), {}, b"{}", str(certificate))
        server.shutdown()


def test_a_process_tells_under_its_lease(hook, receiver, settings):
    outbox.emit(ALICE, "campaign.finished", "7", {})
    first, second = Holds("one", 30_000), Holds("two", 30_000)
    sender, other = WebhookSender(settings, first), WebhookSender(settings, second)
    sender.work()
    other.work()
    deadline = time.monotonic() + 60
    while told(hook[0])[0].state != "delivered" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert told(hook[0])[0].state == "delivered" and len(receiver.heard) == 1
    assert "webhooks" in first and "webhooks" not in second
    sender._threads.shutdown()


def test_what_piles_up_for_a_slow_address_delays_no_other(hook, receiver, settings, monkeypatch):
    monkeypatch.setattr(webhook_sender, "IN_A_ROW", 1)
    slow, ended = hook[0], threading.Event()
    with Receiver() as quick:
        threading.Thread(target=quick.serve_forever, args=(0.02,), daemon=True).start()
        other, _ = webhooks.add_webhook(BOB, url=quick.url, events=webhooks.EVENTS)
        for number in range(30):  # more than one look finds
            outbox.emit(ALICE, "recipient.bounced", str(number), {})
        outbox.emit(BOB, "campaign.finished", "7", {})
        attempt = delivery.attempt
        stuck = {each.id for each in told(slow)}
        monkeypatch.setattr(delivery, "attempt", lambda row, how: ended.wait(60) if row in stuck else attempt(row, how))
        sender, deadline = WebhookSender(settings, Holds("one", 30_000)), time.monotonic() + 60
        while told(other)[0].state != "delivered" and time.monotonic() < deadline:
            sender._look_at = 0.0
            sender.work()
            time.sleep(0.02)
        ended.set()
        sender._threads.shutdown()
        quick.shutdown()
    assert told(other)[0].state == "delivered" and receiver.heard == []


def test_a_mistake_while_telling_is_not_kept_secret(hook, settings, monkeypatch):
    def fails(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(delivery, "attempt", fails)
    outbox.emit(ALICE, "campaign.finished", "7", {})
    sender = WebhookSender(settings, Holds("one", 30_000))
    sender.work()
    sender._threads.shutdown()
    sender._look_at = 0.0
    with pytest.raises(ZeroDivisionError):
        sender.work()


def test_two_processes_do_not_tell_the_same(hook, receiver, settings):
    outbox.emit(ALICE, "campaign.finished", "7", {})
    ((row_id,),) = outbox.due(20).values()
    assert outbox.begin(row_id) is not None and outbox.begin(row_id) is None


def test_strangers_find_no_webhooks(hook):
    webhook, _ = hook
    outbox.emit(ALICE, "campaign.finished", "7", {})
    (row,) = told(webhook)
    for attempt in (
        lambda: webhooks.get_webhook(BOB, webhook.id),
        lambda: webhooks.edit_webhook(BOB, webhook.id, url="https://example.com/", events=["campaign.finished"]),
        lambda: webhooks.set_active(BOB, webhook.id, False),
        lambda: webhooks.rotate_secret(BOB, webhook.id),
        lambda: webhooks.delete_webhook(BOB, webhook.id),
        lambda: webhooks.list_deliveries(BOB, webhook.id),
        lambda: outbox.emit_test(BOB, webhook.id),
        lambda: outbox.again(BOB, webhook.id, row.id),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_no_more_webhooks_than_are_looked_after(databases):
    for number in range(webhooks.MOST):
        webhooks.add_webhook(ALICE, url=f"https://example.com/{number}", events=["campaign.finished"])
    with pytest.raises(Conflict):
        webhooks.add_webhook(ALICE, url="https://example.com/", events=["campaign.finished"])


def data(webhook: Webhook) -> list[tuple[str, dict]]:
    """What is told, the first event first."""
    return [(each.event, json.loads(each.body)["data"]) for each in reversed(told(webhook))]


def test_what_comes_back_is_told_once(hook):
    hard, angry = sent(n=2)
    for _ in range(2):
        record(about(hard))
        record(about(angry, "arf_redacted"))
    (_, bounce), (_, complaint) = found = data(hook[0])
    assert [event for event, _ in found] == ["recipient.bounced", "recipient.complained"]
    assert (bounce["email"], bounce["class"], bounce["suppressed"]) == (hard.email, "hard", True)
    assert (complaint["mail_id"], complaint["campaign_id"]) == (angry.id, 7)


def test_who_unsubscribes_is_told_once_for_each_time(hook):
    (mail,) = sent()
    ticket = Ticket(ALICE, 7, mail.id)
    subscriptions.end(ticket)
    subscriptions.end(ticket)
    assert data(hook[0]) == [
        ("recipient.unsubscribed", {"campaign_id": 7, "mail_id": mail.id, "email": mail.email, "list_id": None})
    ]
    subscriptions.resume(ticket)
    subscriptions.end(ticket, subscriptions.THIS_LIST)
    assert [each["list_id"] for _, each in data(hook[0])] == [None, 1]


def test_a_campaign_tells_when_it_has_finished(hook):
    running_campaign(ALICE, 7, 3)
    with db.session(crm_db):
        CampaignTally.update(pending=0, sent=2, failed=1).where(CampaignTally.campaign_id == 7).execute()
    assert progress.finish() == 1 and progress.finish() == 0
    ((event, counts),) = data(hook[0])
    assert (event, counts["campaign_id"], counts["sent"], counts["failed"]) == ("campaign.finished", 7, 2, 1)


def test_addresses_refused_while_sending_are_told_as_bounces(hook):
    (mail,) = sent()
    with db.session(crm_db):
        campaign = CampaignControl.get_by_id(7)
    for _ in range(2):
        guarding._act_on(campaign, mail.id, mail.email, mail.email_key, "hard", "5.1.1 nobody here")
    ((event, said),) = data(hook[0])
    assert (event, said["email"], said["diagnostic"]) == ("recipient.bounced", mail.email, "5.1.1 nobody here")


def test_who_is_erased_is_told_of_no_more(hook):
    (mail,) = sent()
    record(about(mail))
    erased.forget(ALICE, mail.email_key)
    assert told(hook[0]) == []
    with db.session(crm_db):
        assert Mail.select().exists()

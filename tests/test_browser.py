"""What people see, in a real Chromium: the whole path with scripts and without, on a phone, light and dark."""

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from blaster import boot, campaigns, config, db, recipients, schema, servers, users
from blaster.config import PROJECT
from blaster.demo.faults import Rule
from tests.conftest import REQUIRE_ALL, environment
from tests.ports import free_port
from tests.queue_data import statuses
from tests.sinks import SinkThread
from tests.web import PASSWORD
from tests.work import Process, wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HINT = "Chromium is missing: apt-get install chromium"
if not CHROMIUM and not REQUIRE_ALL:
    pytest.skip(HINT, allow_module_level=True)
PHONE = {"width": 390, "height": 844}
ROWS = "email,first_name\n" + "".join(f"reader{n}@example.net,Reader {n}\n" for n in range(300))
HTML = "<h1>Hello {{ first_name }}</h1><p>Spring is here.</p>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.fail(HINT)
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, and CI runs as root.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Site:
    """The real thing: web and worker as processes, a sink."""

    url: str
    sink: SinkThread


def answers(url: str) -> bool:
    """Whether the web server is up."""
    try:
        return urllib.request.urlopen(url + "/healthz", timeout=5).status == 200
    except urllib.error.URLError:
        return False


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    port, folder = free_port(), tmp_path_factory.mktemp("site")
    env = {**environment(folder), "BLASTER_PORT": str(port), "BLASTER_UPLOAD_LIMIT": "1000000"}
    boot.boot(config.load(env))
    schema.migrate()
    with SinkThread(folder / "sink") as sink, open(folder / "web.log", "w") as log:
        web = subprocess.Popen([sys.executable, "app.py"], cwd=PROJECT, env={**os.environ, **env}, stderr=log)
        worker = Process(env)
        site = Site(f"http://127.0.0.1:{port}", sink)
        try:
            wait_until(lambda: answers(site.url), 30, "answering")
            yield site
        finally:
            worker.stop()
            web.terminate()
            assert web.wait(15) == 0
            db.campaign_db.close()
            db.crm_db.close()


@pytest.fixture
def visit(chromium, site) -> Iterator:
    """Opens a page for a new user of this name who is signed in; options are those of a browser context."""
    contexts, troubles = [], []

    def open_page(name: str, **options) -> Page:
        context = chromium.new_context(base_url=site.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        user = users.create(f"{name}@example.com", name.title(), PASSWORD)
        users.edit_sender(user.id, organisation="Riverside Studio", postal_address="12 Long Street\n1000 Example")
        sign_in(page, f"{name}@example.com")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in troubles if not re.search("status of (404|413|422)", text)] == []


def sign_in(page: Page, email: str) -> None:
    page.goto("/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def furnish(name: str, site: Site, *, hourly=10_000) -> tuple[int, int]:
    """A server with an account and a list, without the pages: (user id, list id)."""
    user_id = users.by_email(f"{name}@example.com").id
    server = servers.add_server(user_id, name="Relay", host=site.sink.host, port=site.sink.port, encryption="none")
    limits = {"hourly_limit": hourly, "daily_limit": 10_000}
    servers.add_account(user_id, server.id, email=f"{name}@relay.example", password="secret", **limits)
    made = recipients.create_list(user_id, "Readers")
    recipients.import_csv(user_id, made.id, ROWS)
    return user_id, made.id


def sentence(page: Page, text: str):
    return expect(page.get_by_text(text).first)


def add_server_and_account(page: Page, site: Site, address: str) -> None:
    page.goto("/servers/new")
    page.get_by_label("Host", exact=True).fill(site.sink.host)
    page.get_by_label("Port", exact=True).fill(str(site.sink.port))
    page.get_by_label("Encryption").select_option("none")
    page.get_by_label("Connections at once").fill("2")
    page.get_by_role("button", name="Add server").click()
    sentence(page, "Server added.").to_be_visible()
    page.get_by_role("link", name="Add an account").click()
    page.get_by_label("From address").fill(address)
    page.get_by_label("Password").fill("secret")
    page.get_by_label("Hourly limit").fill("5000")
    page.get_by_label("Daily limit").fill("5000")
    page.get_by_role("button", name="Add account").click()
    sentence(page, "Account added.").to_be_visible()
    page.get_by_role("button", name="Test", exact=True).click()
    sentence(page, f"and signed in as {address}.").to_be_visible()


def import_readers(page: Page) -> None:
    page.goto("/lists/new")
    page.get_by_label("Name").fill("Readers")
    page.get_by_role("button", name="Create list").click()
    page.get_by_label("File").set_input_files({"name": "readers.csv", "mimeType": "text/csv", "buffer": ROWS.encode()})
    page.get_by_role("button", name="Upload").click()
    sentence(page, "All 300 rows can be imported.").to_be_visible()
    page.get_by_label("They signed up with a form").check()
    page.get_by_label("When was that?").fill("2026-01-31")
    page.get_by_role("button", name="Import into Readers").click()
    expect(page.locator(".stats")).to_contain_text("300")
    page.get_by_role("link", name="Show the list").click()


def write_campaign(page: Page) -> None:
    page.get_by_role("link", name="New campaign").click()
    page.get_by_label("Name", exact=True).fill("Spring")
    page.get_by_label("Subject").fill("Hello {{ first_name }}")
    if (html := page.get_by_role("button", name="HTML")).is_visible():
        html.click()
    page.get_by_label("HTML", exact=True).fill(HTML)
    if (show := page.get_by_role("button", name="Show")).is_visible():
        show.click()  # without scripts; else the frame follows by itself
    sentence(page.frame_locator("iframe:not(.is-loading)"), "Hello Reader 0").to_be_visible()
    page.get_by_role("button", name="Save and review").click()


def sent(page: Page) -> int:
    """What the progress page says."""
    return int(page.locator(".counts .is-sent dd").inner_text())


def pause(page: Page, campaign_id: int) -> None:
    """Until nothing is on its way any more."""
    page.get_by_role("button", name="Pause").click()
    sentence(page, "Nothing is sent until you resume.").to_be_visible()
    wait_until(lambda: not {"claimed", "sending"} & set(statuses(campaign_id)), 60, "at rest")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_whole_path(visit, site, scripts):
    """From sign-in to the ledger; the progress refreshes itself, or by reload where scripts are off."""
    address = f"{scripts}@relay.example".lower()
    page = visit(f"ann-{scripts}", java_script_enabled=scripts)

    def arrived() -> list[str]:
        return [record.recipient for record in site.sink.records() if record.login == address]

    def watch(condition, what: str) -> None:
        wait_until(lambda: (scripts or page.reload()) and condition(), 60, what)

    add_server_and_account(page, site, address)
    import_readers(page)
    write_campaign(page)
    expect(page.get_by_role("heading", name="Ready to start")).to_be_visible()
    sentence(page, "Started now, it will finish about").to_be_visible()
    sentence(page.frame_locator("iframe"), "Hello Reader 0").to_be_visible()

    # Slow enough that the second half is still to come when it is paused, whatever else this machine does.
    site.sink.play(Rule("dot", "delay", seconds=0.5, login=address))
    page.get_by_role("button", name="Start sending").click()
    campaign_id = int(page.url.rpartition("/")[2])
    watch(lambda: sent(page) > 0, "moving")
    pause(page, campaign_id)
    held = arrived()
    watch(lambda: sent(page) == len(held), "at rest on the page")
    page.wait_for_timeout(1_000)
    page.reload()
    assert (len(arrived()), sent(page)) == (len(held), len(held))
    assert 0 < len(held) < 300

    site.sink.play()
    page.get_by_role("button", name="Resume").click()
    watch(page.get_by_text("300 of 300 mails sent").is_visible, "finished")
    expect(page.locator("[hx-trigger]")).to_have_count(0)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    assert len(arrived()) == len(set(arrived())) == 300

    page.get_by_role("link", name="Recipients", exact=True).click()
    expect(page.get_by_role("navigation", name="State")).to_have_text(re.compile(r"All 300\s+Sent 300\s*$"))
    page.get_by_label("Search addresses").fill("reader217@")
    page.get_by_role("button", name="Search").click()
    (row,) = page.locator("table.ledger tbody tr").all()
    expect(row).to_contain_text("reader217@example.net")
    expect(row).to_contain_text(address)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_campaign_is_paused_and_cancelled(visit, site, scripts):
    page = visit(f"pat-{scripts}", java_script_enabled=scripts)
    user_id, list_id = furnish(f"pat-{scripts}", site, hourly=40)
    fields = {"name": "Slow", "subject": "Hi", "html": HTML, "list_id": list_id}
    draft = campaigns.create_campaign(user_id, **fields)
    page.goto(f"/campaigns/{draft.campaign_id}")
    page.get_by_role("button", name="Start sending").click()
    waiting = page.get_by_text("The hourly limit is used up (1 account)")
    if scripts:
        expect(waiting).to_be_visible(timeout=30_000)
    else:
        wait_until(lambda: page.reload() and waiting.is_visible(), 30, "waiting")
    page.get_by_role("button", name="Pause").click()
    sentence(page, "Nothing is sent until you resume.").to_be_visible()
    page.get_by_role("button", name="Resume").click()
    page.locator("summary", has_text="Cancel campaign").click()
    sentence(page, "This cannot be undone").to_be_visible()
    page.get_by_role("button", name="Cancel campaign").click()
    cancelled = page.get_by_text("40 mails had been sent, 260 never will be.")
    if scripts:
        expect(cancelled).to_be_visible(timeout=30_000)
    else:
        wait_until(lambda: page.reload() and cancelled.is_visible(), 30, "cancelled")


def test_the_merge_tags_follow_the_list(visit, site):
    page = visit("mia")
    furnish("mia", site)
    page.goto("/campaigns/new")
    expect(page.locator("#merge-tags")).not_to_contain_text("{{ city }}")
    page.get_by_label("Recipients").select_option(label="Readers (300)")
    expect(page.locator("#merge-tags > .tags")).to_contain_text("{{ first_name }}")


def test_what_was_typed_survives_an_error(visit):
    page = visit("tim")
    page.goto("/campaigns/new")
    page.get_by_label("Subject").fill("A subject")
    page.get_by_role("button", name="HTML").click()
    page.get_by_label("HTML", exact=True).fill(HTML)
    page.get_by_label("Sender address").fill("no address")
    page.get_by_role("button", name="Save draft").click()
    sentence(page, "Nothing is saved yet.").to_be_visible()
    expect(page.get_by_label("HTML", exact=True)).to_have_value(HTML)
    expect(page.get_by_label("Sender address")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Sender address").fill("")
    page.get_by_label("Name", exact=True).fill("Now with a name")
    page.get_by_role("button", name="Save draft").click()
    sentence(page, "Draft saved.").to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_file_that_is_too_large_is_refused_beside_its_field(visit, site, tmp_path, scripts):
    page = visit(f"lea-{scripts}", java_script_enabled=scripts)
    _, list_id = furnish(f"lea-{scripts}", site)
    large = tmp_path / "large.csv"
    large.write_text("email\n" + "someone@example.com\n" * 100_000)
    page.goto(f"/lists/{list_id}/import")
    page.get_by_label("Rows").fill("typed@example.com")
    page.get_by_label("File").set_input_files(large)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#file-error")).to_contain_text("This is larger than 977 kB.")
    if scripts:
        expect(page.get_by_label("Rows")).to_have_value("typed@example.com")


def test_the_search_narrows_the_list_while_typing(visit, site):
    page = visit("sue")
    _, list_id = furnish("sue", site)
    page.goto(f"/lists/{list_id}")
    page.get_by_label("Search addresses").press_sequentially("reader29")
    expect(page.locator("#recipients tbody tr")).to_have_count(11)
    expect(page).to_have_url(f"{site.url}/lists/{list_id}?q=reader29")

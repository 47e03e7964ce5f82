"""Every page in a real Chromium: what axe says of it in light and dark, and whether it fits desktop and phone."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from blaster.config import PROJECT
from tests.pages import addresses
from tests.ports import free_port
from tests.test_browser import PHONE, answers, chromium, sign_in  # noqa: F401
from tests.work import wait_until

DESKTOP = {"width": 1280, "height": 850}
# WCAG 2.2 A and AA, and what axe holds good practice. Frames hold mails, which are their authors'.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# `preload` would fetch the style sheets again, for rules that are not among these.
ALL = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"], "iframes": False, "preload": False}
# Nothing but colours differs between the two schemes.
COLOURS = {**ALL, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
RUN = """options => axe.run(options).then(found => found.violations.flatMap(({id, help, nodes}) => nodes.map(
    ({target, html, any}) => `${id}: ${help}: ${target} ${html.slice(0, 200)} ${any.map(one => one.message)}`)))"""


# The page's, and the cards that hide a part of their table.
WIDTHS = """() => [document.documentElement.scrollWidth, [...document.querySelectorAll('.card.flush')].filter(
    card => getComputedStyle(card).overflowX == 'hidden' && card.scrollWidth > card.clientWidth + 1
    ).map(card => card.innerText.slice(0, 60)).join('; ')]"""


@pytest.fixture(scope="module")
def url(house) -> Iterator[str]:
    """Where the house is served."""
    port = free_port()
    env = {**os.environ, **house.env, "BLASTER_PORT": str(port)}
    with open(f"{house.env['BLASTER_DATA_DIR']}/web.log", "w") as log:
        web = subprocess.Popen([sys.executable, "app.py"], cwd=PROJECT, env=env, stderr=log)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}"), 30, "answering")
        yield f"http://127.0.0.1:{port}"
    finally:
        web.terminate()
        web.wait(15)


def looked_at(page: Page) -> Iterator[str]:
    """What is wrong with the page that is open, in both schemes and both sizes."""
    page.evaluate(AXE_SCRIPT)
    for scheme, rules in (("light", ALL), ("dark", COLOURS)):
        page.emulate_media(color_scheme=scheme)
        yield from (f"{scheme}: {words}" for words in page.evaluate(RUN, rules))
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)
        width, cut = page.evaluate(WIDTHS)
        if width > size["width"]:
            yield f"{width} px wide on a screen of {size['width']}"
        if cut:
            yield f"cut off on a screen of {size['width']}: {cut}"


@pytest.mark.parametrize("who", ["admin", "newcomer", "on_trial", "nobody"])
def test_axe_finds_no_fault_and_nothing_scrolls_sideways(chromium, house, url, who):  # noqa: F811
    """The administrator has one of everything, the newcomer nothing, as tests/furnished.py says."""
    email = getattr(house, who, "")
    context = chromium.new_context(base_url=url, viewport=DESKTOP, reduced_motion="reduce")
    page, found = context.new_page(), []
    page.route("**/go-on", lambda route: route.abort())  # this page would do its work and leave
    if email:
        sign_in(page, email)
    for address in addresses(house, email):
        page.goto(address, wait_until="load")
        found += [f"{address} {words}" for words in looked_at(page)]
    context.close()
    assert found == [], "\n".join(found)


BAD = """<img src=x><p style="color: #999; width: 2000px">Pale words</p>
<div class="card flush" style="overflow: hidden; width: 9em"><table><td style="min-width: 20em">Far</table></div>"""


def test_faults_are_seen(chromium):  # noqa: F811
    page = chromium.new_page(viewport=DESKTOP)
    page.set_content(BAD)
    found = "\n".join(looked_at(page))
    page.close()
    for fault in (
        "light: image-alt",
        "light: color-contrast",
        "dark: color-contrast",
        "wide on a screen of 390",
        "cut ",
    ):
        assert fault in found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colours_of_the_system(chromium, url, scheme):  # noqa: F811
    page = chromium.new_page(color_scheme=scheme)
    page.goto(url)
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert (min(ground) > 200, max(ground) < 60) == (scheme == "light", scheme == "dark")
    page.close()


@pytest.fixture
def ada(chromium, house, url) -> Iterator[Page]:  # noqa: F811
    """The administrator's browser."""
    page = chromium.new_page(base_url=url, viewport=DESKTOP)
    sign_in(page, house.admin)
    yield page
    page.close()


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.textContent.trim()")


def test_the_first_key_leads_past_the_menu_and_the_focus_is_seen(ada):
    ada.goto("/campaigns")
    ada.keyboard.press("Tab")
    assert focused(ada) == "Skip to content"
    assert ada.locator(".skip-link").bounding_box()["y"] >= 0
    ada.keyboard.press("Enter")
    for name in ("Compare", "New campaign"):
        ada.keyboard.press("Tab")
        assert focused(ada) == name
        outline = ada.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 2px" in outline, outline


def test_escape_closes_a_question_and_goes_back_to_its_button(ada, house):
    ada.goto(f"/campaigns/{house.ids['paused']}")
    question = ada.get_by_text("This cannot be undone")
    ada.locator("summary", has_text="Cancel campaign").press("Enter")
    expect(question).to_be_visible()
    ada.keyboard.press("Tab")
    assert focused(ada) == "Cancel campaign"
    ada.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert ada.evaluate("document.activeElement.tagName") == "SUMMARY"
    ada.keyboard.press("Enter")
    ada.get_by_role("heading", level=1).click()
    expect(question).to_be_hidden()


def test_a_question_is_whole_on_a_phone(ada, house):
    ada.set_viewport_size(PHONE)
    for address in (f"/settings/webhooks/{house.ids['webhook']}", f"/recipients/{house.ids['recipient']}"):
        ada.goto(address)
        for summary in ada.locator("#main details.confirm > summary").all():
            summary.click()
            box = ada.locator("details.confirm[open] .confirm-box").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], (address, box)
            assert box["y"] >= 0 and box["y"] + box["height"] <= PHONE["height"], (address, box)
            ada.keyboard.press("Escape")


def test_nothing_moves_for_who_wants_no_motion(ada, house):
    moving = "document.getAnimations().filter(each => each.playState == 'running').length"
    ada.goto(f"/campaigns/{house.ids['running']}")
    assert ada.evaluate(moving) > 0
    ada.emulate_media(reduced_motion="reduce")
    assert ada.evaluate(moving) == 0

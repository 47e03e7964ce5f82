"""The editor in a real Chromium: what its frames may do, and what must not get lost."""

import re
from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import expect

from blaster import campaigns, users
from tests.test_browser import chromium, furnish, sentence, site  # noqa: F401
from tests.web import PASSWORD

NUMBERS = count(1)

EVIL = """<h1>Hello {{ first_name }}</h1>
<script>document.body.innerHTML = 'script ran'; parent.document.title = 'script ran'</script>
<img src="x" onerror="document.body.innerHTML = 'handler ran'">
<svg onload="document.body.innerHTML = 'svg ran'"></svg>
<iframe srcdoc="<script>top.document.title = 'frame ran'</script>"></iframe>
<meta http-equiv="refresh" content="0;url=https://evil.example/">
<a id="link" href="javascript:document.body.innerHTML='link ran'">click</a>"""


@pytest.fixture
def writer(chromium, site) -> Iterator:  # noqa: F811
    """A page of the editor with a draft for 300 readers; `said` is what its console said."""
    name = f"writer{next(NUMBERS)}"
    user = users.create(f"{name}@example.com", name.title(), PASSWORD)
    _, list_id = furnish(name, site)
    fields = {"name": "Spring", "subject": "Hi {{ first_name }}", "html": "<h1>Hello {{ first_name }}</h1>"}
    draft = campaigns.create_campaign(user.id, list_id=list_id, **fields)
    context = chromium.new_context(base_url=site.url)
    page = context.new_page()
    page.said, page.user, page.campaign_id = [], user, draft.campaign_id
    page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(f"/login?next=/campaigns/{draft.campaign_id}/edit")
    sign_in(page)
    yield page
    context.close()


def sign_in(page) -> None:
    page.get_by_label("E-mail address").fill(page.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def frame(page):
    return page.frame_locator(".stage iframe:not(.is-loading)")


def stored(page):
    return campaigns.get_campaign(page.user.id, page.campaign_id)


def test_scripts_of_a_message_do_not_run(writer):
    with writer.expect_response("**/autosave"):
        writer.get_by_label("HTML", exact=True).fill(EVIL)
    sentence(frame(writer), "Hello Reader 0").to_be_visible()
    frame(writer).locator("#link").press("Enter")
    writer.goto(f"/campaigns/{writer.campaign_id}/review")
    sentence(writer.frame_locator("iframe"), "Hello Reader 0").to_be_visible()
    writer.wait_for_timeout(300)
    assert [entry for entry in writer.frames if "evil.example" in entry.url] == []
    expect(writer.frame_locator("iframe").locator("body")).not_to_contain_text("ran")
    assert "ran" not in writer.title()
    assert any("Blocked script execution" in text for text in writer.said)
    assert any("JavaScript URL violates" in text for text in writer.said)
    assert not any("inline style violates" in text for text in writer.said)


def test_the_preview_follows_the_typing_the_recipient_and_the_view(writer):
    steps = writer.evaluate("history.length")
    writer.get_by_label("HTML", exact=True).fill("<h1>Bye {{ first_name }}</h1>")
    sentence(frame(writer), "Bye Reader 0").to_be_visible()
    writer.get_by_role("button", name="Next recipient").click()
    sentence(frame(writer), "Bye Reader 1").to_be_visible()
    expect(writer.locator(".inbox-line strong")).to_have_text("Hi Reader 1")
    writer.get_by_label("Preview as a recipient").fill("reader29@")
    sentence(frame(writer), "Bye Reader 29").to_be_visible()
    writer.get_by_text("Phone", exact=True).click()
    expect(frame(writer).locator("h1")).to_be_visible()
    expect(frame(writer).locator("html")).to_have_css("width", "375px")
    writer.get_by_text("Text", exact=True).click()
    sentence(frame(writer), "Bye Reader 29").to_be_visible()
    expect(frame(writer).locator("h1")).to_have_count(0)
    assert writer.evaluate("history.length") == steps, "the back button would go through the previews"
    assert writer.said == []


def test_turning_html_into_a_letter_and_back_loses_nothing_silently(writer):
    html = '<table style="color:red"><tr><td><p>Dear {{ first_name | default: "friend" }},</p></td></tr></table>'
    area = writer.get_by_label("HTML", exact=True)
    area.fill(html)
    writer.get_by_role("button", name="Write").click()
    sentence(writer, "It would lose: 1 table, colours, sizes and spacing.").to_be_visible()
    writer.get_by_role("button", name="Keep the HTML").click()
    expect(area).to_have_value(html)
    writer.get_by_role("button", name="Write").click()
    writer.get_by_role("button", name="Turn it into a letter").click()
    letter = writer.locator("trix-editor")
    expect(letter).to_have_text('Dear {{ first_name | default: "friend" }},')
    writer.get_by_role("button", name="Back to the HTML").click()
    expect(area).to_have_value(html)
    writer.get_by_role("button", name="Write").click()
    writer.get_by_role("button", name="Turn it into a letter").click()
    letter.press("End")
    letter.press_sequentially(" hello ")
    writer.locator("#merge-tags").get_by_role("button", name="{{ email }}").click()
    expect(letter).to_contain_text("hello {{ email }}")
    # By the keyboard alone: bold, then on through the toolbar.
    letter.press("Control+a")
    bold = writer.get_by_role("button", name="Bold")
    bold.focus()
    with writer.expect_response("**/autosave"):
        bold.press("Enter")
    expect(bold).to_have_attribute("aria-pressed", "true")
    bold.press("ArrowRight")
    expect(writer.get_by_role("button", name="Italic")).to_be_focused()
    writer.get_by_role("button", name="HTML", exact=True).click()
    bold_all = '<strong>Dear {{ first_name | default: "friend" }}, hello {{ email }}'
    expect(area).to_have_value(re.compile(re.escape(bold_all)))
    writer.get_by_role("button", name="Write").click()
    expect(letter).to_contain_text("hello {{ email }}")
    writer.get_by_role("button", name="Save draft").click()
    sentence(writer, "Draft saved.").to_be_visible()
    expect(writer.locator("trix-editor")).to_contain_text("hello {{ email }}")
    assert "<strong>" in stored(writer).rich
    assert writer.said == []


def test_what_was_typed_outlives_the_session(writer):
    writer.wait_for_load_state("networkidle")  # before its scripts run, the page does not save
    with writer.expect_response("**/autosave"):
        writer.get_by_label("Subject").fill("Typed before")
    writer.wait_for_load_state("networkidle")  # an answer under way would bring the cookie back
    writer.context.clear_cookies()
    writer.get_by_label("Subject").fill("Typed in vain?")
    sign_in(writer)  # the next save has led to that page
    sentence(writer, "You had typed more than was saved.").to_be_visible()
    writer.get_by_role("button", name="Put it back").click()
    expect(writer.get_by_label("Subject")).to_have_value("Typed in vain?")

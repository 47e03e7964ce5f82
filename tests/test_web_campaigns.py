import html
import re

import pytest

from blaster import campaigns, recipients, servers

CSV = "email,First name,city\nada@example.com,Ada,London\ngrace@example.com,Grace,New York\n"
FORM = {
    "name": "Spring",
    "subject": "Hello {{ first_name }}",
    "sender_name": "Garden & Co",
    "sender_email": "",
    "reply_to": "",
    "html": "<p>Dear {{ first_name }}, spring is in {{ city }}.</p>",
    "text": "",
}


def list_of(person, name="Customers"):
    made = recipients.create_list(person.user_id, name)
    recipients.import_csv(person.user_id, made.id, CSV)
    return made.id


def draft_of(person, **changes):
    fields = {**FORM, "list_id": list_of(person), **changes}
    return campaigns.create_campaign(person.user_id, **fields).campaign_id


def add_account(person, **limits):
    server = servers.add_server(person.user_id, name="Relay", host="smtp.example.com", port=587, encryption="starttls")
    limits = {"hourly_limit": 50, "daily_limit": 500, **limits}
    return servers.add_account(person.user_id, server.id, email="a@example.com", password="x", **limits)


def test_without_campaigns_the_page_leads_on(alice):
    page = alice.get("/campaigns").text
    assert "No campaigns yet" in page
    assert 'href="/campaigns/new"' in page


def test_a_new_draft_is_saved_and_opened_again(alice):
    list_id = list_of(alice)
    answer = alice.post("/campaigns/new", {**FORM, "list_id": list_id})
    (draft,) = campaigns.list_campaigns(alice.user_id)
    assert (answer.status_code, answer.location) == (303, f"/campaigns/{draft.campaign_id}/edit")
    saved = campaigns.get_campaign(alice.user_id, draft.campaign_id)
    assert {name: getattr(saved, name) for name in FORM} == FORM
    assert saved.list_id == list_id


def test_saving_can_lead_to_the_review(alice):
    campaign_id = draft_of(alice)
    answer = alice.post(f"/campaigns/{campaign_id}/edit", {**FORM, "then": "review"}, htmx=True)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/campaigns/{campaign_id}/review")


def test_a_draft_needs_only_a_name(alice):
    assert alice.post("/campaigns/new", {"name": "Later", "list_id": 0}).status_code == 303


@pytest.mark.parametrize("htmx", [False, True])
def test_what_was_typed_is_never_lost(alice, htmx):
    form = {**FORM, "name": "", "reply_to": "not an address", "html": "<p>Long & dear</p>", "list_id": list_of(alice)}
    answer = alice.post("/campaigns/new", form, htmx=htmx)
    assert answer.status_code == 422
    assert "Give the campaign a name" in answer.text
    assert 'id="reply_to-error"' in answer.text
    assert 'value="not an address"' in answer.text
    assert "&lt;p&gt;Long &amp; dear&lt;/p&gt;" in answer.text
    assert f'<option selected value="{form["list_id"]}">' in answer.text
    assert answer.text.lstrip().startswith("<form" if htmx else "<!doctype")


def test_a_list_chosen_by_link_is_selected(alice):
    list_id = list_of(alice)
    page = alice.get(f"/campaigns/new?list_id={list_id}").text
    assert f'<option selected value="{list_id}">Customers (2)</option>' in page
    assert "{{ first_name }}" in page


def test_merge_tags_follow_the_chosen_list(alice):
    list_id = list_of(alice)
    fragment = alice.get(f"/campaigns/merge-tags?list_id={list_id}", htmx=True).text
    assert fragment.lstrip().startswith('<section id="merge-tags"')
    assert "{{ city }}" in fragment
    assert "{{ city }}" not in alice.get("/campaigns/merge-tags?list_id=0", htmx=True).text
    assert alice.get(f"/campaigns/merge-tags?list_id={list_id}").location == f"/campaigns/new?list_id={list_id}"


def test_the_preview_is_filled_in_and_closed(alice):
    campaign_id = draft_of(alice)
    answer = alice.get(f"/campaigns/{campaign_id}/preview")
    assert answer.text.startswith("<p>Dear Ada, spring is in London.</p><div")
    assert "Unsubscribe</a>" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox;" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "Dear Ada, spring is in London." in alice.get(f"/campaigns/{campaign_id}/preview?part=text").text


def test_the_review_shows_the_mail_of_any_recipient(alice):
    url = f"/campaigns/{draft_of(alice)}/review"
    page = alice.get(url).text
    seen = []
    for _ in range(3):  # forwards without scripts, by the page's own links; after the last comes the first
        seen.append(re.search(r"<strong>(.*?)</strong>", page[page.index('id="shown"') :])[1])
        frame = html.unescape(re.search(r'<iframe[^>]* src="([^"]*)"', page)[1])
        assert f"Dear {seen[-1].split()[-1]}, spring" in alice.get(frame).text
        page = alice.get(html.unescape(re.search(r'id="step-next"[^>]*? href="([^"#]*)', page)[1])).text
    assert seen == ["Hello Ada", "Hello Grace", "Hello Ada"]
    fragment = alice.get(f"{url}?search=GRACE&part=text", htmx=True).text
    assert fragment.lstrip().startswith('<section id="shown"') and "grace@example.com" in fragment
    frame = html.unescape(re.search(r'<iframe[^>]* src="([^"]*)"', fragment)[1])
    assert "Dear Grace, spring is in New York." in alice.get(frame).text and "part=text" in frame
    assert "Nobody on this list has" in alice.get(f"{url}?search=nobody").text


def test_the_preview_shows_what_is_not_saved_yet(alice):
    form = {**FORM, "list_id": list_of(alice), "html": "", "text": "Dear {{ first_name }} <3", "part": "html"}
    assert "Dear Ada &lt;3" in alice.post("/campaigns/preview", form).text


def test_the_preview_names_a_broken_tag(alice):
    answer = alice.post("/campaigns/preview", {"html": "<p>\n{% if city %}</p>", "part": "html"})
    assert answer.status_code == 200
    assert "cannot be filled in" in answer.text


def test_a_copy_is_a_new_draft(alice):
    campaign_id = draft_of(alice)
    answer = alice.post(f"/campaigns/{campaign_id}/copy")
    copied = campaigns.list_campaigns(alice.user_id)[0]
    assert (answer.status_code, answer.location) == (303, f"/campaigns/{copied.campaign_id}/edit")
    assert copied.campaign_id != campaign_id


def test_a_draft_is_deleted(alice):
    campaign_id = draft_of(alice)
    assert alice.post(f"/campaigns/{campaign_id}/delete").location == "/campaigns"
    assert campaigns.list_campaigns(alice.user_id) == []


def test_the_editor_opens_without_a_list(alice):
    page = alice.get("/campaigns/new")
    assert page.status_code == 200
    assert "No lists yet." in page.text
    assert 'href="/lists/new"' in page.text

"""Writing a message: preview, rich text, two windows, autosave, templates."""

import pytest

from blaster import campaigns, drafts, mail_templates, recipients, review, samples, starters
from blaster.mail import letter
from blaster.mail.preheader import with_preheader

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

CSV = "email,first_name\nada@example.com,Ada\ngrace@example.com,Grace\nines@example.com,Ines\n"
EVIL = "<p>Hi</p><script>parent.alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a>"
RICH = '<div>Dear {{ first_name | default: "friend" }},<br>{% if first_name &gt; "B"&nbsp;%}hello{% endif %}</div>'


@pytest.fixture
def list_id(alice) -> int:
    made = recipients.create_list(alice.user_id, "Readers")
    recipients.import_csv(alice.user_id, made.id, CSV)
    return made.id


@pytest.fixture
def draft(alice, list_id):
    fields = {"name": "Spring", "subject": "Hello {{ first_name }}", "html": "<p>Hello {{ first_name }}</p>"}
    return campaigns.create_campaign(alice.user_id, list_id=list_id, **fields)


def stored(person, draft):
    return campaigns.get_campaign(person.user_id, draft.campaign_id)


def test_no_script_of_a_message_can_run(alice, draft):
    kept = mail_templates.create_template(alice.user_id, name="Evil", html=EVIL)
    campaigns.edit_campaign(alice.user_id, draft.campaign_id, name="Spring", html=EVIL)
    frames = [
        alice.get(f"/campaigns/{draft.campaign_id}/preview"),
        alice.get(f"/templates/{kept.id}/preview"),
        alice.get("/templates/starters/newsletter/preview"),
        alice.post("/campaigns/preview", {"html": EVIL}),
        alice.post("/campaigns/preview", {"text": EVIL, "part": "text"}),
    ]
    for frame in frames:
        policy = frame.headers["Content-Security-Policy"].split("; ")
        assert "sandbox" in policy  # without allow-scripts
        assert "default-src 'none'" in policy
        assert not any(part.startswith("script-src") for part in policy)
    for page in (f"/campaigns/{draft.campaign_id}/edit", f"/templates/{kept.id}/edit", "/templates"):
        text = alice.get(page).text
        assert text.count("<iframe") == text.count(" sandbox ") + text.count(" sandbox>") >= 1
        assert "allow-scripts" not in text
        assert "<script>parent" not in text
    raw = (
        alice.post("/campaigns/letter", {"mode": "rich", "rich": EVIL}),
        alice.post("/campaigns/text", {"html": EVIL}),
    )
    assert {answer.mimetype for answer in raw} == {"text/plain"}


def test_the_preview_steps_through_the_list(alice, list_id):
    def seen(**asked) -> str:
        return alice.post("/campaigns/look", {"list_id": list_id, "subject": "For {{ first_name }}", **asked}).text

    ada, grace, ines = (samples.find(alice.user_id, list_id, search=name).id for name in ("ada", "grace", "ines"))
    assert "For Ada" in seen()
    assert "For Grace" in seen(viewer_id=ada, step="next")
    assert "For Ines" in seen(viewer_id=grace, step="next")
    assert "For Ada" in seen(viewer_id=ines, step="next")
    assert "For Grace" in seen(viewer_id=ines, step="previous")
    assert "For Ines" in seen(search="INES@")
    assert "Nobody on this list has" in seen(search="nobody")
    page = alice.post("/campaigns/preview", {"list_id": list_id, "html": "<b>{{ first_name }}</b>", "search": "grac"})
    assert page.text.startswith("<b>Grace</b>")


def test_a_strangers_recipient_is_not_shown(alice, bob, list_id):
    ada = samples.find(alice.user_id, list_id).id
    asked = {"html": "{{ email }}", "viewer_id": ada}
    assert "ada@" not in bob.post("/campaigns/preview", asked).text
    assert bob.post("/campaigns/look", {**asked, "list_id": list_id}).status_code == 404
    assert samples.find(bob.user_id, list_id) is None


def test_mistakes_are_told_beside_the_editor(alice, list_id):
    fields = {"list_id": list_id, "subject": "{{ frist_name }}", "preheader": "{% if %}"}
    assert "In the preview text" in alice.post("/campaigns/look", fields).text
    assert "Did you mean {{ first_name }}?" in alice.post("/campaigns/look", {**fields, "preheader": ""}).text
    assert "Did you mean" not in alice.post("/campaigns/look", {**fields, "preheader": "", "list_id": 0}).text


def test_what_is_written_as_rich_text_becomes_a_letter(alice, draft):
    form = {"name": "Spring", "mode": "rich", "rich": RICH, "html": "<p>before</p>"}
    assert alice.post(f"/campaigns/{draft.campaign_id}/edit", form).status_code == 303
    kept = stored(alice, draft)
    assert kept.rich == RICH
    assert "before" not in kept.html
    assert '{% if first_name > "B" %}hello{% endif %}' in kept.html
    assert "{{ unsubscribe_url }}" in kept.html
    assert review.look_at(kept, ["first_name"])[0] == []
    assert 'data-begin="rich"' in alice.get(f"/campaigns/{draft.campaign_id}/edit").text
    assert alice.post(f"/campaigns/{draft.campaign_id}/edit", {**form, "mode": "html"}).status_code == 303
    assert (stored(alice, draft).rich, stored(alice, draft).html) == (None, "<p>before</p>")


def test_a_letter_that_is_empty_is_no_message(alice):
    made = campaigns.create_campaign(alice.user_id, name="Later", rich="")
    assert made.html == ""
    assert letter.from_rich(" \n") == ""


@pytest.mark.parametrize("htmx", [False, True])
def test_a_change_in_another_window_is_not_overwritten_unasked(alice, draft, htmx):
    url = f"/campaigns/{draft.campaign_id}/edit"
    first = {"seen": draft.updated_at, "tab": "first window"}
    second = {"seen": draft.updated_at, "tab": "second window"}
    assert alice.post(url, {"name": "By the second", **second}, htmx=htmx).status_code in (204, 303)
    refused = alice.post(url, {"name": "By the first", "html": "<p>typed & kept</p>", **first}, htmx=htmx)
    assert refused.status_code == 422
    assert "changed in another window" in refused.text
    assert "&lt;p&gt;typed &amp; kept&lt;/p&gt;" in refused.text
    assert stored(alice, draft).name == "By the second"
    assert alice.post(url, {"name": "Again by the second", **second}, htmx=htmx).status_code in (204, 303)
    assert alice.post(url, {"name": "By the first", **first, "overwrite": "1"}, htmx=htmx).status_code in (204, 303)
    assert stored(alice, draft).name == "By the first"


def test_it_saves_while_one_writes(alice, draft):
    url = f"/campaigns/{draft.campaign_id}/autosave"
    window = {"seen": draft.updated_at, "tab": "one"}
    line = alice.post(url, {"name": "Spring", "subject": "Half a sen", **window}, htmx=True)
    now = stored(alice, draft)
    assert (line.status_code, now.subject) == (200, "Half a sen")
    assert f'name="seen" value="{now.updated_at}"' in line.text
    assert "Saved at" in line.text
    for form, why in (
        ({"name": ""}, "Give the campaign a name"),
        ({"name": "x", **window, "tab": "two"}, "another window"),
    ):
        assert why in alice.post(url, form, htmx=True).text
    assert stored(alice, draft).updated_at == now.updated_at


def test_a_session_that_ended_leads_back_to_the_page(alice, draft):
    url = f"/campaigns/{draft.campaign_id}/autosave"
    alice.post("/logout")
    here = {"HX-Request": "true", "HX-Current-URL": "http://localhost/campaigns/1/edit"}
    answer = alice.client.post(url, headers=here)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=/campaigns/1/edit")
    here["HX-Current-URL"] = "https://evil.example/campaigns/1/edit"
    assert alice.client.post(url, headers=here).headers["HX-Redirect"] == "/login"


def test_the_preview_text_is_hidden_in_the_html_alone(alice, draft):
    fields = {
        "name": "x",
        "html": "<html><body>Hello</body></html>",
        "preheader": "A <b> & {{ first_name | default: '>' }}",
    }
    campaigns.edit_campaign(alice.user_id, draft.campaign_id, **fields)
    frozen = drafts.frozen(stored(alice, draft))
    assert frozen["html"].startswith('<html><body><div style="display:none')
    assert "A &lt;b&gt; &amp; {{ first_name | default: '>' }}" in frozen["html"]
    assert frozen["text"].strip() == "Hello"
    assert with_preheader("", "x") == ""
    assert with_preheader("<p>", "") == "<p>"


@pytest.mark.parametrize("starter", starters.STARTERS, ids=lambda starter: starter.key)
def test_a_starter_is_complete(alice, starter):
    assert review.look_at(starter, ["first_name", "city"]) == ([], [])
    assert "{{ unsubscribe_url }}" in starter.html
    assert "{{ postal_address }}" in starter.html
    assert "http://" not in starter.html
    assert len(starter.html) < 20_000
    page = alice.get(f"/campaigns/new?starter={starter.key}").text
    assert str(starter.subject.replace("'", "&#39;")) in page
    assert "unsubscribe_url" in page
    assert f"/templates/new?starter={starter.key}" in alice.get("/templates").text


def test_a_template_is_kept_changed_copied_and_deleted(alice):
    assert "None of your own yet" in alice.get("/templates").text
    answer = alice.post("/templates/new", {"name": "Monthly", "subject": "News", "html": "<p>Hi</p>", "text": "Hi"})
    (kept,) = mail_templates.list_templates(alice.user_id)
    assert (answer.status_code, answer.location) == (303, f"/templates/{kept.id}/edit")
    refused = alice.post(answer.location, {"name": "", "html": "<p>typed & kept</p>"})
    assert (refused.status_code, "&lt;p&gt;typed &amp; kept" in refused.text) == (422, True)
    assert "Give the template a name" in refused.text
    assert alice.post(answer.location, {"name": "Weekly", "mode": "rich", "rich": "<div>Ho</div>"}).status_code == 303
    copied = alice.post(f"/templates/{kept.id}/copy").location
    assert 'value="Copy of Weekly"' in alice.get(copied).text
    assert alice.post(f"/templates/{kept.id}/delete").location == "/templates"
    (left,) = mail_templates.list_templates(alice.user_id)
    assert (left.name, mail_templates.get_template(alice.user_id, left.id).rich) == ("Copy of Weekly", "<div>Ho</div>")


def test_a_campaign_begins_with_a_template_and_becomes_one(alice, bob):
    kept = mail_templates.create_template(alice.user_id, name="Monthly", subject="News", rich="<div>Ho</div>")
    page = alice.get(f"/campaigns/new?template_id={kept.id}").text
    assert 'value="News"' in page
    assert "&lt;div&gt;Ho&lt;/div&gt;" in page
    assert bob.get(f"/campaigns/new?template_id={kept.id}").status_code == 404
    assert alice.get("/campaigns/new?starter=nothing").status_code == 404
    form = {"name": "Spring", "subject": "Spring", "html": "<p>Hi</p>", "then": "template"}
    assert alice.post("/campaigns/new", form).status_code == 303
    newest = mail_templates.list_templates(alice.user_id)[0]
    assert (newest.name, newest.subject) == ("Spring", "Spring")


def test_the_made_text_and_the_made_letter_can_be_had(alice):
    assert alice.post("/campaigns/text", {"html": "<h1>Hi {{ x }}</h1>", "text": "own"}).text.strip() == "Hi {{ x }}"
    assert ">Ho</div>" in alice.post("/campaigns/letter", {"mode": "rich", "rich": "<div>Ho</div>"}).text

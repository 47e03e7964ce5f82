from blaster import campaigns, users

WHO = {"organisation": " Museum of Hours ", "postal_address": "  3 Clock Square \r\n\r\n Vienna\r\n"}


def test_who_sends_is_kept_as_the_footer_shows_it(alice, bob):
    assert alice.post("/settings/sender", WHO).status_code == 303
    kept = users.get(alice.user_id)
    assert (kept.organisation, kept.postal_address) == ("Museum of Hours", "3 Clock Square\nVienna")
    assert "Museum of Hours" in alice.get("/settings").text
    assert users.get(bob.user_id).organisation == "Alder Street Bakery"


def test_a_footer_cannot_be_a_template(alice):
    for htmx in (False, True):
        page = alice.post("/settings/sender", {"organisation": "{{ email }}", "postal_address": "x" * 501}, htmx=htmx)
        assert page.status_code == 422
        assert "Merge tags" in page.text and "500 characters" in page.text and "{{ email }}" in page.text
    assert users.get(alice.user_id).organisation == "Alder Street Bakery"


def test_one_form_does_not_touch_the_other(alice):
    alice.post("/settings", {"name": "Alice A.", "time_zone": "Europe/Vienna"})
    alice.post("/settings/sender", WHO)
    kept = users.get(alice.user_id)
    assert (kept.name, kept.time_zone, kept.organisation) == ("Alice A.", "Europe/Vienna", "Museum of Hours")


def test_the_review_leads_to_what_is_missing(app, alice):
    users.edit_sender(alice.user_id, organisation="", postal_address="")
    draft = campaigns.create_campaign(alice.user_id, name="News", subject="News", text="Hello")
    page = alice.get(f"/campaigns/{draft.campaign_id}/review").text
    assert 'href="/settings#sender"' in page and "postal address" in page
    assert alice.post(f"/campaigns/{draft.campaign_id}/start").status_code == 422

"""Files that go along with a campaign."""

import email
import email.policy
import io

import pytest

from blaster import attachments, campaigns, db, recipients
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.attachments import Attachment, CampaignAttachment
from blaster.queue import control
from blaster.workers.messages import Messages

ALICE, BOB = 1, 2
BYTES = bytes(range(256)) * 400  # more than a BLOB of MySQL holds


@pytest.fixture
def draft(databases):
    made = recipients.create_list(ALICE, "Readers")
    recipients.import_csv(ALICE, made.id, "email\nann@example.com\n")
    return campaigns.create_campaign(ALICE, name="News", subject="News", text="Hello", list_id=made.id)


def names(campaign) -> list[str]:
    return [file.filename for file in attachments.list_attachments(ALICE, campaign.campaign_id)]


def test_files_go_along_to_copies_and_to_server_2(draft):
    attachments.add_attachment(ALICE, draft.campaign_id, "Menü.pdf", BYTES)
    attachments.add_attachment(ALICE, draft.campaign_id, r"C:\fakepath\notes.txt", b"x")
    copied = campaigns.copy_campaign(ALICE, draft.campaign_id)
    assert names(draft) == names(copied) == ["Menü.pdf", "notes.txt"]
    assert attachments.files(ALICE, copied.campaign_id)[0] == ("Menü.pdf", "application/pdf", BYTES)
    started = campaigns.start(ALICE, draft.campaign_id)
    for _ in range(2):  # handing over is safe to repeat
        content = campaigns.content(started)
        control.open_campaign(ALICE, draft.campaign_id, draft.list_id, started.stage_until, content)
    with db.session(db.crm_db):
        rows = CampaignAttachment.select().order_by(CampaignAttachment.position)
        there = [(row.campaign_id, row.filename, bytes(row.data)) for row in rows]
    assert there == [(draft.campaign_id, "Menü.pdf", BYTES), (draft.campaign_id, "notes.txt", b"x")]
    messages = Messages(b"key" * 11, "https://mail.example.com")
    messages.load(draft.campaign_id)
    mail = messages.get(draft.campaign_id).render(
        row_id=1, email="a@b.example", fields={}, from_address="x@y.example", now=1
    )
    sent = email.message_from_bytes(mail, policy=email.policy.default)
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in sent.iter_attachments()] == [
        ("Menü.pdf", BYTES),
        ("notes.txt", b"x"),
    ]
    for change in (
        lambda: attachments.add_attachment(ALICE, draft.campaign_id, "late.txt", b"x"),
        lambda: attachments.remove_attachment(ALICE, draft.campaign_id, 1),
    ):
        with pytest.raises(Conflict):
            change()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("", b"x", "Choose a file"),
        ("empty.txt", b"", "is empty"),
        ("setup.EXE", b"x", "refuse .exe files"),
        ("large.pdf", b"x" * (attachments.LIMIT - 9), "5 MB"),
    ],
)
def test_what_cannot_go_along_is_refused_in_words(draft, name, data, why):
    attachments.add_attachment(ALICE, draft.campaign_id, "first.txt", b"x" * 10)
    with pytest.raises(Invalid, match=why):
        attachments.add_attachment(ALICE, draft.campaign_id, name, data)
    assert names(draft) == ["first.txt"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_there_are_ten_at_most(draft):
    for number in range(attachments.MOST):
        attachments.add_attachment(ALICE, draft.campaign_id, f"{number}.txt", b"x")
    with pytest.raises(Invalid, match="10 files"):
        attachments.add_attachment(ALICE, draft.campaign_id, "11.txt", b"x")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("given", "kept", "kind"),
    [
        ("../../etc/passwd", "passwd", "application/octet-stream"),
        ('a"\r\nX: y.pdf', "a X y.pdf", "application/pdf"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf", "application/pdf"),
        ("mail.eml", "mail.eml", "application/octet-stream"),
    ],
)
def test_a_name_is_fit_for_a_header_and_a_folder(draft, given, kept, kind):
    attachments.add_attachment(ALICE, draft.campaign_id, given, b"x")
    assert attachments.files(ALICE, draft.campaign_id) == ((kept, kind, b"x"),)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_they_are_the_owners_and_go_with_the_draft(draft):
    attachments.add_attachment(ALICE, draft.campaign_id, "a.txt", b"x")
    (file,) = attachments.list_attachments(ALICE, draft.campaign_id)
    for strange in (
        lambda: attachments.list_attachments(BOB, draft.campaign_id),
        lambda: attachments.add_attachment(BOB, draft.campaign_id, "b.txt", b"x"),
        lambda: attachments.get_attachment(BOB, draft.campaign_id, file.id),
        lambda: attachments.remove_attachment(BOB, draft.campaign_id, file.id),
    ):
        with pytest.raises(NotFound):
            strange()
    campaigns.delete_campaign(ALICE, draft.campaign_id)
    with db.session(db.campaign_db):
        assert Attachment.select().count() == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_page_takes_files_in_and_gives_them_back(alice):
    draft = campaigns.create_campaign(alice.user_id, name="News")
    url = f"/campaigns/{draft.campaign_id}/attachments"

    def send(name, data, **how):
        return alice.post(url, {"file": (io.BytesIO(data), name)}, content_type="multipart/form-data", **how)

    assert "plan.html" in send("plan.html", b"<script>alert(1)</script>", htmx=True).text
    refused = send("virus.exe", b"x", htmx=True)
    assert (refused.status_code, "refuse .exe files" in refused.text) == (422, True)
    assert send("two.txt", b"x").location == f"/campaigns/{draft.campaign_id}/edit"
    first, second = attachments.list_attachments(alice.user_id, draft.campaign_id)
    given = alice.get(f"{url}/{first.id}")
    assert (given.data, given.mimetype) == (b"<script>alert(1)</script>", "application/octet-stream")
    assert given.headers["Content-Disposition"] == "attachment; filename=plan.html"
    assert "two.txt" not in alice.post(f"{url}/{second.id}/remove", htmx=True).text

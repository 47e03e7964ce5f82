"""Who gets no mail: entries by people, files, servers and recipients; how they end."""

import io

import pytest

from blaster import campaigns, db, recipients, suppressions
from blaster.db import crm_db
from blaster.errors import Invalid, NotFound
from blaster.models.consent import LiftedSuppression
from blaster.models.crm_db import Suppression
from blaster.queue import control, leases, staging
from tests.queue_data import ALICE, BOB, claim, running_campaign, server_with_account, statuses

R3 = ("r3@example.net", "r3@example.net")


@pytest.fixture(autouse=True)
def fresh(databases):
    """Each test on both engines."""


def entries(user_id=ALICE) -> set[tuple[str, str]]:
    return {(entry.email, entry.reason) for entry in suppressions.search(user_id)}


def claimed() -> set[str]:
    server, account = server_with_account()
    hold = leases.take(f"server:{server.id}", "host:1", 30_000)
    return {row.email for row in claim(ALICE, server.id, account.id, 7, hold, 3)[0]}


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(
    ("source", "added", "known", "refused"),
    [
        ("Zoe@Example.com", {"Zoe@example.com"}, 0, 0),
        ("zoe@example.com\nZOE@example.com\n@Example.org", {"zoe@example.com", "@example.org"}, 1, 0),
        ("@example.org\n@bücher.example\n", {"@example.org", "@xn--bcher-kva.example"}, 0, 0),
        ("@competitor.example\nada@example.com\n", {"@competitor.example", "ada@example.com"}, 0, 0),
        ("name;e-mail\nZoe;zoe@example.com\nNobody;nowhere\n", {"zoe@example.com"}, 0, 1),
        ("'@example.org,x\nzoe@example.com,y\n", {"@example.org", "zoe@example.com"}, 0, 0),
        ("zoe@example.com\n@nothing at all\n@\n", {"zoe@example.com"}, 0, 2),
    ],
)
def test_addresses_and_domains_come_in(source, added, known, refused, as_text):
    taken = suppressions.add(ALICE, source if as_text else io.BytesIO(source.encode()))
    assert (taken.added, taken.known, taken.refused_count) == (len(added), known, refused)
    assert {email for email, _ in entries()} == added
    assert entries(BOB) == set()
    again = suppressions.add(ALICE, source)
    assert (again.added, again.known) == (0, len(added) + known)


@pytest.mark.parametrize("source", ["", "no address here", "PK\x03\x04"])
def test_what_has_no_address_is_refused_in_words(source):
    with pytest.raises(Invalid):
        suppressions.add(ALICE, source)


def test_what_is_added_during_a_run_is_not_mailed_after_the_next_claim():
    running_campaign(mails=6)
    assert claimed() == {"r1@example.net", "r2@example.net", "r3@example.net"}
    suppressions.add(ALICE, "r4@example.net\nr5@example.net")
    assert claimed() == {"r6@example.net"}
    assert statuses() == {"claimed": 4, "suppressed": 2}


def test_it_survives_the_list_and_its_import():
    """Deleted and imported anew, into another list, in other letters: who said no still gets nothing."""
    suppressions.record(ALICE, *R3, suppressions.UNSUBSCRIBE)
    suppressions.add(ALICE, "@example.org")
    for name in ("First", "Second"):
        made = recipients.create_list(ALICE, name)
        recipients.import_csv(ALICE, made.id, "email\nR3@Example.net\nr4@example.net\nzoe@EXAMPLE.org\n")
        if name == "First":
            recipients.delete_list(ALICE, made.id)
    draft = campaigns.create_campaign(ALICE, name="Again", subject="Hi", text="Hi", list_id=made.id)
    started = campaigns.start(ALICE, draft.campaign_id)
    content = campaigns.content(started)
    control.open_campaign(ALICE, draft.campaign_id, made.id, started.stage_until, content)
    staging.stage_batch(control.state(ALICE, draft.campaign_id), 10)
    server, account = server_with_account()
    hold = leases.take(f"server:{server.id}", "host:1", 30_000)
    rows, _ = claim(ALICE, server.id, account.id, draft.campaign_id, hold, 10)
    assert [row.email for row in rows] == ["r4@example.net"]
    assert statuses(draft.campaign_id) == {"claimed": 1, "suppressed": 2}


def test_a_complaint_holds_for_everybody_and_its_sender_sees_it():
    suppressions.complain(BOB, *R3, campaign_id=None)
    running_campaign(mails=3)
    assert claimed() == {"r1@example.net", "r2@example.net"}
    assert (entries(ALICE), entries(BOB)) == (set(), {("r3@example.net", "complaint")})
    ((entry, owner),) = suppressions.of_everybody("R3@example.net")
    assert (entry.reason, owner) == ("complaint", None)
    assert suppressions.of_everybody("r3@example") == []


def test_administrators_see_whose_mail_it_was():
    running_campaign(BOB, 8, mails=3)
    suppressions.complain(BOB, *R3, campaign_id=8)
    assert [owner for _, owner in suppressions.of_everybody()] == [BOB]


def test_the_graver_reason_stands():
    suppressions.record(ALICE, *R3, "unsubscribe")
    suppressions.record(ALICE, *R3, "complaint", campaign_id=7)
    suppressions.record(ALICE, *R3, "unsubscribe")
    suppressions.add(ALICE, R3[0])
    (entry,) = suppressions.search(ALICE)
    assert (entry.reason, entry.campaign_id) == ("complaint", 7)


def test_it_is_lifted_with_a_reason_that_is_kept():
    suppressions.record(ALICE, *R3, "unsubscribe")
    (entry,) = suppressions.search(ALICE)
    for why in ("", "  ", "x" * 301):
        with pytest.raises(Invalid):
            suppressions.lift(ALICE, entry.id, why)
    assert suppressions.lift(ALICE, entry.id, " new consent ") == "r3@example.net"
    (kept,) = suppressions.lifted(ALICE)
    assert (kept.email, kept.reason, kept.why, kept.lifted_by) == (
        "r3@example.net",
        "unsubscribe",
        "new consent",
        "user",
    )
    assert kept.created_at == entry.created_at <= kept.lifted_at
    running_campaign(mails=3)
    assert "r3@example.net" in claimed()


def test_strangers_and_the_erased_stay():
    suppressions.record(ALICE, *R3, "manual")
    suppressions.record(ALICE, "", "erased:abc", "erased")
    suppressions.complain(ALICE, "c@example.net", "c@example.net", None)
    ids = {entry.email_key: entry.id for entry in suppressions.search(ALICE)}
    everybody = suppressions.of_everybody()[0][0].id
    for user_id, entry_id in (
        (BOB, ids["r3@example.net"]),
        (ALICE, ids["erased:abc"]),
        (ALICE, everybody),
        (0, ids["r3@example.net"]),
    ):
        for act in (suppressions.get, lambda *ids: suppressions.lift(*ids, "new consent")):
            with pytest.raises(NotFound):
                act(user_id, entry_id)
    with db.session(crm_db):
        assert (Suppression.select().count(), LiftedSuppression.select().count()) == (4, 0)


def test_they_are_searched_and_turned_over():
    suppressions.add(ALICE, "\n".join(f"p{i:03}@example.com" for i in range(120)))
    suppressions.record(ALICE, "zoë@example.org", "zoë@example.org", "hard")
    assert [entry.email for entry in suppressions.search(ALICE, " ZOË@ ")] == ["zoë@example.org"]
    assert [entry.email for entry in suppressions.search(ALICE, "%")] == []
    seen, before = [], 0
    while page := suppressions.search(ALICE, reason="manual", before=before, limit=50):
        seen += [entry.email for entry in page]
        before = page[-1].id
    assert seen == sorted(seen, reverse=True) and len(seen) == 120
    assert suppressions.counts(ALICE) == {"manual": 120, "hard": 1}
    assert len(list(suppressions.export(ALICE))) == 121

"""Campaigns that ended long ago leave the queue for a file, and what recipients can do about them still works."""

import csv
import gzip
import platform
import stat
import threading

import pytest

from blaster import bounces, config, db, erased, subscriptions, suppressions
from blaster.db import crm_db
from blaster.errors import Conflict
from blaster.lists import dossier
from blaster.mail.tokens import token
from blaster.mail.unsubscribe import Ticket
from blaster.maintenance import archive as files
from blaster.maintenance import steps
from blaster.models.archive import ArchivedMail, CampaignArchive
from blaster.models.attachments import CampaignAttachment
from blaster.models.crm_db import CampaignControl, CampaignTally, Mail, Suppression
from blaster.queue import archive, claims, control, decisions, erasure, leases, recount, tally
from tests.queue_data import ALICE, assert_books_balance, claim, running_campaign, server_with_account

MAILS = 25


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(archive, "CHUNK", 10)


@pytest.fixture
def old(databases) -> int:
    """Campaign 7 with 25 mails, 23 sent, one failed and one unknown; it ended in 1970."""
    running_campaign(ALICE, 7, MAILS)
    with db.session(crm_db):
        Mail.update(status="sent", smtp_code=250, due_at=1_780_000_000_000).execute()
        Mail.update(status="failed", smtp_text="r1@example.net is unknown").where(Mail.recipient_id == 1).execute()
        Mail.update(status="unknown").where(Mail.recipient_id == 2).execute()
        CampaignTally.update(pending=0, sent=MAILS - 2, failed=1, unknown=1).execute()
        CampaignAttachment.create(campaign_id=7, position=0, filename="a", content_type="a/b", data=b"x")
    end(7)
    return 7


def end(campaign_id, state="finished"):
    with db.session(crm_db):
        mine = CampaignControl.campaign_id == campaign_id
        CampaignControl.update(run_state=state, changed_at=1_000).where(mine).execute()


def run(databases, *names, **changes):
    return list(steps.run(steps.Turn(config.load({**databases, **changes})), names))


def path(databases, campaign_id=7):
    return config.load(databases).data_dir / "archive" / f"campaign-{campaign_id}.csv.gz"


def read(file) -> list[dict]:
    with gzip.open(file, "rt", newline="") as text:
        return list(csv.DictReader(text))


def ids():
    with db.session(crm_db):
        return [mail_id for (mail_id,) in Mail.select(Mail.id).order_by(Mail.id).tuples()]


def test_mails_of_an_old_campaign_go_to_a_file_and_its_numbers_stay(databases, old):
    before = ids()
    assert run(databases, "archive") == [f"Campaign 7: 25 mails moved to {path(databases)}."]
    rows = read(path(databases))
    assert [int(row["id"]) for row in rows] == before and ids() == []
    first = {"recipient id": "1", "address": "r1@example.net", "state": "failed", "time (UTC)": "2026-05-28 20:26:40"}
    first |= {"attempts": "0", "reply code": "250", "reply": "r1@example.net is unknown"}
    assert {name: cell for name, cell in rows[0].items() if cell and name != "id"} == first
    assert stat.S_IMODE(path(databases).stat().st_mode) == 0o600
    with db.session(crm_db):
        assert tally.counts(7)["sent"] == MAILS - 2 and ArchivedMail.select().count() == MAILS
        assert CampaignAttachment.select().count() == 0
    assert recount.difference(7) == {}
    assert run(databases, "archive") == []


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_is_younger_or_open_or_never_to_be_archived_stays(databases, old):
    assert run(databases, "archive", BLASTER_ARCHIVE_DAYS="0") == []
    end(7, "paused")
    assert run(databases, "archive") == []
    with db.session(crm_db):
        CampaignControl.update(run_state="finished", changed_at=db.now(crm_db) - 29 * steps.DAY).execute()
    assert run(databases, "archive") == []
    assert len(ids()) == MAILS


@pytest.mark.parametrize("engine", ["sqlite"])
def test_whoever_is_to_stop_does_not_wait_for_another_who_archives(databases, old):
    settings = config.load(databases)
    turn, told = steps.Turn(settings), threading.Event()
    stopped = steps.Turn(settings, lambda: told.set() or True)
    with files._alone(files._folder(settings.data_dir), turn):
        beside(lambda: [*files.archive(stopped), *files.erase(stopped)])
    assert told.is_set() and len(ids()) == MAILS


@pytest.mark.parametrize("engine", ["sqlite"])
def test_nothing_is_said_of_campaigns_that_wait_for_the_next_run(databases, old):
    assert list(files.archive(steps.Turn(config.load(databases), lambda: True))) == []


def test_a_chunk_that_fails_after_it_was_written_is_written_once(databases, old):
    """The file is longer than the database knows: what the failed chunk left in it is cut off."""

    class Died(Exception):
        pass

    def dies(name, octets, rows):
        write(name, octets, rows)
        raise Died

    folder = files._folder(config.load(databases).data_dir)
    write = files._writer(folder)
    (campaign,) = archive.due(steps.DAY)
    host = platform.node()[:64]
    assert archive.move(campaign, host, "campaign-7.csv.gz", write) == 10
    with pytest.raises(Died):
        archive.move(campaign, host, "campaign-7.csv.gz", dies)
    assert len(ids()) == MAILS - 10 and recount.difference(7) == {}
    run(databases, "archive")
    assert [int(row["recipient id"]) for row in read(path(databases))] == list(range(1, MAILS + 1))


@pytest.mark.parametrize("engine", ["sqlite"])
def test_another_host_has_the_rest_in_a_file_of_its_own(databases, old, monkeypatch):
    (campaign,) = archive.due(steps.DAY)
    archive.move(campaign, "dead-host", "campaign-7.csv.gz", lambda name, octets, rows: 17)
    run(databases, "archive")
    assert len(read(path(databases))) == MAILS - 10
    with db.session(crm_db):
        assert {(a.host, a.mails, bool(a.finished_at)) for a in CampaignArchive.select()} == {
            ("dead-host", 10, True),
            (platform.node()[:64], 15, True),
        }


def test_the_link_in_an_old_mail_still_unsubscribes_and_takes_it_back(databases, old):
    ticket = Ticket(ALICE, 7, ids()[4])
    run(databases, "archive")
    assert subscriptions.look(ticket).ended == ""
    subscriptions.end(ticket)
    (entry,) = suppressions_of()
    assert (entry.email_key, entry.reason) == ("r5@example.net", suppressions.UNSUBSCRIBE)
    assert subscriptions.look(ticket).ended == subscriptions.EVERYTHING
    subscriptions.resume(ticket)
    assert suppressions_of() == []


def suppressions_of():
    with db.session(crm_db):
        return list(Suppression.select())


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_late_bounce_finds_its_mail(databases, old):
    mail_id = ids()[4]
    run(databases, "archive")
    key = b"k" * 32
    found = bounces._mails(ALICE, Told([(mail_id, 7, token(mail_id, 7, key).split(".")[2])]), key)
    assert [(mail.id, mail.email) for mail in found] == [(mail_id, "r5@example.net")]


class Told:
    def __init__(self, tokens):
        self.tokens = tokens


@pytest.mark.parametrize("decide", [decisions.send_again, decisions.count_as_sent])
@pytest.mark.parametrize("engine", ["sqlite"])
def test_nothing_is_sent_again_once_archiving_has_begun(databases, old, decide):
    (campaign,) = archive.due(steps.DAY)
    archive.move(campaign, "h", "f", lambda name, octets, rows: 1)
    with pytest.raises(Conflict, match="archived"):
        decide(ALICE, 7)
    assert recount.difference(7) == {} and control.state(ALICE, 7).run_state == "finished"


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_campaign_that_runs_again_meanwhile_is_left_alone(databases, old):
    (campaign,) = archive.due(steps.DAY)
    decisions.send_again(ALICE, 7)
    assert archive.move(campaign, "h", "f", None) == 0
    assert len(ids()) == MAILS and archive.due(steps.DAY) == []


def test_an_erased_person_goes_from_the_table_and_from_the_file(databases, old):
    run(databases, "archive")
    known = dossier.of(ALICE, "r1@example.net")
    assert [mail.status for mail in known.archived] == ["failed"] and not known.is_empty
    assert dossier.as_json(known, 0)["mails_of_archived_campaigns"] == [{"campaign": None, "state": "failed"}]
    erased.remember(ALICE, "r1@example.net")
    assert erasure.erase(ALICE, "r1@example.net", erased.hidden(ALICE, "r1@example.net")) == 1
    assert run(databases, "erase") == ["campaign-7.csv.gz: 1 erased addresses taken out."]
    rows = read(path(databases))
    assert len(rows) == MAILS and (rows[0]["address"], rows[0]["reply"]) == ("[erased]", "")
    assert rows[1]["address"] == "r2@example.net"
    assert run(databases, "erase") == []
    erasure.erase(ALICE, "r2@example.net", erased.hidden(ALICE, "r2@example.net"))
    assert run(databases, "erase") == ["campaign-7.csv.gz: 1 erased addresses taken out."]
    assert dossier.of(ALICE, "r1@example.net").archived == []
    assert recount.difference(7) == {}


@pytest.mark.parametrize("engine", ["mysql"])  # SQLite lets one write at a time, for some milliseconds a chunk
def test_sending_goes_on_while_a_chunk_leaves(databases, old):
    """All that a mail needs happens while the transaction of a chunk holds its rows."""
    server, account = server_with_account()
    running_campaign(ALICE, 8, 5)
    hold = leases.take(f"server:{server.id}", "h:1:1", 600_000)
    sent = []

    def write(name, octets, rows):
        def send():
            mails, _ = claim(ALICE, server.id, account.id, 8, hold, 5)
            claims.intend(mails)
            sent.append(claims.settle([claims.Outcome(mail, "sent", attempts=1) for mail in mails]))

        beside(send)
        return 1

    (campaign,) = archive.due(steps.DAY)
    archive.move(campaign, "h", "f", write)
    assert sent == [5]
    with db.session(crm_db):
        ArchivedMail.delete().execute()
        CampaignTally.delete().where(CampaignTally.campaign_id == 7).execute()
        Mail.delete().where(Mail.campaign_id == 7).execute()
    assert_books_balance()


def beside(work):
    """In a thread, since connections belong to threads."""
    failed = []

    def attempt():
        try:
            work()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join(30)
    assert not thread.is_alive() and not failed, failed

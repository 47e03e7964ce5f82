import json
import threading

import pytest

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import Recipient
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import control, staging, tally
from tests.queue_data import ALICE, BOB, CONTENT, assert_books_balance, statuses

LIST = 3


def recipients(count, *, first=1, list_id=LIST, user_id=ALICE):
    """Adds that many recipients with ids in a row."""
    columns = (Recipient.id, Recipient.user_id, Recipient.list_id, Recipient.email, Recipient.email_key)
    rows = [(i, user_id, list_id, f"R{i}@example.net", f"r{i}@example.net") for i in range(first, first + count)]
    with db.session(campaign_db):
        db.insert_new(Recipient, columns, rows)


def opened(stage_until, campaign_id=7) -> CampaignControl:
    control.open_campaign(ALICE, campaign_id, LIST, stage_until, CONTENT)
    return control.state(ALICE, campaign_id)


def stage_all(row, batch=10):
    while not staging.stage_batch(row, batch):
        pass


def staged(campaign_id=7) -> list[int]:
    with db.session(crm_db):
        mails = Mail.select(Mail.recipient_id).where(Mail.campaign_id == campaign_id).order_by(Mail.recipient_id)
        return [recipient_id for (recipient_id,) in mails.tuples()]


def test_25_000_recipients_are_staged_in_batches_of_10_000(databases):
    recipients(25_000)
    row = opened(25_000)
    steps = []
    while not staging.stage_batch(row, 10_000):
        found = control.state(ALICE, 7)
        assert (found.run_state, found.is_staged) == ("running", False)
        steps.append((row.staged_to, control.counts(7)["pending"]))
    assert steps == [(10_000, 10_000), (20_000, 20_000), (25_000, 25_000)]
    found = control.state(ALICE, 7)
    assert (found.run_state, found.is_staged) == ("running", True)
    assert staged() == list(range(1, 25_001))
    assert_books_balance()


def test_a_mail_carries_what_its_recipient_has_now(databases):
    fields = json.dumps({"name": "Zoë 😀", "note": 'a "quoted"\nline'})
    with db.session(campaign_db):
        Recipient.create(
            id=1, user_id=ALICE, list_id=LIST, email="Zoë@Example.net", email_key="zoë@example.net", fields=fields
        )
    stage_all(opened(1))
    with db.session(campaign_db):
        Recipient.update(fields="{}", email="other@example.net").execute()
    with db.session(crm_db):
        mail = Mail.get()
    assert (mail.user_id, mail.email, mail.email_key, mail.fields) == (
        ALICE,
        "Zoë@Example.net",
        "zoë@example.net",
        fields,
    )
    assert (mail.status, mail.due_at, mail.attempts, mail.bucket) == ("pending", 0, 0, None)


def test_two_servers_stage_what_one_does(databases, monkeypatch):
    monkeypatch.setattr(db, "neighbour", lambda model, database: None)
    recipients(25)
    stage_all(opened(25))
    with db.session(crm_db):
        apart = list(Mail.select(Mail.recipient_id, Mail.email, Mail.email_key, Mail.fields, Mail.user_id).tuples())
        Mail.delete().execute()
    monkeypatch.undo()
    stage_all(opened(25, 8))
    with db.session(crm_db):
        columns = (Mail.recipient_id, Mail.email, Mail.email_key, Mail.fields, Mail.user_id)
        assert list(Mail.select(*columns).tuples()) == apart and len(apart) == 25


def test_only_the_recipients_of_the_list_at_the_start_belong_to_it(databases):
    recipients(5)
    recipients(5, first=6, list_id=4)
    recipients(5, first=11, user_id=BOB)
    row = opened(20)
    recipients(5, first=21)
    stage_all(row)
    assert staged() == [1, 2, 3, 4, 5]


def test_an_empty_list_is_staged_at_once(databases):
    assert staging.stage_batch(opened(0), 10)
    assert control.state(ALICE, 7).run_state == "running"
    assert statuses() == {}


def test_staging_again_changes_nothing(databases):
    recipients(25)
    row = opened(25)
    stage_all(row)
    assert staging.stage_batch(row, 10)
    assert staging.stage_batch(CampaignControl(**{**row.__data__, "staged_to": 0}), 10)
    assert staged() == list(range(1, 26))
    assert_books_balance()


def test_a_batch_that_another_process_has_staged_is_not_staged_again(databases):
    recipients(25)
    row, late = opened(25), opened(25)
    assert not staging.stage_batch(row, 10)
    assert not staging.stage_batch(late, 10)
    assert (late.staged_to, staged()) == (10, list(range(1, 11)))
    assert_books_balance()


@pytest.mark.parametrize("moment", ["insert", "count", "mark"])
def test_a_batch_that_fails_anywhere_is_repeated_as_a_whole(databases, monkeypatch, moment):
    recipients(25)
    row = opened(25)
    staging.stage_batch(row, 10)

    def fail(*arguments, **values):
        raise RuntimeError

    with monkeypatch.context() as patch:
        inserts = [(db, "insert_new"), (staging, "_copy")]  # between two servers, and within one
        targets = {"insert": inserts, "count": [(tally, "add")], "mark": [(staging, "_move_mark")]}
        for target in targets[moment]:
            patch.setattr(*target, fail)
        with pytest.raises(RuntimeError):
            staging.stage_batch(row, 10)
    assert staged() == list(range(1, 11))
    assert_books_balance()
    (again,) = control.open_controls("running")
    stage_all(again)
    assert staged() == list(range(1, 26))
    assert_books_balance()


def test_an_address_that_moved_to_a_later_recipient_gets_one_mail(databases):
    recipients(20)
    row = opened(20)
    staging.stage_batch(row, 10)
    with db.session(campaign_db):
        Recipient.update(email_key="elsewhere@example.net").where(Recipient.id == 4).execute()
        Recipient.update(email_key="r4@example.net").where(Recipient.id == 15).execute()
    stage_all(row)
    assert staged() == [i for i in range(1, 21) if i != 15]
    assert control.counts(7)["pending"] == 19
    assert_books_balance()


def test_stagers_that_race_stage_each_recipient_once(databases):
    recipients(3_000)
    rows = [opened(3_000) for _ in range(3)]
    threads = [threading.Thread(target=stage_all, args=(row, 200)) for row in rows]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert staged() == list(range(1, 3_001))
    assert control.state(ALICE, 7).run_state == "running"
    assert_books_balance()


def test_a_pause_while_staging_holds(databases):
    recipients(25)
    row = opened(25)
    staging.stage_batch(row, 10)
    control.pause(ALICE, 7)
    assert not staging.stage_batch(row, 10)
    assert control.open_controls("staging") == []
    assert (staged(), control.state(ALICE, 7).run_state) == (list(range(1, 11)), "paused")
    assert control.resume(ALICE, 7) == "staging"
    stage_all(row)
    assert staged() == list(range(1, 26))
    assert control.state(ALICE, 7).run_state == "running"


def test_a_pause_at_the_last_batch_is_not_lost(databases):
    recipients(10)
    row = opened(10)
    staging.stage_batch(row, 10)
    control.pause(ALICE, 7)
    assert not staging.stage_batch(row, 10)
    assert control.state(ALICE, 7).run_state == "paused"
    control.resume(ALICE, 7)
    assert staging.stage_batch(row, 10)
    assert control.state(ALICE, 7).run_state == "running"


def test_a_cancel_while_staging_ends_it(databases):
    recipients(25)
    row = opened(25)
    staging.stage_batch(row, 10)
    control.cancel(ALICE, 7)
    assert not staging.stage_batch(row, 10)
    while not control.close_cancelled(7):
        pass
    assert statuses() == {"cancelled": 10}
    assert_books_balance()


def test_two_campaigns_may_use_one_list(databases):
    recipients(25)
    stage_all(opened(25, 7))
    stage_all(opened(25, 8))
    assert staged(7) == staged(8) == list(range(1, 26))
    assert_books_balance()

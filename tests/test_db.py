import threading
from contextlib import suppress

import peewee
import pytest

from blaster import db
from blaster.models.crm_db import Mail, SmtpUsage, Suppression
from blaster.queue import leases, orphans


def test_clock_is_the_same_on_both_databases(databases):
    assert abs(db.now(db.campaign_db) - db.now(db.crm_db)) < 5_000


def test_rows_get_their_own_values(databases):
    with db.session(db.crm_db):
        ids = [Mail.create(user_id=1, campaign_id=1, recipient_id=i, email="", email_key=str(i)).id for i in range(3)]
        rows = [(ids[0], "sent", 250, "2.0.0 ok: ü"), (ids[1], "failed", 550, 'no "such" user')]
        changed = db.update_rows(Mail, (Mail.status, Mail.smtp_code, Mail.smtp_text), rows, "t.status='pending'")
        assert changed == 2
        found = [(m.status, m.smtp_code, m.smtp_text) for m in Mail.select().order_by(Mail.id)]
    assert found == [("sent", 250, "2.0.0 ok: ü"), ("failed", 550, 'no "such" user'), ("pending", None, None)]


def test_insert_new_leaves_what_is_there(databases):
    columns = (Suppression.user_id, Suppression.email_key, Suppression.reason)
    with db.session(db.crm_db):
        db.insert_new(Suppression, columns, [(1, "zoe@example.com", "manual")])
        db.insert_new(Suppression, columns, [(1, "zoe@example.com", "bounce"), (1, "zoë@example.com", "bounce")])
        assert sorted((s.email_key, s.reason) for s in Suppression) == [
            ("zoe@example.com", "manual"),
            ("zoë@example.com", "bounce"),
        ]


def test_insert_new_asks_every_unique_index(databases):
    columns = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key)
    with db.session(db.crm_db):
        db.insert_new(Mail, columns, [(1, 7, 1, "a@example.com", "a@example.com")])
        rows = [(1, 7, 1, "b@example.com", "b@example.com"), (1, 7, 2, "A@example.com", "a@example.com")]
        db.insert_new(Mail, columns, rows)
        assert [(m.recipient_id, m.email) for m in Mail] == [(1, "a@example.com")]


@pytest.mark.parametrize("wrong", [(1, None), (1, "x" * 300)])
def test_insert_new_refuses_what_does_not_fit(engine, databases, wrong):
    if engine == "sqlite" and wrong[1]:
        pytest.skip("SQLite knows no lengths")
    with db.session(db.crm_db), pytest.raises(peewee.DatabaseError):
        db.insert_new(Suppression, (Suppression.user_id, Suppression.email_key), [wrong])


def test_upsert_adds_to_counters(databases):
    columns = (SmtpUsage.smtp_account_id, SmtpUsage.bucket, SmtpUsage.taken)
    with db.session(db.crm_db):
        for _ in range(2):
            db.upsert(SmtpUsage, columns, [(1, 300_000, 7)], add=(SmtpUsage.taken,))
        assert SmtpUsage.get().taken == 14


def test_a_transaction_that_stands_still_loses_its_locks(engine, databases, settings, monkeypatch):
    if engine == "sqlite":
        pytest.skip("a stopped process keeps the only lock there is; its host is ours")
    monkeypatch.setattr(db, "_IDLE_SECONDS", (1, 1))
    db.connect(settings)
    hold = leases.take("server:1", "me", 60_000)
    begun, over = threading.Event(), threading.Event()

    def stand_still():
        with pytest.raises(peewee.OperationalError), db.session(db.crm_db), db.crm_db.atomic():
            leases.are_held([hold], 0)
            begun.set()
            over.wait(30)

    sleeper = threading.Thread(target=stand_still)
    sleeper.start()
    assert begun.wait(10)
    orphans.recover(hold)
    assert sleeper.is_alive()
    over.set()
    sleeper.join(10)


def test_transactions_read_what_is_committed(engine, databases):
    if engine == "sqlite":
        pytest.skip("there is one isolation level only")
    with db.session(db.crm_db):
        for query in ("SELECT @@tx_isolation", "SELECT @@transaction_isolation"):
            with suppress(peewee.DatabaseError):  # each server knows one of the names
                assert db.crm_db.execute_sql(query).fetchone() == ("READ-COMMITTED",)
                return
        pytest.fail("the server does not tell its isolation level")

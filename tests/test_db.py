from blaster import db
from blaster.models.crm_db import Mail, SmtpUsage, Suppression


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
    unique = (Suppression.user_id, Suppression.email_key)
    with db.session(db.crm_db):
        db.insert_new(Suppression, columns, [(1, "zoe@example.com", "manual")], unique)
        db.insert_new(
            Suppression, columns, [(1, "zoe@example.com", "bounce"), (1, "zoë@example.com", "bounce")], unique
        )
        assert sorted((s.email_key, s.reason) for s in Suppression) == [
            ("zoe@example.com", "manual"),
            ("zoë@example.com", "bounce"),
        ]


def test_upsert_adds_to_counters(databases):
    unique = (SmtpUsage.smtp_account_id, SmtpUsage.bucket)
    with db.session(db.crm_db):
        for _ in range(2):
            db.upsert(SmtpUsage, (*unique, SmtpUsage.taken), [(1, 300_000, 7)], unique, add=(SmtpUsage.taken,))
        assert SmtpUsage.get().taken == 14

"""Small campaigns for queue tests: rows of Server 2 only, made the way staging makes them."""

from collections import Counter, defaultdict

from blaster import db
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import User
from blaster.models.crm_db import TABLES, CampaignControl, Mail, SmtpAccount, SmtpServer
from blaster.models.ranges import TABLES as RANGES
from blaster.queue import claims, control, ranges, tally

ALICE, BOB = 1, 2
SENDER = {"organisation": "Alder Street Bakery", "postal_address": "12 Alder Street\nLondon N1"}
CONTENT = {"subject": "Hi", "sender_name": "", "sender_email": "", "reply_to": "", "html": "<p>Hi</p>", "text": "Hi"}


def clear() -> None:
    """Server 2 without any row, for the next example of a property test."""
    with db.session(crm_db):
        for table in (*TABLES, *RANGES):
            table.delete().execute()


def known_sender(user_id=ALICE) -> None:
    """A user who said who they are and where they live, without which no campaign starts."""
    values = {"email": f"u{user_id}@example.com", "password_hash": "", **SENDER}
    with db.session(campaign_db):
        User.create(id=user_id, **values)


def server_with_account(user_id=ALICE, *, hourly=1_000, daily=10_000, accounts=1, host="127.0.0.1", port=25):
    """A server and its first account (or list of accounts)."""
    with db.session(crm_db):
        server = SmtpServer.create(user_id=user_id, name="s", host=host, port=port, encryption="none")
        made = [
            SmtpAccount.create(
                user_id=user_id,
                smtp_server_id=server.id,
                email=f"u{user_id}s{server.id}a{i}@example.com",
                password="secret",
                hourly_limit=hourly,
                daily_limit=daily,
            )
            for i in range(accounts)
        ]
    return server, made[0] if accounts == 1 else made


def running_campaign(user_id=ALICE, campaign_id=7, mails=100, *, first=1):
    """A running campaign with that many pending rows."""
    control.open_campaign(user_id, campaign_id, 1, 0, CONTENT)
    with db.session(crm_db):
        columns = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key)
        rows = [
            (user_id, campaign_id, i, f"r{i}@example.net", f"r{i}@example.net") for i in range(first, first + mails)
        ]
        db.insert_new(Mail, columns, rows)
        tally.add(campaign_id, 0, {"pending": mails})
        CampaignControl.update(run_state="running", is_staged=True).where(
            CampaignControl.campaign_id == campaign_id
        ).execute()
    return campaign_id


def claim(user_id, server_id, account_id, campaign_id, hold, limit):
    """A claim for one account: (rows, what is left of its budget)."""
    grant = claims.claim(user_id, server_id, campaign_id, hold, {account_id: limit})[account_id]
    return grant.rows, grant.left


def statuses(campaign_id=7) -> dict[str, int]:
    """Rows by status, recounted; those that a range holds are claimed."""
    return dict(Counter(states(campaign_id).values()))


def states(campaign_id=7) -> dict[int, str]:
    """What each row of a campaign is in, by id."""
    with db.session(crm_db):
        behind = ranges.cursor(campaign_id)
        rows = Mail.select(Mail.id, Mail.status, Mail.due_at).where(Mail.campaign_id == campaign_id).tuples()
        return {
            row_id: "claimed" if status == "pending" and not due_at and row_id <= behind else status
            for row_id, status, due_at in rows
        }


_TALLIES = "SELECT campaign_id, " + ", ".join(f"SUM({state})" for state in tally.STATES)
_TALLIES += " FROM campaign_tally GROUP BY campaign_id"
_RECOUNT = "SELECT campaign_id, status, COUNT(*) FROM mail_blaster GROUP BY campaign_id, status"
_HELD = """
    SELECT r.campaign_id, r.held, (
        SELECT COUNT(*) FROM mail_blaster AS m WHERE m.campaign_id = r.campaign_id AND m.status = 'pending'
        AND m.due_at = 0 AND m.id BETWEEN r.first_id AND r.last_id
    ) FROM claimed_ranges AS r
"""
_WAITING_BEHIND = """
    SELECT c.campaign_id, COUNT(*) FROM campaign_cursor AS c JOIN mail_blaster AS m ON m.campaign_id = c.campaign_id
    WHERE m.status = 'pending' AND m.due_at = 0 AND m.id <= c.last_id GROUP BY c.campaign_id
"""
_WRONG_CHARGES = """
    SELECT smtp_account_id, bucket, SUM(n) FROM (
        SELECT smtp_account_id, bucket, taken - extra AS n FROM smtp_usage
        UNION ALL
        SELECT smtp_account_id, bucket,
            CASE WHEN status IN ('claimed', 'sending', 'sent', 'unknown') THEN -1 ELSE -99 END
        FROM mail_blaster WHERE bucket IS NOT NULL
        UNION ALL
        SELECT smtp_account_id, bucket, -held FROM claimed_ranges
    ) AS charges GROUP BY smtp_account_id, bucket HAVING SUM(n) <> 0
"""


def _held() -> Counter:
    """By campaign: what ranges hold, which is exactly what waits untried behind the cursor."""
    held = Counter()
    for campaign_id, said, counted in crm_db.execute_sql(_HELD).fetchall():
        assert said == counted > 0
        held[campaign_id] += said
    assert held == Counter(dict(crm_db.execute_sql(_WAITING_BEHIND).fetchall()))
    return held


def assert_books_balance() -> None:
    """Tally equals rows, and the ledger of charges equals the rows that carry one. In SQL: models run it every step."""
    with db.session(crm_db):
        rows: dict[int, Counter] = defaultdict(Counter)
        for campaign_id, status, n in crm_db.execute_sql(_RECOUNT).fetchall():
            rows[campaign_id][tally.column_of(status)] += n
        for campaign_id, n in _held().items():
            rows[campaign_id] += Counter(active=n)
            rows[campaign_id]["pending"] -= n
        for campaign_id, *counts in crm_db.execute_sql(_TALLIES).fetchall():
            assert dict(zip(tally.STATES, counts, strict=True)) == {s: rows[campaign_id][s] for s in tally.STATES}
        assert list(crm_db.execute_sql(_WRONG_CHARGES).fetchall()) == []

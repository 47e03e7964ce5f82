"""The campaigns of tests/furnished.py: one in each state, with mails of every kind."""

from datetime import date, timedelta

from blaster import campaigns, db, progress, schedule
from blaster.db import campaign_db, crm_db
from blaster.models.archive import ArchivedMail, CampaignArchive
from blaster.models.campaign_db import CampaignStatus
from blaster.models.crm_db import Mail
from blaster.models.minutes import CampaignMinute
from blaster.queue import control, guard, staging, tally

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
LONG = "The very long name of a campaign about spring bulbs, summer herbs and the autumn market of 2026"
HTML = (
    "<h1>Hello {{ first_name | default: 'Friend' }}</h1><p>Spring is here. <a href='https://example.com'>See what is"
    " new</a> in {{ city }}.</p>"
)
REFUSALS = {
    "hard": (550, "5.1.1 Recipient address rejected: User unknown in virtual mailbox table"),
    "soft": (452, "4.2.2 Over quota, see https://support.example.com/" + "q" * 120),
    "block": (554, "5.7.1 Service unavailable; client host blocked using a list of unwanted senders"),
}


def in_each_state(user_id: int, list_id: int, account_id: int) -> dict[str, int]:
    """The ids of campaigns by state: drafts to all that may happen to one."""
    ids = {name: _draft(user_id, list_id, f"{name.capitalize()}: {LONG}"[:120]) for name in STATES}
    ids["bare"] = campaigns.create_campaign(user_id, name="Nothing in it").campaign_id
    schedule.schedule(user_id, ids["scheduled"], f"{date.today() + timedelta(30)}T09:00", "Europe/Vienna")
    for name in ("running", "paused", "held", "cancelled", "finished", "archived"):
        _start(user_id, ids[name], staged=60 if name == "running" else 1_000)
    for name, counts in OUTCOMES.items():
        _settle(ids[name], account_id, counts)
    control.pause(user_id, ids["paused"])
    control.pause(user_id, ids["held"], "5.2 % of the addresses do not exist.")
    guard.note(ids["held"], user_id, held_for="hard")
    control.cancel(user_id, ids["cancelled"])
    while not control.close_cancelled(ids["cancelled"]):
        pass
    progress.finish()
    _archive(user_id, ids["archived"])
    return ids


STATES = ("draft", "scheduled", "running", "paused", "held", "cancelled", "finished", "archived")
OUTCOMES = {
    "running": {"sent": 30, "hard": 2, "soft": 1, "unknown": 1},
    "paused": {"sent": 12},
    "held": {"sent": 90, "hard": 6},
    "finished": {"sent": 101, "hard": 8, "soft": 5, "block": 2, "unknown": 6},
    "archived": {"sent": 122},
}


def _draft(user_id: int, list_id: int, name: str) -> int:
    fields = {"subject": "{{ first_name }}, spring is here " + "x" * 120, "html": HTML, "list_id": list_id}
    return campaigns.create_campaign(user_id, name=name, sender_name="N" * 100, **fields).campaign_id


def _start(user_id: int, campaign_id: int, staged: int) -> None:
    """As the page and a worker do; at least `staged` recipients are in the queue."""
    started = campaigns.start(user_id, campaign_id)
    content = campaigns.content(started)
    control.open_campaign(user_id, campaign_id, started.list_id, started.stage_until, content)
    while not staging.stage_batch(control.state(user_id, campaign_id), staged):
        pass


def _settle(campaign_id: int, account_id: int, counts: dict[str, int]) -> None:
    """So many mails of the campaign are sent, failed with that class of reply, or unknown."""
    with db.session(crm_db):
        rows = list(Mail.select().where(Mail.campaign_id == campaign_id).order_by(Mail.id))
        now = db.now(crm_db)
        for outcome, count in counts.items():
            for row in (rows.pop(0) for _ in range(count)):
                _end(row, outcome, account_id, now - row.id * 1_000)
            state = outcome if outcome in tally.STATES else "failed"
            tally.add(campaign_id, 1, {"pending": -count, state: count})


def _end(row: Mail, outcome: str, account_id: int, at: int) -> None:
    code, text = REFUSALS.get(outcome, (250, "2.0.0 Ok: queued as 4F2A99"))
    row.status = outcome if outcome in tally.STATES else "failed"
    row.smtp_account_id, row.attempts, row.due_at = account_id, 1, at
    if outcome != "unknown":
        row.smtp_code, row.smtp_text, row.reply_class = code, text, outcome if outcome in REFUSALS else None
    row.save()


def _archive(user_id: int, campaign_id: int) -> None:
    """Its mails have left the queue."""
    with db.session(crm_db):
        mine = Mail.campaign_id == campaign_id
        for row in Mail.select().where(mine):
            values = {"campaign_id": campaign_id, "email_key": row.email_key, "status": row.status}
            ArchivedMail.create(id=row.id, user_id=user_id, **values)
        Mail.delete().where(mine).execute()
        now = db.now(crm_db)
        values = {"host": "mail-1", "user_id": user_id, "file": f"archive/campaign-{campaign_id}.csv.gz"}
        CampaignArchive.create(campaign_id=campaign_id, mails=122, began_at=now - DAY, finished_at=now, **values)


def tell_the_past(ids: dict[str, int]) -> None:
    """How it went: minutes for the chart, and a finished campaign of more than a million mails."""
    with db.session(campaign_db):
        now = db.now(campaign_db)
        begun = {"started_at": now - 2 * HOUR}
        CampaignStatus.update(**begun).where(CampaignStatus.started_at.is_null(False)).execute()
        for minute in range(40):
            at = now - now % MINUTE - (45 - minute) * MINUTE
            CampaignMinute.create(campaign_id=ids["running"], minute=at, sent=minute * 3 // 4, failed=minute // 15)
        huge = {"total_emails": 1_234_567, "sent_emails": 1_230_001, "failed_emails": 4_560, "unknown_emails": 6}
        CampaignStatus.update(**huge).where(CampaignStatus.campaign_id == ids["archived"]).execute()

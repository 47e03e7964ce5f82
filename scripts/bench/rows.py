"""Queues without recipients behind them, and claimers that take from them as a worker's feeder does."""

import threading
import time

from blaster import boot, config, db, servers
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl, Mail
from blaster.models.ranges import CampaignCursor
from blaster.queue import claims, control, leases, tally
from scripts.bench import letter
from scripts.bench.bed import PLENTY

HOUR = 3_600_000
CHUNK = 10_000
_COLUMNS = (Mail.user_id, Mail.campaign_id, Mail.recipient_id, Mail.email, Mail.email_key, Mail.fields)
_FIELDS = '{"first_name":"Greta","last_name":"Eriksen","city":"Antwerp"}'


def fill(user_id: int, mails: int) -> int:
    """A running campaign with so many pending mails; returns its id."""
    with db.session(crm_db):
        campaign_id = CampaignControl.select().count() + 1
    control.open_campaign(user_id, campaign_id, 1, 0, letter.FIELDS)
    for start in range(0, mails, CHUNK):
        addresses = [(n, f"reader{n}@mail.example.com") for n in range(start, min(start + CHUNK, mails))]
        rows = [(user_id, campaign_id, n, address, address, _FIELDS) for n, address in addresses]
        db.transaction(crm_db, lambda rows=rows: db.insert_new(Mail, _COLUMNS, rows))
    with db.session(crm_db):
        tally.add(campaign_id, 0, {"pending": mails})
        mine = CampaignControl.campaign_id == campaign_id
        CampaignControl.update(run_state="running", is_staged=True).where(mine).execute()
    return campaign_id


def consume(campaign_id: int, mails: int) -> None:
    """Mark the first so many as sent, as fast as the database can."""
    mine = Mail.campaign_id == campaign_id
    with db.session(crm_db):
        first = Mail.select(Mail.id).where(mine).order_by(Mail.id).limit(1).scalar()
        for start in range(first, first + mails, CHUNK):
            end = min(start + CHUNK, first + mails) - 1
            Mail.update(status="sent", due_at=start).where(mine & Mail.id.between(start, end)).execute()
        db.insert_new(
            CampaignCursor, (CampaignCursor.campaign_id, CampaignCursor.last_id), [(campaign_id, first + mails - 1)]
        )
        tally.add(campaign_id, 0, {"pending": -mails, "sent": mails})


class Claimer:
    """An SMTP server with one account, and its lease."""

    def __init__(self, user_id: int, campaign_id: int):
        self.user_id, self.campaign_id = user_id, campaign_id
        self.server = servers.add_server(user_id, host="127.0.0.1", port=25, encryption="none")
        limits = {"daily_limit": PLENTY, "hourly_limit": PLENTY}
        address = f"server{self.server.id}@bench.example.com"
        self.account = servers.add_account(user_id, self.server.id, email=address, password="", **limits)
        self.hold = leases.take(f"server:{self.server.id}", "bench", HOUR)
        self.found = 0

    def claim(self, limit: int) -> float:
        """Claim as the feeder does; returns the seconds it took."""
        started = time.monotonic()
        mine = (self.user_id, self.server.id, self.campaign_id, self.hold)
        self.found = len(claims.claim(*mine, {self.account.id: limit})[self.account.id].rows)
        return time.monotonic() - started


def connect(env: dict[str, str]) -> None:
    """For a process of its own."""
    boot.boot(config.load(env), connections=100, retry_seconds=60.0)


def claim_all(user_id: int, campaign_id: int, claimers: int, limit: int) -> list[float]:
    """So many threads claim until nothing is left; returns the seconds of each claim."""
    times: list[float] = []
    threads = [threading.Thread(target=_drain, args=(user_id, campaign_id, limit, times)) for _ in range(claimers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def _drain(user_id: int, campaign_id: int, limit: int, times: list[float]) -> None:
    claimer = Claimer(user_id, campaign_id)
    with db.session(crm_db):
        seconds = claimer.claim(limit)
        while claimer.found:
            times.append(seconds)
            seconds = claimer.claim(limit)

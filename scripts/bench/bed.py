"""What a bench runs on: throwaway databases, somebody with servers and a campaign, worker processes."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from blaster import boot, campaigns, config, db, recipients, schema, servers, users
from blaster.db import campaign_db, crm_db
from blaster.demo import people
from blaster.models.crm_db import CampaignControl
from blaster.queue import control, leases, staging, tally
from scripts.bench import letter
from scripts.lab.database import connection, create_schemas
from scripts.lab.mariadb import MariaDB

PROJECT = Path(__file__).resolve().parents[2]
# As our documents recommend for Server 2, with room for a million mails.
RECOMMENDED = ("--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=2G", "--innodb-log-file-size=512M")
PASSWORD = "correct horse battery"
PLENTY = 1_000_000  # mails an account may send


@dataclass(frozen=True)
class Bed:
    """`database`: process ids of the database server, none for SQLite."""

    engine: str
    env: dict[str, str]
    folder: Path
    database: list[int]
    server: MariaDB | None


@dataclass(frozen=True)
class Sender:
    """A user and the campaign; paused until `control.resume`."""

    user_id: int
    campaign_id: int
    mails: int


@contextmanager
def bed(engine: str, **settings) -> Iterator[Bed]:
    """Both databases, empty and connected. `engine`: mysql (MariaDB) or sqlite; `settings` as in config.py."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        server = MariaDB(*RECOMMENDED) if engine == "mysql" else None
        if server:
            stack.callback(server.remove)
        env = _environment(folder, server, settings)
        boot.boot(config.load(env), connections=100, retry_seconds=60.0)
        stack.callback(_disconnect)
        schema.migrate()
        yield Bed(engine, env, folder, [server.process.pid] if server else [], server)


def _environment(folder: Path, server: MariaDB | None, settings: dict) -> dict[str, str]:
    urls = create_schemas(server.url) if server else [f"sqlite:///{folder / name}.db" for name in ("campaign", "crm")]
    given = {f"BLASTER_{name.upper()}": str(value) for name, value in settings.items()}
    own = {
        "PYTHONPATH": str(PROJECT),
        "BLASTER_DATA_DIR": str(folder),
        "BLASTER_CAMPAIGN_URL": urls[0],
        "BLASTER_CRM_URL": urls[1],
        "BLASTER_PUBLIC_URL": letter.PUBLIC_URL,
        "BLASTER_PRIVATE_TARGETS": "127.0.0.0/8",
        "BLASTER_SMTP_PORTS": "1-65535",
        "BLASTER_SECRET_KEY": secrets.token_urlsafe(),
        "BLASTER_VAULT_KEYS": Fernet.generate_key().decode(),
    }
    return {**os.environ, **own, **given}


def _disconnect() -> None:
    for database in (campaign_db, crm_db):
        database.close()
        if hasattr(database.obj, "close_all"):
            database.obj.close_all()


def add_sender(name: str, port: int, mails: int, *, server_count=2, accounts=2, connections=5, password="") -> Sender:
    """A user with SMTP servers on that port, a list, and the draft of a campaign."""
    user = users.create(f"{name}@bench.example.com", name, PASSWORD)
    users.edit_sender(user.id, organisation=letter.ORGANISATION, postal_address=letter.POSTAL_ADDRESS)
    limits = {"daily_limit": PLENTY, "hourly_limit": PLENTY}
    for place in range(server_count):
        where = {"host": "127.0.0.1", "port": port, "encryption": "none", "max_connections": connections}
        server = servers.add_server(user.id, **where)
        for number in range(accounts):
            address = f"{name}-{place}-{number}@bench.example.com"
            servers.add_account(user.id, server.id, email=address, password=password, **limits)
    chosen = recipients.create_list(user.id, "readers")
    recipients.import_csv(user.id, chosen.id, people.as_csv(name, mails))
    return draft(user.id, chosen.id, mails)


def draft(user_id: int, list_id: int, mails: int) -> Sender:
    """A campaign to that list."""
    made = campaigns.create_campaign(user_id, name="bench", list_id=list_id, **letter.FIELDS)
    return Sender(user_id, made.campaign_id, mails)


def start(sender: Sender) -> None:
    """As the button does; the workers stage it."""
    started = campaigns.start(sender.user_id, sender.campaign_id)
    handed_over = (started.list_id, started.stage_until, campaigns.content(started))
    control.open_campaign(sender.user_id, sender.campaign_id, *handed_over)


def stage(sender: Sender, batch: int = 10_000) -> None:
    """Start it and fill the queue, then pause, so that workers wait for `control.resume`."""
    start(sender)
    with db.session(crm_db):
        row = CampaignControl.get_by_id(sender.campaign_id)
    while not staging.stage_batch(row, batch):
        pass
    control.pause(sender.user_id, sender.campaign_id)


@contextmanager
def workers(bed: Bed, count: int) -> Iterator[list[int]]:
    """So many worker processes, ready to send; yields their process ids."""
    with ExitStack() as stack:
        log = stack.enter_context(open(bed.folder / "workers.log", "w"))
        command = [sys.executable, "-m", "blaster.workers", "bench"]
        running = [subprocess.Popen(command, env=bed.env, cwd=PROJECT, stderr=log) for _ in range(count)]
        for process in running:
            stack.callback(_end, process)
        wait_for(lambda: len(_workers_alive()) == count, 60, "the workers to start")
        time.sleep(0.5)
        yield [process.pid for process in running]


def _workers_alive() -> list[str]:
    return [lease.name for lease in leases.alive() if lease.name.startswith("worker:")]


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()


def sent(*campaign_ids: int) -> int:
    """Mails settled as sent so far."""
    with db.session(crm_db):
        return sum(tally.counts(campaign_id)["sent"] for campaign_id in campaign_ids)


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll ten times a second."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"Waited {seconds:.0f} s in vain for {what}.")
        time.sleep(0.1)


def watch(senders: list[Sender], seconds: float = 1800) -> tuple[int, float]:
    """Wait until all is sent: (mails already sent at the first look that found some, seconds from then on)."""
    ids, total = [sender.campaign_id for sender in senders], sum(sender.mails for sender in senders)
    first, started = 0, time.monotonic()
    while (done := sent(*ids)) < total:
        if done and not first:
            first, started = done, time.monotonic()
        if time.monotonic() - started > seconds:
            sys.exit(f"Only {done:,} of {total:,} mails were sent in {seconds:.0f} s.")
        time.sleep(0.05)
    return first, time.monotonic() - started


def queries(bed: Bed) -> int:
    """Statements that the database server has seen so far."""
    with connection(bed.server.url) as mine, mine.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


def database_size(bed: Bed) -> int:
    """Octets of all tables with their indexes, as the files on the disk are."""
    folder = bed.server.home / "data" if bed.server else bed.folder
    return sum(path.stat().st_size for path in folder.rglob("*.ibd" if bed.server else "*.db*"))

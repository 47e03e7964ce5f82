"""The way back. What was sent after the backup is not known to it, so nothing goes on by itself.

Campaigns wait for their owners, and whatever may have been sent since is `unknown`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from blaster import campaigns, db, progress, schema
from blaster.backup import manifest
from blaster.backup.manifest import Manifest, Unusable
from blaster.backup.take import ORDER, engine_of
from blaster.config import Settings
from blaster.db import campaign_db, crm_db
from blaster.models.campaign_db import Campaign, CampaignModel, CampaignStatus
from blaster.models.crm_db import CampaignControl, CrmModel, Lease
from blaster.models.fields import Id
from blaster.models.sign_in import PasswordLink, Session
from blaster.queue import control, recount, restored

NOTE = (
    "Restored from a backup of {taken} UTC. Mails that waited then may have been sent since, so they are unknown: ask"
    " your mail provider, send them again or count them as sent, then resume."
)
LATE = "Restored from a backup of {taken} UTC: this campaign may have been sent already."
# Numbers that may have been given out after the backup stand in links and Message-IDs of mails that people have.
GAPS = {"mail_blaster": 10_000_000}
GAP = 1_000
SENDING = ("staging", "running", "paused")


def restore(settings: Settings, folder: Path, *, replace: bool = False, nothing_sent: bool = False) -> Iterator[str]:
    """Put both databases back; says in sentences what was found and done. Raises Unusable before anything is changed.

    `replace`: what is there now is lost. `nothing_sent`: since the backup nothing was sent (a move to another machine
    while all was stopped), so campaigns go on as they were. No page and no worker may be running.
    """
    found = manifest.read(folder)
    manifest.check_keys(found, settings)
    _check_files(found, folder)
    _check_target(found, replace)
    taken = f"{datetime.fromtimestamp(found.taken_at['crm'] / 1000, UTC):%d %B %Y %H:%M:%S}"
    for name, database in ORDER.items():
        then = [] if nothing_sent else _fence(name, taken, database)
        engine_of(database).load(database, folder / f"{name}{found.engines[name]}", then)
        yield f"{name}: restored as it was at {taken} UTC."
    schema.migrate()
    if not nothing_sent:
        yield from _put_right(taken)
        _jump()
    progress.publish()
    yield from _check()


def _check_files(found: Manifest, folder: Path) -> None:
    for name, expected in found.files.items():
        if not (folder / name).exists() or manifest.digest(folder / name) != expected:
            raise Unusable(f"{folder / name} is missing, or not what was written. Take another backup.")


def _check_target(found: Manifest, replace: bool) -> None:
    for name, database in ORDER.items():
        if engine_of(database).SUFFIX != found.engines[name]:
            raise Unusable(f"This is a backup of another engine than the one that is set for {name}.")
        with db.session(database):
            tables = database.get_tables()
            if "leases" in tables and _is_somebody_there():
                raise Unusable("Workers are running on this database. Stop all workers and pages first.")
            used = [t for t in tables if not t.startswith(("schema_migration", "sqlite_")) and _has_rows(database, t)]
        if used and not replace:
            raise Unusable(f"The {name} database is not empty ({used[0]}). Say --replace if it is to be lost.")


def _is_somebody_there() -> bool:
    alive = Lease.name.startswith("worker:") & (Lease.expires_at > db.now(crm_db))
    return Lease.select().where(alive).exists()


def _has_rows(database, table: str) -> bool:
    return database.execute_sql(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None


def _fence(name: str, taken: str, database) -> list[tuple[str, tuple]]:
    """Done before anybody can see the restored rows: a worker that is started too early finds nothing to send."""
    if name == "crm":
        return [("UPDATE campaign_control SET run_state='paused' WHERE run_state IN ('staging', 'running')", ())]
    with db.session(database):
        now = db.now(database)
    late = "UPDATE campaign_status SET note=? WHERE status='scheduled' AND start_at<=?"
    paused = "UPDATE campaign_status SET status='paused' WHERE status IN ('staging', 'running')"
    return [(paused, ()), (late, (LATE.format(taken=taken), now))]


def _put_right(taken: str) -> Iterator[str]:
    """Make the two servers, which are of two moments, agree, and hold what could send."""
    with db.session(campaign_db):
        for table in (Session, PasswordLink):
            table.delete().execute()  # one that was ended or used since would open the door again
    doubted = restored.let_nobody_work()
    for row in _ended_since():
        if row.status == "finished":
            doubted += restored.finish(row.campaign_id)
        else:
            restored.cancel(row.campaign_id)
        progress.refresh(_owner(row.campaign_id), row.campaign_id)
    _open_unknown()
    held, waited = restored.hold(NOTE.format(taken=taken))
    yield f"{held} campaigns are paused: their owners decide whether they go on. See docs/BACKUP.md."
    yield f"{doubted} mails were under way and {waited} waited: whether they were sent since is unknown."
    yield f"Lost: what was changed after {taken} UTC, also who unsubscribed since. Tell the owners before they resume."
    yield "Everybody signs in anew, with the password of then. API tokens withdrawn since work again: look at them."


def _ended_since() -> list[CampaignStatus]:
    """Campaigns that Server 1, which is a little newer, knows to have ended, and Server 2 does not."""
    with db.session(crm_db):
        going = CampaignControl.run_state.in_(control.OPEN)
        ids = [c for (c,) in CampaignControl.select(CampaignControl.campaign_id).where(going).tuples()]
    ended = CampaignStatus.campaign_id.in_(ids) & CampaignStatus.status.in_(("finished", "cancelled"))
    with db.session(campaign_db):
        return list(CampaignStatus.select().where(ended))


def _owner(campaign_id: int) -> int:
    with db.session(campaign_db):
        return Campaign.select(Campaign.user_id).where(Campaign.campaign_id == campaign_id).scalar()


def _open_unknown() -> None:
    """Campaigns that were started between the two moments get a queue, which `hold` keeps from sending."""
    with db.session(crm_db):
        known = [c for (c,) in CampaignControl.select(CampaignControl.campaign_id).tuples()]
    lost = CampaignStatus.status.in_(SENDING) & CampaignStatus.campaign_id.not_in(known)
    with db.session(campaign_db):
        CampaignStatus.update(status="staging").where(lost).execute()
    for started in campaigns.started():
        control.open_campaign(**started)


def _jump() -> None:
    for base, database in ((CampaignModel, campaign_db), (CrmModel, crm_db)):
        with db.session(database):
            for model in base.__subclasses__():
                if isinstance(model._meta.primary_key, Id):
                    table = model._meta.table_name
                    engine_of(database).jump(database, table, GAPS.get(table, GAP))


def _check() -> Iterator[str]:
    """Counts and rows of every campaign agree."""
    with db.session(crm_db):
        ids = [c for (c,) in CampaignControl.select(CampaignControl.campaign_id).tuples()]
    wrong = [campaign_id for campaign_id in ids if recount.difference(campaign_id)]
    yield f"Counted anew: {len(ids) - len(wrong)} of {len(ids)} campaigns agree with their mails."

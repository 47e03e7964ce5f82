"""Takes a backup: Server 2 first, then Server 1."""

from datetime import UTC, datetime
from pathlib import Path

from blaster import db
from blaster.backup import manifest, mysql, sqlite
from blaster.config import Settings
from blaster.db import campaign_db, crm_db

# Server 2 is the older one of the two, so that Server 1 knows every campaign that is in the queue. What it knows beyond
# that, `restore` puts right.
ORDER = {"crm": crm_db, "campaign": campaign_db}


def engine_of(database):
    """The module that dumps and loads this database."""
    return sqlite if db.is_sqlite(database) else mysql


def take(settings: Settings, parent: Path) -> Path:
    """A new folder in `parent` with both databases as they are now; returns it. Its files are their owner's alone."""
    folder = parent / f"blaster-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder.mkdir(mode=0o700, parents=True)
    found = manifest.of(settings)
    for name, database in ORDER.items():
        engine = engine_of(database)
        path = folder / f"{name}{engine.SUFFIX}"
        with db.session(database):
            found.taken_at[name] = db.now(database)
        engine.dump(database, path)
        path.chmod(0o600)
        found.engines[name] = engine.SUFFIX
        found.files[path.name] = manifest.digest(path)
    found.write(folder)
    return folder

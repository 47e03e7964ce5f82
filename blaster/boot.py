"""What every process does first: bind the databases, load the keys, learn where it may connect to."""

from blaster import db, replica, vault
from blaster.config import Settings
from blaster.mail import targets


def boot(settings: Settings, *, connections: int | None = None, retry_seconds: float = 5.0) -> None:
    """Connect both databases and unlock the vault. `retry_seconds` as in `db.connect`; `connections`: the settings'."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    db.connect(settings, connections=connections or settings.connections, retry_seconds=retry_seconds)
    replica.connect(settings)
    vault.unlock(settings.vault_keys)
    targets.use(settings)

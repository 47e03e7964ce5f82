"""What a backup says of itself: `manifest.json` beside its files."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from blaster import vault
from blaster.config import Settings

FORMAT = 1
NAME = "manifest.json"


class Unusable(Exception):
    """A backup that cannot be taken or restored like that; the message says what to do."""


@dataclass
class Manifest:
    """`engines`, `files` (sha256) and `taken_at` (ms, by the clock of the server) are by the name of the server.

    The databases are not of one instant: Server 2 is the older one, so that Server 1 knows of all that it knows.
    """

    keys: list[str]  # fingerprints of the keys that open what is in it; nothing can be learned from them
    secret: str
    engines: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    taken_at: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """The last file that is written: a folder without it is no backup."""
        (folder / NAME).write_text(json.dumps(asdict(self), indent=2) + "\n")


def of(settings: Settings) -> Manifest:
    """For a backup by this installation."""
    return Manifest(vault.fingerprints("backup"), _secret_mark(settings))


def read(folder: Path) -> Manifest:
    """Raises Unusable."""
    try:
        found = Manifest(**json.loads((folder / NAME).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise Unusable(f"{folder} is no backup: {NAME} is missing or cannot be read.") from error
    if found.format != FORMAT:
        raise Unusable("This backup was made by another version of Blaster: restore it with that one, then update.")
    return found


def check_keys(manifest: Manifest, settings: Settings) -> None:
    """Raises Unusable where the keys of this installation are not those of the backup."""
    if not set(manifest.keys) & set(vault.fingerprints("backup")):
        raise Unusable("vault.key is not the one of this backup: its passwords could not be read. Put that key back.")
    if manifest.secret != _secret_mark(settings):
        raise Unusable("secret.key is not the one of this backup: links in mails would end. Put that key back.")


def _secret_mark(settings: Settings) -> str:
    return hashlib.blake2b(b"backup", key=settings.secret_key.encode()[:64]).hexdigest()


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

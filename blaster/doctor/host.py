"""This host: disk, data directory, journals left behind, what the settings say about how people reach it."""

import os
import shutil
import stat
import time
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from blaster.doctor import Finding, Patient, fault, warning

LITTLE, TOO_LITTLE = 2 << 30, 200 << 20  # octets
LEFT_FOR = 60.0  # seconds


def disk(patient: Patient) -> Iterator[Finding]:
    """Free space where journals, keys, archives and SQLite files lie."""
    where = patient.settings.data_dir
    free = shutil.disk_usage(where).free
    if free < LITTLE:
        found = fault if free < TOO_LITTLE else warning
        why = "Without room for the journal and the marks of mails nothing is sent."
        cure = "Make room: old backups and the folder archive can be moved elsewhere."
        yield found("disk", str(where), f"{free >> 20} MB are free.", why, cure)


def data_directory(patient: Patient) -> Iterator[Finding]:
    """It can be written to."""
    where = patient.settings.data_dir
    if not os.access(where, os.W_OK | os.X_OK):
        why = "Workers keep their journals there and do not start without it."
        yield fault(
            "data-directory", str(where), "It cannot be written to.", why, f"chown the user of Blaster: {where}"
        )


def key_files(patient: Patient) -> Iterator[Finding]:
    """Only their owner reads them."""
    for name in ("vault.key", "secret.key"):
        path = patient.settings.data_dir / name
        if os.name == "posix" and path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield fault(
                "key-file-open",
                str(path),
                "Others on this host can read or write it.",
                "With it the passwords of all SMTP accounts can be read, or sessions and links forged.",
                f"chmod 600 {path}",
                fix=lambda path=path: path.chmod(0o600),
            )


def secret(patient: Patient) -> Iterator[Finding]:
    """BLASTER_SECRET_KEY cannot be guessed."""
    if len(patient.settings.secret_key) < 32:
        why = "Whoever guesses it can sign in as anybody and unsubscribe anybody."
        cure = "Set a random one of 32 characters or more; everybody signs in again, and links in old mails end."
        yield fault("secret-key-short", "settings", "BLASTER_SECRET_KEY is shorter than 32 characters.", why, cure)


def journals(patient: Patient) -> Iterator[Finding]:
    """Notes of a worker that died and that no worker on this host has read since."""
    for path in sorted((patient.settings.data_dir / "journal").glob("*.journal")):
        if time.time() - path.stat().st_mtime > LEFT_FOR and _is_left(path):
            yield warning(
                "journal-left",
                str(path),
                "A worker died and left its journal.",
                "It knows which of the mails in doubt were sent; until it is read they are shown as unknown.",
                "Start a worker on this host with this data directory: it settles them and deletes the file.",
            )


def _is_left(path: Path) -> bool:
    lock = FileLock(f"{path}.lock", timeout=0)
    try:
        with lock:
            return path.exists()
    except Timeout:
        return False


def public_url(patient: Patient) -> Iterator[Finding]:
    """Links in mails need an address."""
    settings = patient.settings
    if not settings.public_url:
        why = "No campaign starts: its mails could not be unsubscribed from."
        cure = "Set BLASTER_PUBLIC_URL to the https address of the pages, for web and workers alike."
        yield fault("public-url-missing", "settings", "BLASTER_PUBLIC_URL is not set.", why, cure)
    elif settings.public_url.startswith("https:") and not settings.secure_cookies:
        why = "A browser sends the session also without TLS, where it can be read."
        cure = "Set BLASTER_SECURE_COOKIES=1."
        yield warning("cookies-not-secure", "settings", "People come over https, cookies do not insist.", why, cure)


def zones(patient: Patient) -> Iterator[Finding]:
    """The zones of the world are known on this host."""
    if len(zoneinfo.available_timezones()) < 300:
        why = "Scheduled starts and sending hours cannot be reckoned."
        yield fault("time-zones-missing", "this host", "The list of time zones is missing.", why, "pip install tzdata")


CHECKS = (disk, data_directory, key_files, secret, journals, public_url, zones)

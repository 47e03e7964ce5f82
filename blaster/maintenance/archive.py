"""Old campaigns go to compressed CSV files in the data directory, a thousand mails at a time.

A file is a row of gzip members, one a chunk, so that what a chunk left half written can be cut off.
"""

import csv
import gzip
import io
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from blaster import erased
from blaster.csv_export import instant, safe
from blaster.queue import archive as queue
from blaster.queue.erasure import ERASED

DAY = 86_400_000
HEADER = ("id", "recipient id", "address", "state", "account id", "time (UTC)", "attempts")
HEADER += ("reply class", "reply code", "reply")
_ADDRESS, _REPLY = HEADER.index("address"), HEADER.index("reply")


def archive(turn) -> Iterator[str]:
    """Move mails of campaigns that ended `archive_days` ago out of the queue."""
    days = turn.settings.archive_days
    if not days:
        return
    folder = _folder(turn.settings.data_dir)
    with suppress(Timeout), _alone(folder, turn):
        for campaign in queue.due(turn.now - days * DAY):
            file, host = f"campaign-{campaign.campaign_id}.csv.gz", platform.node()[:64]
            if moved := turn.chunks(lambda c=campaign, f=file, h=host: queue.move(c, h, f, _writer(folder))):
                yield f"Campaign {campaign.campaign_id}: {moved} mails moved to {folder / file}."


def _folder(data_dir: Path) -> Path:
    folder = data_dir / "archive"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _alone(folder: Path, turn):
    """Nobody else writes to these files meanwhile. Whoever is told to stop does not go on waiting: Timeout."""
    return FileLock(folder / ".lock").acquire(cancel_check=turn.is_over)


def _writer(folder: Path):
    return lambda name, octets, rows: append(folder / name, octets, rows)


def append(path: Path, octets: int, rows: Sequence[tuple]) -> int:
    """Write rows behind the first `octets` of a file, on disk; returns its new length. Whoever reads it sees addresses,
    so it is its owner's alone. One that was moved away meanwhile is begun anew."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        begin = min(octets, file.seek(0, os.SEEK_END))
        lines = map(_cells, rows)
        file.seek(begin)
        file.write(gzip.compress(_csv(lines if begin else [HEADER, *lines])))
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _cells(row: tuple) -> tuple:
    mail_id, recipient_id, email, status, account_id, since, *reply = row
    return (mail_id, recipient_id, email, status, account_id, instant(since), *reply)


def _csv(rows: Iterable[Iterable]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(map(safe, row) for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def erase(turn) -> Iterator[str]:
    """Take addresses that were erased since out of the files on this host."""
    folder = _folder(turn.settings.data_dir)
    with suppress(Timeout), _alone(folder, turn):
        for found in queue.stale(platform.node()[:64]):
            if turn.is_over():
                return
            if (folder / found.file).exists():
                number = _without_erased(folder / found.file)
                queue.rewritten(found)
                yield f"{found.file}: {number} erased addresses taken out."


def _without_erased(path: Path) -> int:
    """Write the file anew beside the old one, then put it in its place; returns how many addresses went."""
    number, draft = 0, path.with_suffix(".draft")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as old, open(draft, "wb") as new:
        os.fchmod(new.fileno(), 0o600)
        for rows in _chunks(csv.reader(old)):
            gone = queue.erased_among([int(row[0]) for row in rows if row[0].isdigit()], erased.PREFIX)
            kept = [_erased(row) if row[0].isdigit() and int(row[0]) in gone else row for row in rows]
            number += sum(row[_ADDRESS] != now[_ADDRESS] for row, now in zip(rows, kept, strict=True))
            new.write(gzip.compress(_csv(kept)))
        new.flush()
        os.fsync(new.fileno())
    draft.replace(path)
    return number


def _chunks(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    chunk: list[list[str]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == queue.CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _erased(row: list[str]) -> list[str]:
    """A reply repeats the address as often as not."""
    return [ERASED if place == _ADDRESS else "" if place == _REPLY else cell for place, cell in enumerate(row)]

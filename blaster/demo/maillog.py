"""What the sink accepted, one line per mail and recipient, readable by any process while the sink runs."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

HOUR_MS = 3_600_000
FIELDS = 7
_CAMPAIGN = re.compile(r"<\d+\.(\d+)\.")
_SPACE = re.compile(r"\s+")


class Record(NamedTuple):
    """One accepted mail: `time_ms` by the sink's clock (UTC), `size` in bytes on the wire without the final dot."""

    time_ms: int
    login: str
    mail_from: str
    recipient: str
    message_id: str
    subject: str
    size: int

    @property
    def campaign(self) -> str:
        """The campaign's number as the Message-ID carries it (`<row.campaign.mac@domain>`), else an empty string."""
        match = _CAMPAIGN.match(self.message_id)
        return match[1] if match else ""


class AppendLog:
    """Appends whole lines with one write each, so that a killed writer leaves at most one torn line at the end."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)

    def append(self, *rows: Iterable[object]) -> None:
        """Write one tab-separated line per row; the operating system has them when this returns."""
        os.write(self._file, "".join(map(_line, rows)).encode("utf-8", "surrogateescape"))

    def close(self) -> None:
        os.close(self._file)


def read_log(path: Path) -> Iterator[Record]:
    """The accepted mails in the order of acceptance; none if the sink has not written yet."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == FIELDS and line.endswith("\n"):
                yield Record(int(fields[0]), *fields[1:6], int(fields[6]))


def report(path: Path) -> dict:
    """Counts for a check by eye or by script.

    `mails`, `recipients` (different addresses), `duplicates` (same campaign, same address again), `by_login`,
    `by_campaign` ({number: {mails, recipients}}), and per login the most mails in any rolling 60 minutes and 24 hours.
    """
    times, addresses, mails = defaultdict(list), defaultdict(set), Counter()
    for record in read_log(path):
        times[record.login].append(record.time_ms)
        addresses[record.campaign].add(record.recipient)
        mails[record.campaign] += 1
    different = sum(map(len, addresses.values()))
    return {
        "mails": mails.total(),
        "recipients": len(set().union(*addresses.values())),
        "duplicates": mails.total() - different,
        "by_login": {login: len(times[login]) for login in sorted(times)},
        "by_campaign": {key: {"mails": mails[key], "recipients": len(addresses[key])} for key in sorted(mails)},
        "busiest_hour": {login: busiest(times[login], HOUR_MS) for login in sorted(times)},
        "busiest_day": {login: busiest(times[login], 24 * HOUR_MS) for login in sorted(times)},
    }


def busiest(times_ms: list[int], window_ms: int) -> int:
    """The most instants that any window of that length holds."""
    ordered = sorted(times_ms)
    start = most = 0
    for end, instant in enumerate(ordered):
        while instant - ordered[start] >= window_ms:
            start += 1
        most = max(most, end - start + 1)
    return most


def _line(row: Iterable[object]) -> str:
    return "\t".join(_SPACE.sub(" ", str(value)) for value in row) + "\n"

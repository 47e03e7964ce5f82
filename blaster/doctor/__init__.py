"""What is wrong with an installation, why it matters, and the cure of each: small checks that only read.

A module a topic; `examination.py` runs them. No check walks over all of `mail_blaster`: a doctor that slows the sending
down is not called a second time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from blaster.config import Settings
from blaster.db import campaign_db, crm_db

NAMES = {"Server 1": campaign_db, "Server 2": crm_db}


@dataclass(frozen=True)
class Finding:
    """One fault. `kind` is its name for programs; `where` and `what` name ids, never addresses or secrets.

    severity: warning | fault. `fix` mends it and is safe while mails go out; None where a person has to decide.
    """

    kind: str
    severity: str
    where: str
    what: str
    why: str
    cure: str
    fix: Callable[[], None] | None = None


def fault(*words: str, fix: Callable[[], None] | None = None) -> Finding:
    """Something does not work. words: kind, where, what, why, cure."""
    return Finding(words[0], "fault", *words[1:], fix=fix)


def warning(*words: str, fix: Callable[[], None] | None = None) -> Finding:
    """Something will not work for long, or works worse than it could. words: kind, where, what, why, cure."""
    return Finding(words[0], "warning", *words[1:], fix=fix)


@dataclass
class Patient:
    """The installation under examination. `answering`: databases that can be asked, by the names of NAMES; `ready`:
    those of them whose tables are all there. Both are filled on the way.

    patience: seconds between two looks at what ought to move. `at_most`: rows of a campaign that are counted.
    """

    settings: Settings
    patience: float = 3.0
    at_most: int = 200_000
    answering: dict = field(default_factory=dict)
    ready: dict = field(default_factory=dict)


Check = Callable[[Patient], Iterable[Finding]]


def needs(*names: str) -> Callable[[Check], Check]:
    """Marks a check that reads tables of these servers: it is left out while one of them is not ready."""

    def mark(check: Check) -> Check:
        check.needs = names
        return check

    return mark


def run(checks: Iterable[Check], patient: Patient) -> Iterator[Finding]:
    """All findings of those checks whose servers are ready, in order."""
    for check in checks:
        if all(name in patient.ready for name in getattr(check, "needs", ())):
            yield from check(patient)


def exit_code(findings: Iterable[Finding]) -> int:
    """0: nothing found, 1: warnings, 2: faults."""
    return max(({"warning": 1, "fault": 2}[finding.severity] for finding in findings), default=0)

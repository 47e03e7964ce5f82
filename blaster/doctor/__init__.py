"""What is wrong with an installation, and the cure of each: small checks that only read."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`severity`: warning | error. `what` names ids, never addresses; `fix` mends it and is safe while mails go out."""

    severity: str
    what: str
    cure: str
    fix: Callable[[], None] | None = None


def examine(checks: Iterable[Callable[[], Iterable[Finding]]]) -> Iterator[Finding]:
    """All findings, in the order of the checks."""
    for check in checks:
        yield from check()


def exit_code(findings: Iterable[Finding]) -> int:
    """0: nothing found, 1: warnings, 2: errors."""
    return max(({"warning": 1, "error": 2}[finding.severity] for finding in findings), default=0)

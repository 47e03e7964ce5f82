"""Why nothing is sent at the moment, and when it goes on: the states of the accounts put into words."""

from collections.abc import Iterable
from dataclasses import dataclass

from blaster.web.supply import Line


@dataclass(frozen=True)
class Reason:
    """What holds back some accounts. `until` (ms): when the first of them goes on, 0 = not by itself."""

    words: str
    accounts: int
    until: int


def reasons(lines: Iterable[Line]) -> list[Reason]:
    """One for each cause, those that end first on top; accounts that are switched off do not count."""
    by_words: dict[str, list[Line]] = {}
    for line in lines:
        if line.state not in ("ok", "inactive"):
            by_words.setdefault(line.words, []).append(line)
    found = [Reason(words, len(held), _first(held)) for words, held in by_words.items()]
    return sorted(found, key=lambda reason: (reason.until == 0, reason.until))


def _first(lines: list[Line]) -> int:
    return min(filter(None, map(_free_at, lines)), default=0)


def _free_at(line: Line) -> int:
    """Both its health and its limits must let it; 0 where one of them never does by itself."""
    return max(line.until, line.budget.next_at) if line.until and line.budget.next_at else 0

"""Who loaded a picture or followed a link, as far as the request tells: marks.toml is the table. Pure."""

import functools
import re
import tomllib
from dataclasses import dataclass
from datetime import date
from fnmatch import translate
from pathlib import Path

FILE = Path(__file__).with_name("marks.toml")


@dataclass(frozen=True)
class Mark:
    """One of the table; the fields are explained at its head."""

    key: str
    name: str
    who: str  # machine | person
    words: str
    source: str
    date: date
    confidence: str
    agents: tuple[str, ...] = ()

    @property
    def is_machine(self) -> bool:
        """It does not count as a person."""
        return self.who == "machine"


@functools.cache
def all_marks() -> dict[str, Mark]:
    """By key, in the order of the file."""
    with FILE.open("rb") as file:
        return {key: _mark(key, values) for key, values in tomllib.load(file).items()}


def _mark(key: str, values: dict) -> Mark:
    return Mark(key=key, **(values | {"agents": tuple(values.get("agents", ()))}))


@functools.cache
def _patterns() -> list[tuple[re.Pattern, Mark]]:
    marks = all_marks().values()
    return [(re.compile("|".join(map(translate, mark.agents))), mark) for mark in marks if mark.agents]


def of_request(method: str, agent: str, purpose: str = "") -> Mark | None:
    """What a request says about who sent it; None: nothing, as a browser or a mail program does.

    agent: the header User-Agent; purpose: Sec-Purpose, or one of its forerunners.
    """
    marks, agent = all_marks(), agent.strip().lower()
    if method == "HEAD":
        return marks["head"]
    if "prefetch" in purpose.lower():
        return marks["ahead"]
    if not agent:
        return marks["nameless"]
    return next((mark for pattern, mark in _patterns() if pattern.match(agent)), None)

"""Three messages to begin with. They look right in Outlook and Gmail, on a phone and in the dark."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from blaster.errors import NotFound


@dataclass(frozen=True)
class Starter:
    """A message like that of a template; `key` names it in URLs, `words` say what it is good for."""

    key: str
    name: str
    words: str
    subject: str
    preheader: str
    text: str = ""
    rich: None = None

    @property
    def html(self) -> str:
        return _html(self.key)


STARTERS = (
    Starter(
        "newsletter",
        "Newsletter",
        "One story first, two shorter ones below.",
        "Spring issue: one headline that makes people want to read on",
        "And a date to keep, {{ first_name | default: 'dear reader' }}",
    ),
    Starter(
        "announcement",
        "Announcement",
        "One piece of news, its facts, one button.",
        "We open the doors on Saturday",
        "Ten in the morning, free on the first day",
    ),
    Starter(
        "letter",
        "Plain letter",
        "From one person to another, without a layout.",
        "A question for you, {{ first_name | default: 'dear reader' }}",
        "It takes a minute to answer",
    ),
)


def get_starter(key: str) -> Starter:
    """Raises NotFound."""
    found = next((starter for starter in STARTERS if starter.key == key), None)
    if found is None:
        raise NotFound("No such starter.")
    return found


@cache
def _html(key: str) -> str:
    return (Path(__file__).parent / f"{key}.html").read_text(encoding="utf-8")

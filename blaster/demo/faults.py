"""Scripted trouble for the sink: which conversations go wrong, where, and how."""

import dataclasses
import json
import os
import random
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

STAGES = ("banner", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dot")
ACTIONS = ("reply", "drop", "swallow", "delay", "drip", "garbage")


@dataclass(frozen=True)
class Rule:
    """One kind of trouble at one stage of the conversation.

    `reply` answers with the text in `reply` (a 421 also hangs up), `drop` hangs up without doing what was asked,
    `swallow` does it and hangs up without a reply, `delay` does it and replies `seconds` later, `drip` does it and
    sends the reply a byte every `seconds`, `garbage` does it and answers with the bytes of `reply`, no SMTP at all.
    Stage `body` comes after 354 and before the final dot; only `drop` is possible there.
    A rule sees the conversations whose `login` and `recipient` match its patterns; of these it lets `skip` pass, then
    acts `times` times (0 = for ever), each with `probability`. `per` counts these for each "login" or "recipient".
    """

    stage: str
    action: str = "reply"
    reply: str = ""
    seconds: float = 0.0
    probability: float = 1.0
    login: str = "*"
    recipient: str = "*"
    skip: int = 0
    times: int = 0
    per: str = ""

    def __post_init__(self):
        known = self.stage in STAGES and self.action in ACTIONS and self.per in ("", "login", "recipient")
        if not known or (self.stage == "body" and self.action != "drop"):
            raise ValueError(f"no such fault: {self}")

    @property
    def accepts(self) -> bool:
        """Whether the sink does what the client asked for, whatever the client hears about it."""
        return self.reply[:1] in ("2", "3") if self.action == "reply" else self.action != "drop"

    def matches(self, login: str, recipient: str) -> bool:
        return fnmatchcase(login, self.login) and fnmatchcase(recipient, self.recipient)


@dataclass(frozen=True)
class Faults:
    """How the sink behaves: its rules, the first that acts wins, and what it announces.

    `size` is the announced limit in bytes (0 = no SIZE), `rtt_ms` a simulated round trip: every reply comes that late.
    """

    rules: tuple[Rule, ...] = ()
    pipelining: bool = True
    auth: bool = True
    size: int = 50_000_000
    rtt_ms: float = 0.0
    seed: int = 1

    @classmethod
    def load(cls, path: Path) -> "Faults":
        """Read a JSON file as `save` writes it; a missing file means no faults."""
        if not path.exists():
            return cls()
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**fields, "rules": tuple(Rule(**rule) for rule in fields.get("rules", ()))})

    def save(self, path: Path) -> None:
        """Replace the file in one step: a running sink follows within a quarter of a second."""
        draft = path.with_name(path.name + ".new")
        draft.write_text(json.dumps(dataclasses.asdict(self), indent=1), encoding="utf-8")
        os.replace(draft, path)


class Script:
    """Faults being played: counts what each rule has seen."""

    def __init__(self, faults: Faults):
        self.faults = faults
        self._seen = Counter()
        self._random = random.Random(faults.seed)

    def pick(self, stage: str, login: str, recipient: str) -> Rule | None:
        """The rule that acts now, if any."""
        for number, rule in enumerate(self.faults.rules):
            if rule.stage == stage and rule.matches(login, recipient) and self._is_due(number, rule, login, recipient):
                return rule
        return None

    def _is_due(self, number: int, rule: Rule, login: str, recipient: str) -> bool:
        key = (number, {"login": login, "recipient": recipient}.get(rule.per))
        self._seen[key] += 1
        turn = self._seen[key] - rule.skip
        return turn > 0 and (not rule.times or turn <= rule.times) and self._random.random() < rule.probability

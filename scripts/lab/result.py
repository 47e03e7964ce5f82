"""What came out of a run, for people and for scripts."""

from collections import Counter
from dataclasses import asdict, dataclass

from scripts.lab.evidence import Evidence
from scripts.lab.invariants import Verdict
from scripts.lab.plan import Plan

CASES_SHOWN = 5


@dataclass(frozen=True)
class Result:
    """`held`: everything that must hold does."""

    plan: Plan
    verdicts: list[Verdict]
    figures: dict

    @property
    def held(self) -> bool:
        return not any(verdict.cases for verdict in self.verdicts)

    def as_json(self) -> dict:
        broken = {v.name: v.cases[:CASES_SHOWN] for v in self.verdicts if v.cases}
        return {"held": self.held, "broken": broken, "figures": self.figures, "plan": asdict(self.plan)}

    def as_text(self) -> str:
        lines = [f"{name:<40} {_shown(value)}" for name, value in self.figures.items()]
        for verdict in self.verdicts:
            lines.append(f"{'BROKEN' if verdict.cases else 'ok':<7} {verdict.name:<4} {verdict.claim}")
            lines += [f"             {case}" for case in verdict.cases[:CASES_SHOWN]]
            if len(verdict.cases) > CASES_SHOWN:
                lines.append(f"             and {len(verdict.cases) - CASES_SHOWN} more")
        lines.append(f"{'All held' if self.held else 'NOT all held'} with seed {self.plan.seed}.")
        return "\n".join(lines)


def figures(found: Evidence, done: Counter, played: Counter, doubt: Counter, seconds: float) -> dict:
    """The numbers of a run."""
    duplicates = sum(times - 1 for times in found.accepts.values())
    states = Counter(mail.status for mail in found.mails.values())
    return {
        "seconds": round(seconds, 1),
        "mails": found.plan.mails,
        "accepted by the mail servers": len(found.accepted),
        "accepted twice": duplicates,
        **{state: states[state] for state in ("sent", "failed", "pending", "unknown")},
        "  of these without a word": found.unknown[False],
        "unknown at most": doubt.total(),
        **{f"  {name}": number for name, number in sorted(doubt.items())},
        "broken": dict(sorted(done.items())),
        "faults of the mail servers": played.total(),
    }


def _shown(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {number:,}" for key, number in value.items())
    if isinstance(value, list):
        return ", ".join(f"{seconds} s" for seconds in value)
    return f"{value:,}"

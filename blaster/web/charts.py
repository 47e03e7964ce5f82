"""Figures as shapes of an SVG, in the units of its viewBox; templates/charts draws them."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 120


@dataclass(frozen=True)
class Bar:
    """One step of time: mails sent and not sent in it, `rate` of both by the minute, and its two rectangles."""

    start: int
    sent: int
    failed: int
    rate: float
    x: float
    width: float
    sent_height: float
    failed_height: float


@dataclass(frozen=True)
class Bars:
    """Bars side by side; `top`: mails a minute at the upper edge, `minutes`: how long a step is."""

    bars: list[Bar]
    top: int
    minutes: int


def bars(columns: Sequence[tuple[int, int, int]], minutes: int) -> Bars:
    """From `(start, sent, failed)` for each step of so many minutes."""
    top = ceiling(max((sent + failed) / minutes for _, sent, failed in columns))
    slot = WIDTH / max(len(columns), 12)
    scale = HEIGHT / top / minutes
    return Bars(
        [
            Bar(start, sent, failed, (sent + failed) / minutes, i * slot, slot * 0.8, sent * scale, failed * scale)
            for i, (start, sent, failed) in enumerate(columns)
        ],
        top,
        minutes,
    )


def ceiling(value: float) -> int:
    """The next round number: 1, 2 or 5 and zeros."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if factor * size >= value:
                return factor * size
        size *= 10


def line(values: Sequence[int], width: int = 84, height: int = 20) -> str:
    """The points of a polyline through these values, 0 at the bottom."""
    top, gap = max(*values, 1), width / max(len(values) - 1, 1)
    return " ".join(f"{i * gap:.1f},{1 + (height - 2) * (1 - value / top):.1f}" for i, value in enumerate(values))

"""The figures on paper in docs/SCALING.md are those of the planner."""

import re
from pathlib import Path

import pytest

from blaster.capacity.plan import MAIL_BYTES, MB, Question, plan

TEXT = (Path(__file__).parent.parent / "docs" / "SCALING.md").read_text(encoding="utf-8")
SIZES = (100, 500, 1_000, 10_000)


def row(name: str) -> list[str]:
    """The cells of the table's row that begins like this."""
    (line,) = re.findall(rf"^\| {re.escape(name)}[^|]*\|(.*)\|$", TEXT, re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


@pytest.mark.parametrize("column", range(len(SIZES)))
def test_the_table_is_what_the_planner_says(column):
    found, week = plan(Question(users=SIZES[column])), plan(Question(users=SIZES[column], kept=7))
    assert row("mails a day")[column] == f"{found.mails // MB:,}M"
    assert row("rows of `mail_blaster`")[column] == f"{30 * found.mails // MB:,}M"
    assert row("disk of Server 2")[column] == f"{found.disk.ours / 1e9:,.0f} GB"
    assert row("… archived after 7 days")[column] == f"{week.disk.ours / 1e9:,.0f} GB"
    assert row("a day's rows")[column] == f"{found.mails * MAIL_BYTES / 1e9:.1f} GB"
    assert row("memory with workers")[column] == f"{found.memory.ours / 1e9:.1f} GB"
    assert row("worker processes")[column] == str(found.workers.ours)
    fastest = SIZES[column] * 20 * 50 / 3600
    assert row("mails a second")[column] == f"{fastest:,.0f}"

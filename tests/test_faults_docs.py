"""The table of faults in docs/RELIABILITY.md is complete, and names tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "RELIABILITY.md").read_text(encoding="utf-8")


def test_each_of_the_thirty_faults_has_its_row():
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|.*`test_", TEXT, re.MULTILINE)]
    assert numbers == list(range(1, 31))


def test_every_test_of_the_table_exists():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (TESTS / file).read_text("utf-8")]
    assert len(named) > 30
    assert missing == []

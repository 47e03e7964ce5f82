"""Score the classifiers against a folder of real cases with known answers.

    python3 scripts/bench/corpus.py DIR [--json] [--wrong]

DIR/smtp_replies/replies.tsv: a header line, then text, expect (acceptable classes, a|b), stage, tab separated.
"""

import argparse
import csv
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blaster.mail.replies import classify
from blaster.mail.session import Reply

CODE = re.compile(r"(\d{3})[ -]?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, help="folder with smtp_replies/")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--wrong", action="store_true", help="list the cases that came out wrong")
    arguments = parser.parse_args()
    figures, wrong = score_replies(arguments.dir / "smtp_replies" / "replies.tsv")
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return 0
    for name, value in figures.items():
        print(f"{name:24} {value}")
    if arguments.wrong:
        for line in wrong:
            print(line)
    return 0


def score_replies(path: Path) -> tuple[dict[str, float], list[str]]:
    """The figures, and a line for each reply whose class is not among the acceptable ones."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    results = [(classify(reply_of(row)), row["expect"].split("|"), row) for row in rows]
    wrong = [(got, expected, row["text"]) for got, expected, row in results if got not in expected]
    figures = {
        "replies.cases": len(rows),
        "replies.right": round(1 - len(wrong) / len(rows), 4) if rows else 0.0,
        "replies.wrong_hard": sum(got == "hard" for got, _, _ in wrong),
    }
    return figures, [f"{got} for {'|'.join(expected)}: {text}" for got, expected, text in wrong]


def reply_of(row: dict[str, str]) -> Reply:
    """The case as transport would have read it; its stage `any` stays an unknown phase."""
    code = CODE.match(row["text"])
    return Reply(row["stage"], int(code[1]) if code else -1, row["text"][code.end() :] if code else row["text"])


if __name__ == "__main__":
    sys.exit(main())

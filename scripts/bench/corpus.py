#!/usr/bin/env python3
"""Scores the classifiers against a folder of real cases with known answers.

  python3 scripts/bench/corpus.py DIR            the figures as a table
  python3 scripts/bench/corpus.py DIR --json     the figures as JSON
  python3 scripts/bench/corpus.py DIR --wrong    and the cases that came out wrong

DIR/smtp_replies/replies.tsv: a header line, then text, expect (acceptable classes, a|b) and stage, tab separated.
"""

import argparse
import csv
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv

CODE = re.compile(r"(\d{3})[ -]?")


def main():
    options = parser().parse_args()
    _venv.enter()
    figures, wrong = score_replies(options.dir / "smtp_replies" / "replies.tsv")
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:24} {value}")
    if options.wrong:
        print(*wrong, sep="\n")


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("dir", type=Path, metavar="DIR", help="folder with smtp_replies/")
    made.add_argument("--json", action="store_true", help="print the figures as JSON")
    made.add_argument("--wrong", action="store_true", help="list the cases that came out wrong")
    return made


def score_replies(path):
    """The figures, and a line for each reply whose class is not among the acceptable ones."""
    from blaster.mail.replies import classify

    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    results = [(classify(reply_of(row)), row["expect"].split("|"), row["text"]) for row in rows]
    wrong = [(got, expected, text) for got, expected, text in results if got not in expected]
    figures = {
        "replies.cases": len(rows),
        "replies.right": round(1 - len(wrong) / len(rows), 4) if rows else 0.0,
        "replies.wrong_hard": sum(got == "hard" for got, _, _ in wrong),
    }
    return figures, [f"{got} for {'|'.join(expected)}: {text}" for got, expected, text in wrong]


def reply_of(row):
    """The case as transport would have read it; its stage `any` stays a phase that is not known."""
    from blaster.mail.session import Reply

    code = CODE.match(row["text"])
    return Reply(row["stage"], int(code[1]) if code else -1, row["text"][code.end() :] if code else row["text"])


if __name__ == "__main__":
    main()

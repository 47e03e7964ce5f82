#!/usr/bin/env python3
"""Scores the classifiers against a folder of real cases with known answers.

  python3 scripts/bench/corpus.py DIR            the figures as a table
  python3 scripts/bench/corpus.py DIR --json     the figures as JSON
  python3 scripts/bench/corpus.py DIR --wrong    and the cases that came out wrong

DIR/smtp_replies/replies.tsv: a header line, then text, expect (acceptable classes, a|b) and stage, tab separated.
DIR/bounces/labels.tsv: a header line, then one line for each recipient of a file: file (below DIR/bounces), recipient
(acceptable forms, a|b; empty = cannot be known) and expect, among other columns. The finer classes count as soft:
disabled, quota, message, and a report of a mere delay.
"""

import argparse
import csv
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv

SAME = {"disabled": "soft", "quota": "soft", "message": "soft", "delayed": "soft"}
CODE = re.compile(r"(\d{3})[ -]?")


def main():
    options = parser().parse_args()
    _venv.enter()
    figures, wrong = {}, []
    for file, score in (("smtp_replies/replies.tsv", score_replies), ("bounces/labels.tsv", score_bounces)):
        if (options.dir / file).exists():
            more, cases = score(options.dir / file)
            figures |= more
            wrong += cases
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:24} {value}")
    if options.wrong:
        print(*wrong, sep="\n")


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("dir", type=Path, metavar="DIR", help="folder with smtp_replies/ or bounces/, or both")
    made.add_argument("--json", action="store_true", help="print the figures as JSON")
    made.add_argument("--wrong", action="store_true", help="list the cases that came out wrong")
    return made


def score_replies(path):
    """The figures, and a line for each reply whose class is not among the acceptable ones."""
    from blaster.mail.replies import classify

    rows = table(path)
    results = [(classify(reply_of(row)), row["expect"].split("|"), row["text"]) for row in rows]
    wrong = [(got, expected, text) for got, expected, text in results if got not in expected]
    figures = {
        "replies.cases": len(rows),
        "replies.right": share(len(rows) - len(wrong), len(rows)),
        "replies.wrong_hard": sum(got == "hard" for got, _, _ in wrong),
    }
    return figures, [f"{got} for {'|'.join(expected)}: {text}" for got, expected, text in wrong]


def score_bounces(path):
    """Recipients right: exactly those of the label. Class right: counted for each line of the labels."""
    files = defaultdict(list)
    for row in table(path):
        files[row["file"]].append(row)
    named = right = 0
    classes, wrong = [], []
    for name, rows in sorted(files.items()):
        report = parsed(path.parent / name)
        found = {recipient.address.lower(): recipient for recipient in report.recipients}
        if any(row["recipient"] for row in rows):
            named += 1
            right += (exact := all_named(rows, found))
            wrong += [] if exact else [f"recipients {' '.join(found) or '-'}: {name}"]
        classes += [(name, bounce_class(report, found, row), row["expect"].split("|")) for row in rows]
    bad = [(name, got, expected) for name, got, expected in classes if got not in expected]
    complaints = [got == "complaint" for _, got, expected in classes if "complaint" in expected]
    figures = {
        "bounces.files": len(files),
        "bounces.recipients_right": share(right, named),
        "bounces.class_right": share(len(classes) - len(bad), len(classes)),
        "bounces.wrong_hard": sum(got == "hard" for _, got, _ in bad),
        "bounces.complaints_found": share(sum(complaints), len(complaints)),
    }
    return figures, wrong + [f"{got} for {'|'.join(expected)}: {name}" for name, got, expected in bad]


def parsed(path):
    from blaster.mail.bounces import parse

    return parse(path.read_bytes())


def all_named(rows, found):
    """Whether each label has one address of the report, and no address is left."""
    left = set(found) - {""}
    for row in rows:
        match = left & set(row["recipient"].lower().split("|"))
        if row["recipient"] and not match:
            return False
        left -= set(sorted(match)[:1])
    return not left


def bounce_class(report, found, row):
    """The class of the recipient of a label; of the first one, if the report names none of its forms."""
    if report.kind != "bounce":
        return SAME.get(report.kind, report.kind)
    named = [found[form] for form in row["recipient"].lower().split("|") if form in found]
    got = (named or list(report.recipients))[0].bounce_class
    return SAME.get(got, got)


def share(part, whole):
    return round(part / whole, 4) if whole else 0.0


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def reply_of(row):
    """The case as transport would have read it; its stage `any` stays a phase that is not known."""
    from blaster.mail.session import Reply

    code = CODE.match(row["text"])
    return Reply(row["stage"], int(code[1]) if code else -1, row["text"][code.end() :] if code else row["text"])


if __name__ == "__main__":
    main()

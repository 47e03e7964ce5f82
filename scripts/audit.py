#!/usr/bin/env python3
"""Asks the vulnerability database of PyPI about every package that requirements.txt and requirements-dev.txt pin.

examples:
  python3 scripts/audit.py
  python3 scripts/audit.py --tool "pipx run pip-audit"

Needs the internet; pip-audit is installed into .venv on first use. Exit code: 0 nothing known, 1 something is, 2 wrong
arguments, 3 not about all could be asked. The tests do not run it, since what is known changes without any change of
ours: run it before a release and once a week.
"""

import argparse
import json
import shlex
import subprocess
import sys

import _venv

TOOL = "pip-audit==2.10.1"
FILES = ("requirements.txt", "requirements-dev.txt")


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="audit.py", description=__doc__, formatter_class=raw)
    parser.add_argument("--tool", metavar="COMMAND", help="a pip-audit of yours instead of the one in .venv")
    options = parser.parse_args()
    _venv.enter("requirements-dev.txt")
    tool = shlex.split(options.tool) if options.tool else installed()
    files = [part for name in FILES for part in ("-r", str(_venv.PROJECT / name))]
    done = subprocess.run([*tool, "--progress-spinner", "off", "--format", "json", *files], stdout=subprocess.PIPE)
    sys.exit(tell(packages(done.stdout)))


def packages(text):
    """What was found out about each; nothing where nobody answered."""
    try:
        return json.loads(text)["dependencies"]
    except ValueError:
        return []


def tell(found):
    """It says "no known vulnerabilities" also of packages that nobody knows: those count as not asked here."""
    asked = [each for each in found if "skip_reason" not in each]
    hit = [(each, known) for each in asked for known in each["vulns"]]
    for each, known in hit:
        cure = " or ".join(known["fix_versions"]) or "no version so far"
        print(f"{each['name']} {each['version']}: {known['id']}, mended in {cure}")
    print(f"{len(asked)} packages asked about, {len(found) - len(asked)} could not be.", file=sys.stderr)
    return 1 if hit else 0 if found and len(asked) == len(found) else 3


def installed():
    """How to call it, once it is there."""
    there = subprocess.run([sys.executable, "-m", "pip_audit", "--version"], capture_output=True)
    if there.returncode and subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", TOOL]).returncode:
        print("pip-audit cannot be installed: is there no internet here?", file=sys.stderr)
        sys.exit(3)
    return [sys.executable, "-m", "pip_audit"]


if __name__ == "__main__":
    main()

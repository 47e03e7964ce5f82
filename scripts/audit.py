#!/usr/bin/env python3
"""Asks the vulnerability database of PyPI about every package that requirements.txt and requirements-dev.txt pin.

examples:
  python3 scripts/audit.py
  python3 scripts/audit.py --tool "pipx run pip-audit"

Needs the internet; pip-audit is installed into .venv on first use. Exit code: 0 nothing known, 1 something is, 2 wrong
arguments, 3 nobody could be asked. The tests do not run it, since what is known changes without any change of ours: run
it before a release and once a week.
"""

import argparse
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
    done = subprocess.run([*tool, "--progress-spinner", "off", "--desc", *files], capture_output=True, text=True)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    sys.exit(verdict(done))


def installed():
    """How to call it, once it is there."""
    there = subprocess.run([sys.executable, "-m", "pip_audit", "--version"], capture_output=True)
    if there.returncode and subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", TOOL]).returncode:
        print("pip-audit cannot be installed: is there no internet here?", file=sys.stderr)
        sys.exit(3)
    return [sys.executable, "-m", "pip_audit"]


def verdict(done):
    """It ends with 1 both for a finding and where nobody answers: a finding is in its table."""
    if done.returncode == 0 or done.stdout.strip():
        return done.returncode
    print("Nobody could be asked: nothing is known about these packages now.", file=sys.stderr)
    return 3


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Looks for what is wrong with this installation, and says why it matters and how to cure it.

examples:
  python3 scripts/doctor.py
  python3 scripts/doctor.py --fix      encrypt plain passwords, add missing indexes, count anew, close key files
  python3 scripts/doctor.py --json     for programs: kind, severity, where, what, why, cure, fixable

It only reads (unless --fix is given) and may run at any time, on any host with the same settings. Exit codes: 0 nothing
found, 1 warnings, 2 faults (what --fix has mended does not count).
"""

import argparse
import json
import os
import sys

import _venv


def main():
    options = parser().parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import doctor

    found = list(examine(options.fix))
    print(json.dumps([as_json(one) for one in found], indent=2) if options.json else as_text(found))
    sys.exit(doctor.exit_code(found))


def examine(fix):
    """The findings, after mending if so asked. Settings that cannot be read are one too: nothing else can be seen."""
    from blaster import boot, config, doctor
    from blaster.doctor import examination

    try:
        settings = config.load(make_secrets=False)
    except (config.ConfigError, OSError) as error:
        cure = "Correct it in .env or in the environment. A lost key: put it back from where you keep it."
        return [doctor.fault("settings", ".env", f"{error}.", "No process starts with it.", cure)]
    boot.boot(settings)
    patient = doctor.Patient(settings)
    if fix and examination.mend(patient):
        print("What could be mended is mended.", file=sys.stderr)
    return examination.examine(patient)


def as_json(one):
    words = {name: getattr(one, name) for name in ("kind", "severity", "where", "what", "why", "cure")}
    return {**words, "fixable": bool(one.fix)}


def as_text(found):
    lines = (f"{one.severity}: {one.where}: {one.what}\n  why:  {one.why}\n  cure: {one.cure}" for one in found)
    return "\n".join(lines) or "Nothing found."


def parser():
    root = argparse.ArgumentParser(
        prog="doctor.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root.add_argument("--fix", action="store_true", help="mend what can be mended safely")
    root.add_argument("--json", action="store_true", help="findings as JSON")
    root.add_argument("--data-dir", metavar="DIR", help="where keys, journals and SQLite files lie (default: var/)")
    return root


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Looks for what is wrong with this installation and says how to cure it.

exit codes: 0 nothing found, 1 warnings, 2 errors (what --fix has mended does not count)
"""

import argparse
import json
import sys

import _venv


def main():
    options = parser().parse_args()
    _venv.enter()
    from blaster import boot, config, doctor
    from blaster.doctor import rows

    boot.boot(config.load())
    found = list(doctor.examine(rows.CHECKS))
    if options.fix:
        for finding in found:
            if finding.fix:
                finding.fix()
        found = list(doctor.examine(rows.CHECKS))
    lines = [{"severity": one.severity, "what": one.what, "cure": one.cure, "fixable": bool(one.fix)} for one in found]
    text = "\n".join(f"{line['severity']}: {line['what']}\n  {line['cure']}" for line in lines)
    print(json.dumps(lines, indent=2) if options.json else text or "Nothing found.")
    sys.exit(doctor.exit_code(found))


def parser():
    root = argparse.ArgumentParser(
        prog="doctor.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root.add_argument("--fix", action="store_true", help="mend what can be mended safely")
    root.add_argument("--json", action="store_true", help="findings as JSON")
    return root


if __name__ == "__main__":
    main()

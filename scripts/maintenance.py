#!/usr/bin/env python3
"""Tidies up: what workers do every night, now.

  archive   mails of campaigns that ended BLASTER_ARCHIVE_DAYS ago go to compressed files in the data directory
  erase     addresses that were erased since are taken out of those files
  prune     old charges, reports about no mail of ours, finished changes of lists are deleted
  counters  counters are compared with the rows, and put right
  analyze   statistics for the database's optimizer
  optimize  room is given back to the disk: only while no campaign has anything to do

examples:
  python3 scripts/maintenance.py
  python3 scripts/maintenance.py archive prune
  python3 scripts/maintenance.py archive --days 90

Goes in small steps beside the sending, and may be stopped with Ctrl-C and started again. Exit code: 0 done.
"""

import argparse
import dataclasses
import os
import signal
import sys

import _venv

STEPS = ("archive", "erase", "prune", "counters", "analyze", "optimize")


def main():
    options = parser().parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import boot, config, schema
    from blaster.maintenance import steps

    settings = config.load()
    if options.days is not None:
        settings = dataclasses.replace(settings, archive_days=options.days)
    boot.boot(settings, retry_seconds=60)
    schema.migrate()
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))
    for line in steps.run(steps.Turn(settings, lambda: bool(stopped)), tuple(options.steps) or STEPS):
        print(line, flush=True)


def parser():
    raw = argparse.RawDescriptionHelpFormatter
    root = argparse.ArgumentParser(prog="maintenance.py", description=__doc__, formatter_class=raw)
    root.add_argument("steps", nargs="*", choices=[*STEPS, []], metavar="STEP", help="which steps (default: all)")
    root.add_argument("--days", type=int, help="archive campaigns that ended so many days ago")
    root.add_argument("--data-dir", metavar="DIR", help="where keys and archives lie (default: var/)")
    return root


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Sends the mails of running campaigns. Start it on as many hosts as you like, all on the same databases.

examples:
  python3 scripts/workers.py                  one process per core
  python3 scripts/workers.py --processes 4    four processes
  python3 scripts/workers.py --name mailer-2  the name shown for this host on the capacity page

SIGTERM or Ctrl-C: what is under way is finished (10 s at most) and the rest given back to the queue. A process that
dies is started again; its mails are taken over by the others.
"""

import argparse
import os
import sys

import _venv


def main():
    options = parser().parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import boot, config, schema
    from blaster.workers.launcher import launch

    settings = config.load()
    boot.boot(settings)
    schema.migrate()
    sys.exit(launch(options.processes or settings.workers, name=options.name))


def parser():
    root = argparse.ArgumentParser(
        prog="workers.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root.add_argument(
        "--processes", type=int, default=0, help="worker processes (default: BLASTER_WORKERS or the cores)"
    )
    root.add_argument("--name", default="", help="host name shown on the capacity page")
    root.add_argument("--data-dir", default="", help="where secrets, journals and SQLite files lie (default: var/)")
    return root


if __name__ == "__main__":
    main()

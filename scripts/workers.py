#!/usr/bin/env python3
"""Sends the mails of running campaigns. Start it on as many hosts as you like, all on the same databases.

examples:
  python3 scripts/workers.py                  one process per core
  python3 scripts/workers.py --processes 4    four processes
  python3 scripts/workers.py --name mailer-2  the name shown for this host on the capacity page
  python3 scripts/workers.py --check          for health checks: is a worker of this host alive?

SIGTERM or Ctrl-C: what is under way is finished (10 s at most) and the rest given back to the queue. A process that
dies is started again; its mails are taken over by the others.
"""

import argparse
import os
import socket
import sys

import _venv


def main():
    options = parser().parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import boot, config, logs, schema
    from blaster.workers.launcher import launch

    settings = config.load()
    logs.begin(settings.log_format)
    boot.boot(settings)
    if options.check:
        sys.exit(check(options.name or socket.gethostname()))
    schema.migrate()
    sys.exit(launch(options.processes or settings.workers, name=options.name))


def check(host):
    """0 if a worker of this host gave a sign of life within the time of a lease, else 1."""
    from blaster.queue import leases

    found = [lease.owner for lease in leases.alive() if lease.name.startswith(f"worker:{host}:")]
    print("\n".join(found) or f"no worker of {host} is alive")
    return 0 if found else 1


def parser():
    root = argparse.ArgumentParser(
        prog="workers.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root.add_argument(
        "--processes", type=int, default=0, help="worker processes (default: BLASTER_WORKERS or the cores)"
    )
    root.add_argument(
        "--check", action="store_true", help="only tell whether a worker of this host is alive (exit code)"
    )
    root.add_argument("--name", default="", help="host name shown on the capacity page")
    root.add_argument("--data-dir", default="", help="where secrets, journals and SQLite files lie (default: var/)")
    return root


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Breaks Blaster on purpose and checks that nothing was sent twice, lost, or sent beyond a limit.

Starts a throwaway database, misbehaving mail servers and worker processes on several simulated hosts, all on this
computer. While they send, processes, hosts and the database are killed (-9), stopped for longer than their leases and
continued, and connections are cut, by a seeded plan. Then it heals, waits for rest, and compares the queue with what
the mail servers took. Exits 0 when all that must hold did.

examples:
  python3 scripts/crash_lab.py                              SQLite, 2,000 mails, 15 kills: about a minute
  python3 scripts/crash_lab.py --engine mysql               MariaDB, which is cut and killed too
  python3 scripts/crash_lab.py --engine mysql --mails 20000 --kills 200 --stops 50 --cuts 10 --restarts 2
  python3 scripts/crash_lab.py --engine mysql --hosts 3 --processes 6 --cutoffs 1 --deaths 1 --kills 0 --restarts 0
  python3 scripts/crash_lab.py --engine mysql --servers 2 --freezes 2 --outages 2 --kills 0 --crashes 0 --restarts 0
  python3 scripts/crash_lab.py --mutant mark-after-send     a defect put in on purpose: the lab must find it
  python3 scripts/crash_lab.py --json --seed 7              the result as JSON, what happens meanwhile on stderr
"""

import argparse
import dataclasses
import json
import signal
import sys
from pathlib import Path

import _venv

HELP = {
    "engine": "sqlite or mysql (MariaDB)",
    "mails": "mails of all users together",
    "processes": "worker processes",
    "hosts": "simulated hosts that they are spread over",
    "kills": "kill -9 of a process, and in one of ten cases of all processes of a host",
    "crashes": "a host goes down, and its disk loses the last writes",
    "stops": "SIGSTOP for 1.5 times the lease, then SIGCONT",
    "terms": "SIGTERM to a process, which then starts anew",
    "cuts": "times when half of the database's connections are cut (mysql)",
    "restarts": "kill -9 of the database, and start (mysql)",
    "pauses": "times when a campaign is paused and resumed",
    "deaths": "a host is killed, and stays away until the others have all of its servers",
    "cutoffs": "a host is cut off from the database until then (mysql)",
    "freezes": "one database server, then the other, is stopped by SIGSTOP (mysql)",
    "outages": "the same by SIGTERM (mysql)",
    "outage_seconds": "how long it then stays away",
    "servers": "2: Server 1 and Server 2 are two database servers (mysql)",
    "takeover_seconds": "how much longer than a lease a server may be without a host",
    "lease_seconds": "how long a lease lasts without a sign of life",
    "users": "users, each with a campaign and three servers",
    "accounts": "SMTP accounts of each server",
    "connections": "connections to each server at most",
    "hourly": "mails an account may send in any 60 minutes; 0: tight for some, plenty for others",
    "daily": "the same for 24 hours",
    "rtt_ms": "round trip to the mail servers, in milliseconds",
    "clock_speed": "how much faster the databases' clock runs: 720 makes an hour five seconds",
    "seed": "the same seed breaks the same things at the same number of accepted mails",
    "minutes": "time limit",
    "mutant": "put this defect into the workers",
    "mysql_url": "use this server instead of a throwaway one (mysql://user:password@host:port); it is not restarted",
}


def main():
    _venv.enter()
    from scripts.lab.mutants import MUTANTS
    from scripts.lab.plan import Plan
    from scripts.lab.run import run

    options = vars(parser(Plan, MUTANTS).parse_args())
    as_json, keep = options.pop("json"), options.pop("keep")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    result = run(Plan(**options), lambda line: print(line, file=sys.stderr, flush=True), keep)
    print(json.dumps(result.as_json(), indent=1) if as_json else result.as_text())
    sys.exit(0 if result.held else 1)


def parser(plan, mutants):
    raw = argparse.RawDescriptionHelpFormatter
    root = argparse.ArgumentParser(prog="crash_lab.py", description=__doc__, formatter_class=raw)
    choices = {"engine": ("sqlite", "mysql"), "mutant": sorted(mutants)}
    for field in dataclasses.fields(plan):
        name, text = field.name, f"{HELP[field.name]} (default: {field.default or 'none'})"
        option = "--" + name.replace("_", "-")
        root.add_argument(option, type=field.type, default=field.default, choices=choices.get(name), help=text)
    root.add_argument("--keep", type=Path, help="leave logs and SQLite files in this new folder")
    root.add_argument("--json", action="store_true", help="print the result as JSON")
    return root


if __name__ == "__main__":
    main()

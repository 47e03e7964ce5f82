#!/usr/bin/env python3
"""What two worker processes cost while there is nothing to send, with a thousand SMTP servers configured.

python3 scripts/bench/idle.py --seconds 60
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv


def main():
    _venv.enter()
    from scripts.bench import bed, report

    made = report.parser(__doc__)
    made.add_argument("--servers", type=int, default=1000, help="SMTP servers, an account each (default: %(default)s)")
    made.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    made.add_argument("--seconds", type=float, default=30, help="how long to look (default: %(default)s)")
    options = made.parse_args()
    with bed.bed("mysql") as here:
        _configure(options.servers)
        with bed.workers(here, options.workers) as pids:
            time.sleep(5)
            report.show([_look(here, pids, options.seconds)], options.json)


def _configure(count):
    """A tenth as many users, with ten servers each."""
    from blaster.db import crm_db
    from blaster.models.crm_db import SmtpAccount, SmtpServer

    with crm_db.connection_context(), crm_db.atomic():
        for number in range(count):
            server = SmtpServer.create(user_id=number // 10 + 1, host="127.0.0.1", port=25, encryption="none")
            mine = {"user_id": server.user_id, "smtp_server_id": server.id}
            SmtpAccount.create(email=f"a{number}@bench.example.com", **mine)


def _look(here, pids, seconds):
    from scripts.bench import bed, cpu

    meter, queries = cpu.Meter(workers=pids, database=here.database), bed.queries(here)
    time.sleep(seconds)
    asked, spent = bed.queries(here) - queries, meter.spent()
    return {
        "workers, % of a core": 100 * spent["workers"] / seconds,
        "database, %": 100 * spent["database"] / seconds,
        "queries/s": asked / seconds,
        "memory of a worker, MB": round(cpu.resident(pids) / len(pids) / 1e6),
    }


if __name__ == "__main__":
    main()

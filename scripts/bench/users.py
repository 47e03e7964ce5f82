#!/usr/bin/env python3
"""A hundred users at once: each with two SMTP servers of five accounts and a campaign of 10,000 mails.

  python3 scripts/bench/users.py --users 10 --mails 1000         10,000 mails: a look at it
  python3 scripts/bench/users.py                                 a million mails

All campaigns start within a moment, on MariaDB. Meanwhile browsers watch dashboards. At the end everything that the
crash lab checks is checked here: no mail lost or sent twice, budgets kept, each through an account of its owner.
"""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv


def main():
    _venv.enter()
    from scripts.bench import report

    made = report.parser(__doc__)
    made.add_argument("--users", type=int, default=100, help="default: %(default)s")
    made.add_argument("--mails", type=int, default=10_000, help="mails of each user (default: %(default)s)")
    made.add_argument("--accounts", type=int, default=5, help="accounts of each server (default: %(default)s)")
    made.add_argument("--connections", type=int, default=2, help="to each server at most (default: %(default)s)")
    made.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    made.add_argument("--browsers", type=int, default=4, help="that look every second (default: %(default)s)")
    options = made.parse_args()
    figures, broken = _run(options)
    report.show([{"what": name, "figure": value} for name, value in figures.items()], options.json, broken=broken)
    sys.exit(1 if broken else 0)


def _run(options):
    import tempfile

    from scripts.bench import bed, browser, far

    with tempfile.TemporaryDirectory(prefix="sink") as folder, bed.bed("mysql") as here:
        sinks = [far.Sink(Path(folder), name=f"sink{n}") for n in range(2)]
        try:
            people = [_user(number, sinks, options) for number in range(options.users)]
            with browser.web(here) as (port, _), bed.workers(here, options.workers) as pids:
                figures = _send(people, pids, port, here, sinks, options)
            return figures, _broken(people, sinks)
        finally:
            for sink in sinks:
                sink.stop()


def _user(number, sinks, options):
    from scripts.bench import bed

    shape = {"accounts": options.accounts, "connections": options.connections, "password": "secret"}
    return bed.add_sender(f"user{number}", sinks[number % len(sinks)].port, options.mails, **shape)


def _send(people, pids, port, here, sinks, options):
    from scripts.bench import bed, browser
    from scripts.bench.cpu import Meter, peak

    watchers = [
        browser.Browser(port).sign_in(f"user{n}@bench.example.com") for n in range(min(options.browsers, len(people)))
    ]
    meter = Meter(workers=pids, database=here.database, sinks=[sink.pid for sink in sinks])
    began, starts = time.monotonic(), {}
    for sender in people:
        bed.start(sender)
        starts[sender.campaign_id] = time.time() * 1000
    visitors = browser.Visitors([(watcher, "/dashboard/campaigns") for watcher in watchers], 1.0)
    lag = _Lag(people)
    bed.wait_for(lambda: bed.sent(*starts) == options.users * options.mails, 3600, "all mails to be sent")
    wall, pages, spent = time.monotonic() - began, visitors.stop(), meter.spent()
    bed.wait_for(lambda: _finished(), 30, "the screens to say so")
    mails = options.users * options.mails
    return {
        "mails": mails,
        "seconds": wall,
        "mails/s": round(mails / wall),
        "first mail of the last campaign to begin, s": _slowest_first(sinks, starts) / 1000,
        "memory of all workers at most, MB": round(peak(pids) / 1e6),
        "page p95, ms": pages["p95 ms"],
        "pages": round(pages["requests/s"] * wall),
        "progress behind the queue at most, s": lag.stop(),
        **{f"{who}, CPU us a mail": 1e6 * seconds / mails for who, seconds in spent.items()},
        "database, MB": round(bed.database_size(here) / 1e6),
    }


class _Lag:
    """How old the counters on the screens get, looked at twice a second while campaigns run."""

    def __init__(self, people):
        self._ids, self._stop, self._worst = [sender.campaign_id for sender in people], threading.Event(), 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self._worst

    def _look(self):
        from blaster import db
        from blaster.db import campaign_db
        from blaster.models.campaign_db import CampaignStatus

        while not self._stop.wait(0.5):
            running = CampaignStatus.campaign_id.in_(self._ids) & (CampaignStatus.status == "running")
            with db.session(campaign_db):
                shown = CampaignStatus.select(CampaignStatus.snapshot_at).where(running)
                oldest = min((row.snapshot_at for row in shown), default=None)
                now = db.now(campaign_db)
            if oldest:
                self._worst = max(self._worst, (now - oldest) / 1000)


def _finished():
    from blaster import db
    from blaster.db import campaign_db
    from blaster.models.campaign_db import CampaignStatus

    with db.session(campaign_db):
        return not CampaignStatus.select().where(CampaignStatus.status != "finished").exists()


def _slowest_first(sinks, starts):
    """Milliseconds from a campaign's start to its first mail, of the campaign that waited longest."""
    first = {}
    for record in (record for sink in sinks for record in sink.records()):
        campaign_id = int(record.message_id.split(".")[1])
        first[campaign_id] = min(first.get(campaign_id, record.time_ms), record.time_ms)
    return max(first[campaign_id] - started for campaign_id, started in starts.items())


def _broken(people, sinks):
    """The claims of the crash lab that do not hold; empty is right."""
    from scripts.lab import invariants
    from scripts.lab.evidence import gather
    from scripts.lab.plan import Plan
    from scripts.lab.tenants import Tenant

    tenants = [Tenant(sender.user_id, sender.campaign_id, sender.mails) for sender in people]
    return {v.name: v.cases[:5] for v in invariants.check(gather(Plan(), tenants, sinks)) if v.cases}


if __name__ == "__main__":
    main()

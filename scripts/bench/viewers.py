#!/usr/bin/env python3
"""What people who watch their campaigns cost, and how old the figures get that they see.

  python3 scripts/bench/viewers.py             100 viewers of 20 campaigns, quiet and sending; then of a single one
  python3 scripts/bench/viewers.py --rtt 0     while workers send as fast as they can
  python3 scripts/bench/viewers.py --engine sqlite

The web server is `python app.py`, as scripts/start.py runs it. Each viewer loads the page and then asks as often as it
says, like htmx does. Lag: how long a mail had been at the mail server before the viewer's page counted it.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv


def main():
    _venv.enter()
    from scripts.bench import report

    made = report.parser(__doc__)
    made.add_argument("--engine", choices=("mysql", "sqlite"), default="mysql", help="default: %(default)s (MariaDB)")
    made.add_argument("--viewers", type=int, default=100, help="default: %(default)s")
    made.add_argument("--users", type=int, default=20, help="each with one campaign (default: %(default)s)")
    made.add_argument("--mails", type=int, default=5_000, help="of each campaign (default: %(default)s)")
    made.add_argument("--rtt", type=int, default=100, help="ms to the mail server and back (default: %(default)s)")
    made.add_argument("--seconds", type=float, default=30, help="for each row (default: %(default)s)")
    options = made.parse_args()
    report.show(list(_rows(options)), options.json)


def _rows(options):
    from scripts.bench import bed, browser, far

    with tempfile.TemporaryDirectory(prefix="sink") as folder, bed.bed(options.engine) as here:
        sink = far.Sink(Path(folder), rtt_ms=options.rtt)
        try:
            senders = [
                bed.add_sender(f"user{n}", sink.port, options.mails, connections=2) for n in range(options.users)
            ]
            alone = bed.add_sender("alone", sink.port, options.mails * 5)
            for sender in (*senders, alone):
                bed.stage(sender)
            with browser.web(here) as (port, pid):
                people = [
                    (browser.Browser(port).sign_in(f"user{n}@bench.example.com"), s) for n, s in enumerate(senders)
                ]
                one = browser.Browser(port).sign_in("alone@bench.example.com"), alone
                look = _Look(port, pid, here, sink, options)
                _nothing_happens(senders)
                yield look.row(f"quiet, {len(senders)} campaigns", people)
                with bed.workers(here, 2):
                    _go_on(senders)
                    yield look.row(f"sending, {len(senders)} campaigns", people)
                    _stop(senders)
                    _go_on([alone])
                    yield look.row("sending, one campaign", [one])
        finally:
            sink.stop()


def _nothing_happens(senders):
    """All of them run, each with a mail that is on its way for a long time."""
    from blaster import db, progress
    from blaster.queue import tally

    _go_on(senders)
    with db.session(db.crm_db):
        for sender in senders:
            tally.add(sender.campaign_id, 0, {"pending": -1, "active": 1})
    progress.publish()
    with db.session(db.crm_db):
        for sender in senders:
            tally.add(sender.campaign_id, 0, {"pending": 1, "active": -1})


def _go_on(senders):
    from blaster.queue import control

    for sender in senders:
        control.resume(sender.user_id, sender.campaign_id)
    time.sleep(2)


def _stop(senders):
    from blaster.queue import control

    for sender in senders:
        control.pause_if_running(sender.user_id, sender.campaign_id, "The next row begins.")


class _Look:
    def __init__(self, port, web, here, sink, options):
        self.port, self.web, self.here, self.sink, self.options = port, web, here, sink, options

    def row(self, what, people):
        import asyncio

        from scripts.bench import watching
        from scripts.bench.cpu import Meter

        viewers = [self._viewer(*people[n % len(people)]) for n in range(self.options.viewers)]
        asyncio.run(watching.load(viewers))
        before, started = self.sink.accepted(), time.monotonic()
        meter = Meter(web=[self.web], database=self.here.database)
        asyncio.run(watching.watch(viewers, self.options.seconds))
        spent, wall = meter.spent(), time.monotonic() - started
        answers = [answer for viewer in viewers for answer in viewer.answers]
        return {
            "viewers of": what,
            "mails/s": round((self.sink.accepted() - before) / wall),
            "polls/s": len(answers) / wall,
            **{kind: f"{sum(a.kind == kind for a in answers) / len(answers):.0%}" for kind in watching.KINDS},
            **watching.times(answers),
            **{f"{who}, % of a core": 100 * seconds / wall for who, seconds in spent.items()},
            "lag at most, s": watching.lag(viewers, self.sink.records()),
        }

    def _viewer(self, browser, sender):
        from scripts.bench.watching import Viewer

        return Viewer(self.port, browser.cookies(), sender.campaign_id)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What a claim of 1,000 mails costs: by the size of the campaign, by how much of it is sent, by how many claim at once.

  python3 scripts/bench/claim.py                              10k, 100k and 1M mails, then 1, 2 and 50 claimers
  python3 scripts/bench/claim.py --sizes 10000 --claimers     sizes only
  python3 scripts/bench/claim.py --engine sqlite

"consumed": nine tenths of the rows were marked as sent a moment ago, so that the database still carries their traces.
"first": the first claim after the start. A worker process has one thread that claims for all its SMTP servers, so there
are as many claimers as processes; 50 at once are 50 hosts on one campaign.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _venv

USER = 1


def main():
    _venv.enter()
    from scripts.bench import bed, report

    made = report.parser(__doc__)
    made.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    made.add_argument("--claimers", type=int, nargs="*", default=[1, 2, 50])
    made.add_argument("--mails", type=int, default=200_000, help="for all claimers together (default: %(default)s)")
    made.add_argument("--limits", type=int, nargs="*", default=[1000, 100], help="mails a claim, among claimers")
    made.add_argument("--engine", choices=("mysql", "sqlite"), default="mysql")
    options = made.parse_args()
    with bed.bed(options.engine) as here:
        by_size = [_by_size(size, part) for size in options.sizes for part in (0.0, 0.9)]
        runs = [(limit, claimers) for limit in options.limits for claimers in options.claimers]
        together = [_together(here, options.mails, *run) for run in runs]
    report.show(by_size, options.json, together=together) if options.json else _print(by_size, together)


def _print(*tables):
    from scripts.bench import report

    for table in filter(None, tables):
        report.show(table, False)


def _by_size(mails, consumed):
    from scripts.bench import rows

    claimer = rows.Claimer(USER, rows.fill(USER, mails))
    rows.consume(claimer.campaign_id, int(mails * consumed))
    first = claimer.claim(1000)
    times = [claimer.claim(1000) for _ in range(min(20, int(mails * (1 - consumed)) // 1000 - 1))] or [first]
    middle = statistics.median(times)
    return {"mails": mails, "consumed": f"{consumed:.0%}", "first ms": 1000 * first, "ms": 1000 * middle}


def _together(here, mails, limit, claimers):
    """Two processes with half of the claimers each, or one with a single claimer."""
    import multiprocessing

    from scripts.bench import rows

    campaign_id = rows.fill(USER, mails)
    count = min(2, claimers)
    with multiprocessing.get_context("spawn").Pool(count, rows.connect, [here.env]) as pool:
        pool.map(time.sleep, [1.0] * count, chunksize=1)  # until all of them are there
        started = time.monotonic()
        found = pool.starmap(rows.claim_all, [(USER, campaign_id, claimers // count, limit)] * count, chunksize=1)
        wall = time.monotonic() - started
    times = sorted(seconds for each in found for seconds in each)
    return {
        "claimers": claimers,
        "mails a claim": limit,
        "rows/s": round(mails / wall),
        "p50 ms": 1000 * times[len(times) // 2],
        "p99 ms": 1000 * times[int(len(times) * 0.99)],
    }


if __name__ == "__main__":
    main()

"""A worker process of the lab: the product's own with shorter waits, a second feeder and, if asked for, a mutation.

python -m scripts.lab.worker NAME --boot-id FILE [--shorter TIMES] [--mutant NAME]
"""

import argparse
import sys
from pathlib import Path

from blaster.queue import health
from blaster.workers import __main__ as process
from blaster.workers import journal, orchestrator, outcomes
from blaster.workers.feeder import Feeder
from scripts.lab.mutants import MUTANTS

SHORT_JOURNAL = 4_096  # octets, so that it begins anew again and again
FEEDERS = 2


class Feeders:
    """Several for the same pools: what they share is safe by the database's locks, not because there is only one."""

    def __init__(self, *arguments):
        self._feeders = [Feeder(*arguments) for _ in range(FEEDERS)]

    def start(self) -> None:
        for feeder in self._feeders:
            feeder.start()

    def stop(self) -> None:
        for feeder in self._feeders:
            feeder.stop()

    def __getattr__(self, name: str):
        return getattr(self._feeders[0], name)

    def __setattr__(self, name: str, value) -> None:
        if name == "_feeders":
            super().__setattr__(name, value)
            return
        for feeder in self._feeders:
            setattr(feeder, name, value)


def main() -> int:
    options = _options()
    journal.BOOT_ID = options.boot_id
    journal.LARGEST = SHORT_JOURNAL
    orchestrator.Feeder = Feeders
    orchestrator.SWEEP_SECONDS = 2.0
    _shorten_waits(options.shorter)
    if options.mutant:
        MUTANTS[options.mutant]()
    return process.main(options.name)


def _shorten_waits(times: int) -> None:
    outcomes.MINUTE //= times
    for reply_class, (first, longest) in health.COOLING.items():
        health.COOLING[reply_class] = (first // times, longest // times)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.lab.worker")
    parser.add_argument("name")
    parser.add_argument("--boot-id", type=Path, required=True)
    parser.add_argument("--shorter", type=int, default=1)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

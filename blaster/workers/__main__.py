"""One worker process: `python -m blaster.workers [name]`. SIGTERM finishes what is under way, gives the rest back."""

import logging
import os
import signal
import sys
import threading

from blaster import config, logs
from blaster.boot import boot
from blaster.workers.orchestrator import Orchestrator

log = logging.getLogger("blaster.workers")

RETRY_SECONDS = 60.0


def main(name: str = "") -> int:
    settings = config.load()
    logs.begin(settings.log_format)
    boot(settings, retry_seconds=RETRY_SECONDS)
    worker = Orchestrator(settings, name=name)
    logs.carry(worker=worker.owner)
    for number in (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGBREAK", signal.SIGTERM)):
        signal.signal(number, lambda *_: worker.stop.set())
    threading.Thread(target=_stop_without_parent, args=(worker.stop,), daemon=True).start()
    if not worker.run():
        log.warning("some mails were still under way; they are shown as unknown")
        logging.shutdown()
        os._exit(0)  # a thread that waits for a silent server would hold the exit for ten minutes
    return 0


def _stop_without_parent(stop: threading.Event) -> None:
    """A worker whose launcher was killed stops as if it had been asked to."""
    parent = os.getppid()
    while not stop.wait(1.0):
        if os.getppid() != parent:
            stop.set()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

"""Webhooks are told what happened, by one process at a time. A slow address delays only itself."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

from blaster.config import Settings
from blaster.webhooks import delivery, outbox
from blaster.workers.holds import Holds

LOOK_SECONDS = 1.0
LEASE_SECONDS = 5.0
ADDRESSES, IN_A_ROW = 8, 20
NAME = "webhooks"


class WebhookSender:
    """`work` is called again and again by a thread of its own."""

    def __init__(self, settings: Settings, holds: Holds):
        self._settings, self._holds = settings, holds
        self._look_at = self._ask_at = 0.0
        self._threads = ThreadPoolExecutor(ADDRESSES, thread_name_prefix=NAME)
        self._busy: dict[int, Future] = {}  # by webhook

    def work(self) -> None:
        """Begin what is due, but with no address that is still being talked to."""
        now = time.monotonic()
        if now < self._look_at or not self._is_ours(now):
            return
        self._look_at = now + LOOK_SECONDS
        for webhook_id in [webhook_id for webhook_id, told in self._busy.items() if told.done()]:
            self._busy.pop(webhook_id).result()  # raises what went wrong, or nobody would hear of it
        for webhook_id, ids in outbox.due(IN_A_ROW, self._busy).items():
            if len(self._busy) < ADDRESSES:
                self._busy[webhook_id] = self._threads.submit(self._tell, ids)

    def _is_ours(self, now: float) -> bool:
        if NAME in self._holds:
            return True
        if now < self._ask_at:
            return False
        self._ask_at = now + LEASE_SECONDS
        return self._holds.take(NAME) is not None

    def _tell(self, ids: list[int]) -> None:
        """Until one does not arrive: the others would not, either, and wait for their next turn."""
        for delivery_id in ids:
            if NAME not in self._holds or not delivery.attempt(delivery_id, self._settings):
                break

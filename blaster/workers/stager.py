"""Campaigns that were started are opened on Server 2, and their recipients copied to the queue."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from blaster import campaigns
from blaster.config import Settings
from blaster.models.crm_db import CampaignControl
from blaster.queue import control, staging
from blaster.workers import starting
from blaster.workers.holds import Holds

STARTED_SECONDS = 2.0


class Stager:
    """`work` is called again and again by a thread of its own: a million recipients take half a minute, and neither
    progress nor recovery can wait so long. `controls`: campaigns with something to do."""

    def __init__(
        self,
        settings: Settings,
        holds: Holds,
        stop: threading.Event,
        controls: Callable[[], Iterable[CampaignControl]],
    ):
        self._settings, self._holds, self._stop, self._controls = settings, holds, stop, controls
        self._batches: Counter[int] = Counter()  # so far, by campaign
        self._look_at = 0.0

    def work(self) -> None:
        """Batch by batch, until nothing is left for this process."""
        while not self._stop.is_set():
            self._open_started()
            if not any(map(self._stage, self._waiting())):  # no further than the first that is ours: others may come
                return

    def _open_started(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + STARTED_SECONDS
        starting.start_due(self._settings.public_url)
        for started in campaigns.started():  # the web died between the two databases, or Server 2 was away
            control.open_campaign(**started)

    def _waiting(self) -> list[CampaignControl]:
        """Those with nothing in the queue yet come first, then each in its turn."""
        waiting = [row for row in self._controls() if not row.is_staged and row.run_state in staging.STATES]
        return sorted(waiting, key=lambda row: (row.staged_to > 0, self._batches[row.campaign_id]))

    def _stage(self, row: CampaignControl) -> bool:
        """The first batch is a small one, so that nobody waits long for a first mail. False where it is not ours."""
        hold = self._holds.take(f"campaign:{row.campaign_id}")
        if hold is None:
            return False
        self._batches[row.campaign_id] += 1
        try:
            staging.stage_batch(row, self._settings.migration_batch if row.staged_to else self._settings.worker_batch)
        finally:
            self._holds.end_chore(hold)
        return True

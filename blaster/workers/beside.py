"""What a worker process does beside the sending, each thing in a thread of its own."""

import threading
from collections.abc import Callable, Iterable

from blaster.config import Settings
from blaster.models.crm_db import CampaignControl
from blaster.workers import walker
from blaster.workers.bounce_reader import BounceReader
from blaster.workers.forgotten import Forgotten
from blaster.workers.guarding import Guarding
from blaster.workers.holds import Holds
from blaster.workers.importer import Importer
from blaster.workers.key_watch import KeyWatch
from blaster.workers.nightly import Nightly
from blaster.workers.stager import Stager
from blaster.workers.tokens import Renewal
from blaster.workers.webhook_sender import WebhookSender


def chores(
    settings: Settings,
    holds: Holds,
    stop: threading.Event,
    controls: Callable[[], Iterable[CampaignControl]],
    users: Callable[[], Iterable[int]],
) -> dict[str, Callable[[], None]]:
    """To be called again and again, by name. controls: campaigns with something to do; users: whose campaigns run."""
    return {
        "importing": Importer(holds, stop).work,
        "lists": walker.of_lists(holds, stop).work,
        "decisions": walker.of_decisions(holds, stop).work,
        "bounces": BounceReader(settings, holds, stop).work,
        "forgotten": Forgotten(settings).work,
        "guarding": Guarding(holds, controls).work,
        "keys": KeyWatch(settings, holds, stop).work,
        "maintenance": Nightly(settings, holds, stop).work,
        "staging": Stager(settings, holds, stop, controls).work,
        "tokens": Renewal(settings, users).work,
        "webhooks": WebhookSender(settings, holds).work,
    }

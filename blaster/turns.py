"""How much of a campaign an account claims at once, and which campaign's turn it is: the feeder's rules. Pure, so that
the forecast rehearses the same."""

import math
from collections.abc import Sequence
from typing import TypeVar

CLAIM_SECONDS = 2.0  # claim what an account sends in this time, so that pauses and suppressions act soon …
SMALLEST = 10  # … but no fewer mails than this
PARTS = 8  # an account's share of a campaign is claimed in no fewer parts

T = TypeVar("T")


def stock(rate: float, most: float = math.inf) -> int:
    """Mails for an account that sends `rate` a second."""
    return max(SMALLEST, int(min(most, rate * CLAIM_SECONDS)))


def share(pending: int, accounts: int) -> int:
    """Of what is left of a campaign: smaller towards its end, so that accounts that are equal end level."""
    return max(SMALLEST, -(-pending // (PARTS * accounts)))


def next_of(ready: Sequence[T], turn: int) -> T:
    """Each in its turn, so that a large campaign does not starve a small one."""
    return ready[turn % len(ready)]

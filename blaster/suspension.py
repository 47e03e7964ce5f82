"""Keeping a user out: their sessions end, their campaigns pause. Letting them in again resumes nothing by itself."""

from contextlib import suppress

from blaster import campaigns, users
from blaster.errors import Conflict
from blaster.queue import control

NOTE = "Paused because the administrator suspended this account. Resume it once you are back."


def suspend(user_id: int) -> int:
    """Returns how many campaigns were paused; safe to repeat. Raises NotFound."""
    users.set_active(user_id, False)  # first: from here on nothing of theirs starts
    for opening in campaigns.started():
        if opening["user_id"] == user_id:  # it starts just now, and Server 2 does not know it yet
            control.open_campaign(**opening)
    return sum(
        _pause(user_id, row.campaign_id)
        for row in control.open_controls("staging", "running")
        if row.user_id == user_id
    )


def _pause(user_id: int, campaign_id: int) -> bool:
    with suppress(Conflict):  # it ended meanwhile
        control.pause(user_id, campaign_id, NOTE)
        campaigns.mirror(user_id, campaign_id, "paused", NOTE)
        return True
    return False


def lift(user_id: int) -> None:
    """They may sign in again. Raises NotFound."""
    users.set_active(user_id, True)

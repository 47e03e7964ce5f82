"""Follows the sending from behind: stops campaigns that do harm, notes who refused, counts mails by provider."""

import time
from collections.abc import Callable, Iterable

from blaster import db, erased, suppressions
from blaster.db import crm_db
from blaster.models.bounces import CampaignGuard
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import control, domains, guard, lately, providers, warming
from blaster.webhooks import outbox
from blaster.workers.holds import Holds

LOOK_SECONDS = 1.0
FOLLOW_SECONDS = 5.0
WARMING_SECONDS = 20.0
POSTPONE_SECONDS = 60.0
LEASE_SECONDS = 5.0
ENDED_FOR = 600_000  # ms that a campaign is followed after its end
_COLUMNS = (Mail.id, Mail.email, Mail.email_key, Mail.reply_class, Mail.smtp_text)


class Guarding:
    """`work` is called again and again by a thread of its own; only one process in all does what it says.

    campaigns: those that have something to do.
    """

    def __init__(self, holds: Holds, campaigns: Callable[[], Iterable[CampaignControl]]):
        self._holds, self._campaigns = holds, campaigns
        self._due: dict[str, float] = {}
        self._postponed: set[tuple] = set()

    def work(self) -> None:
        """Whatever is due."""
        if "guard" not in self._holds and not (self._is_due("lease", LEASE_SECONDS) and self._holds.take("guard")):
            return
        if self._is_due("look", LOOK_SECONDS):
            guard.look(row.campaign_id for row in self._campaigns())
        if self._is_due("follow", FOLLOW_SECONDS):
            for campaign in _lately():
                self._follow(campaign)
            self._postpone()
        if self._is_due("warm-up", WARMING_SECONDS):
            warming.judge()

    def _is_due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + seconds
        return True

    def _follow(self, campaign: CampaignControl) -> None:
        with db.session(crm_db):
            now = db.now(crm_db)
            row = CampaignGuard.get_or_none(CampaignGuard.campaign_id == campaign.campaign_id)
        refused, mark = lately.since(campaign.campaign_id, "failed", row.looked_to if row else 0, now, _COLUMNS)
        for mail in refused:
            _act_on(campaign, *mail)
        if refused:
            guard.note(campaign.campaign_id, campaign.user_id, looked_to=mark)
        while providers.count(campaign, now):
            pass

    def _postpone(self) -> None:
        """At once for a new pause; now and then again, for what was staged or put back since."""
        again = self._is_due("postpone", POSTPONE_SECONDS)
        for pause in domains.resting():
            key = (pause.user_id, pause.domain, pause.until)
            if again or key not in self._postponed:
                domains.postpone(pause)
                self._postponed.add(key)


def _act_on(
    campaign: CampaignControl, mail_id: int, email: str, key: str, reply_class: str | None, said: str | None
) -> None:
    if key.startswith(erased.PREFIX):
        return
    if reply_class == "hard":
        suppressions.record(campaign.user_id, email, key, suppressions.HARD, campaign_id=campaign.campaign_id)
        data = {"campaign_id": campaign.campaign_id, "mail_id": mail_id, "email": email, "class": "hard"}
        data |= {"status": "", "diagnostic": said or "", "suppressed": True}
        outbox.emit(campaign.user_id, "recipient.bounced", f"refused {mail_id}", data, email_key=key)
    elif reply_class == "block":
        domains.refused(campaign.user_id, domains.of(key), said or "")


def _lately() -> list[CampaignControl]:
    """Campaigns that are open, or ended so recently that something may not be counted yet."""
    with db.session(crm_db):
        ended = CampaignControl.run_state.in_(("finished", "cancelled"))
        recent = ended & (CampaignControl.changed_at > db.now(crm_db) - ENDED_FOR)
        return list(CampaignControl.select().where(CampaignControl.run_state.in_(control.OPEN) | recent))

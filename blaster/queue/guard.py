"""Guard rails: a campaign of which too much comes back, or that too many complain about, stops until its owner has
looked. The limits are those at which the big mailbox providers act."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from blaster import db
from blaster.db import crm_db
from blaster.models.bounces import CampaignBounces, CampaignGuard
from blaster.models.crm_db import CampaignControl, Mail
from blaster.queue import control, tally

AFTER = 200  # mails before anything is judged
HARD, COMPLAINT = "hard", "complaint"
WARN = {HARD: 0.02, COMPLAINT: 0.001}
STOP = {HARD: 0.05, COMPLAINT: 0.003}
_REASONS = {
    HARD: "{count:,} of {mails:,} addresses do not exist ({share}). At {limit} providers stop believing the sender, so"
    " the campaign was paused. Check where the list comes from before you go on.",
    COMPLAINT: "{count:,} of {mails:,} recipients reported the mail as spam ({share}). Providers block senders at"
    " {limit}, so the campaign was paused. Check that everybody on the list asked for this mail.",
}


@dataclass(frozen=True)
class Rate:
    """kind: hard | complaint. count of mails, since the owner last said to go on. level: '', warning or stop."""

    kind: str
    count: int
    mails: int

    @property
    def share(self) -> float:
        return self.count / self.mails if self.mails else 0.0

    @property
    def level(self) -> str:
        if self.mails < AFTER or not self.count:
            return ""
        return "stop" if self.share >= STOP[self.kind] else "warning" if self.share >= WARN[self.kind] else ""

    @property
    def words(self) -> str:
        limit, share = f"{STOP[self.kind] * 100:g} %", f"{self.share * 100:.1f} %"
        return _REASONS[self.kind].format(count=self.count, mails=self.mails, share=share, limit=limit)


def look(campaigns: Iterable[CampaignControl]) -> int:
    """Pause the running ones among these that went too far; returns how many."""
    running = [row for row in campaigns if row.run_state == "running"]
    if not running:
        return 0
    with db.session(crm_db):
        guards, counted = (_by_campaign(model, running) for model in (CampaignGuard, CampaignBounces))
        tallies = {row.campaign_id: tally.counts(row.campaign_id) for row in running}
    return sum(_judge(row, tallies[row.campaign_id], guards, counted) for row in running)


def _by_campaign(model, rows: Collection[CampaignControl]) -> dict:
    ids = [row.campaign_id for row in rows]
    return {row.campaign_id: row for row in model.select().where(model.campaign_id.in_(ids))}


def _judge(campaign: CampaignControl, counts: dict[str, int], guards: dict, counted: dict) -> bool:
    campaign_id, user_id = campaign.campaign_id, campaign.user_id
    guard = guards.get(campaign_id) or CampaignGuard(campaign_id=campaign_id, user_id=user_id)
    bounces = counted.get(campaign_id) or CampaignBounces()
    if _may_be_much(guard, counts):
        guard.refused, guard.failed = _refused(campaign_id), counts["failed"]
        note(campaign_id, user_id, refused=guard.refused, failed=guard.failed)
    worst = next((rate for rate in _rates(guard, bounces, counts) if rate.level == "stop"), None)
    if worst is None:
        return False
    note(campaign_id, user_id, held_for=worst.kind)
    control.pause_if_running(user_id, campaign_id, worst.words)
    return True


def _may_be_much(guard: CampaignGuard, counts: dict[str, int]) -> bool:
    """Counting walks over the failed rows: not before there are enough, nor again before there are more."""
    enough = counts["failed"] >= WARN[HARD] * _tried(counts)
    return enough and _tried(counts) >= AFTER and counts["failed"] > guard.failed * 1.02


def _tried(counts: dict[str, int]) -> int:
    return counts["sent"] + counts["failed"] + counts["unknown"]


def _refused(campaign_id: int) -> int:
    with db.session(crm_db):
        failed = (Mail.campaign_id == campaign_id) & (Mail.status == "failed") & (Mail.reply_class == "hard")
        return Mail.select().where(failed).count()


def _rates(guard: CampaignGuard, bounces: CampaignBounces, counts: dict[str, int]) -> list[Rate]:
    mails = max(0, _tried(counts) - guard.base_tried)
    hard = max(0, bounces.hard + guard.refused - guard.base_hard)
    return [Rate(HARD, hard, mails), Rate(COMPLAINT, max(0, bounces.complaint - guard.base_complaints), mails)]


def outlook(user_id: int, campaign_id: int) -> tuple[list[Rate], str]:
    """How much came back and how many complained, as of the last look; and `hard` or `complaint` if it was paused for
    that and its owner has not answered. Nothing at all before the start and for strangers."""
    guard, bounces, counts = _known(user_id, campaign_id)
    return _rates(guard, bounces, counts), guard.held_for


def _known(user_id: int, campaign_id: int) -> tuple[CampaignGuard, CampaignBounces, dict[str, int]]:
    with db.session(crm_db):
        guard, bounces = (
            model.get_or_none((model.campaign_id == campaign_id) & (model.user_id == user_id)) or model()
            for model in (CampaignGuard, CampaignBounces)
        )
        return guard, bounces, tally.counts(campaign_id)


def understood(user_id: int, campaign_id: int) -> None:
    """Its owner goes on: what came back so far is not held against it again. Raises NotFound."""
    control.state(user_id, campaign_id)
    guard, bounces, counts = _known(user_id, campaign_id)
    hard = bounces.hard + guard.refused
    base = {"base_tried": _tried(counts), "base_hard": hard, "base_complaints": bounces.complaint}
    note(campaign_id, user_id, held_for="", **base)


def note(campaign_id: int, user_id: int, **values) -> None:
    """Store what was found out; fields of CampaignGuard."""
    columns = [getattr(CampaignGuard, name) for name in values]
    rows = [(campaign_id, user_id, *values.values())]
    keys = (CampaignGuard.campaign_id, CampaignGuard.user_id)
    db.transaction(crm_db, lambda: db.upsert(CampaignGuard, (*keys, *columns), rows, replace=columns))

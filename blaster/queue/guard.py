"""Guard rails: a campaign of which too much comes back, or that too many complain about, stops until its owner has
looked. The limits are those at which the big mailbox providers act."""

from collections.abc import Iterable
from dataclasses import dataclass

from blaster import db
from blaster.db import crm_db
from blaster.models.bounces import CampaignBounces, CampaignGuard
from blaster.models.crm_db import Mail
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


def look(campaign_ids: Iterable[int]) -> int:
    """Pause the running ones among these that went too far; returns how many.

    The writer asks after each settling and before the next intents, so that nothing that is begun after a campaign
    went too far is sent. One statement, unless so many rows failed that the refused ones have to be counted.
    """
    ids = list(campaign_ids)
    found = _standings(ids)
    if much := [each for each in found if _may_be_much(each)]:
        for each in much:
            # `failed` as it was before: what fails meanwhile is counted again, and is not taken for something else.
            note(each.campaign_id, each.user_id, refused=_refused(each.campaign_id), failed=each.counts["failed"])
        found = _standings(ids)
    return sum(map(_judge, found))


@dataclass(frozen=True, slots=True)
class _Standing:
    campaign_id: int
    user_id: int
    guard: CampaignGuard
    bounces: CampaignBounces
    counts: dict[str, int]


_GUARD = ("refused", "failed", "base_tried", "base_hard", "base_complaints")
_BOUNCES = ("hard", "complaint")
_TRIED = ("sent", "failed", "unknown")
_STANDINGS = (
    f"SELECT c.campaign_id, c.user_id, {', '.join(f'COALESCE(MAX(g.{name}), 0)' for name in _GUARD)},"
    f" {', '.join(f'COALESCE(MAX(b.{name}), 0)' for name in _BOUNCES)}, {', '.join(f'SUM(t.{n})' for n in _TRIED)}"
    " FROM campaign_control c JOIN campaign_tally t ON t.campaign_id = c.campaign_id"
    " LEFT JOIN campaign_guard g ON g.campaign_id = c.campaign_id"
    " LEFT JOIN campaign_bounces b ON b.campaign_id = c.campaign_id"
    " WHERE c.campaign_id IN (%s) AND c.run_state = 'running' GROUP BY c.campaign_id, c.user_id"
)


def _standings(ids: list[int]) -> list[_Standing]:
    """Of those that run."""
    if not ids:
        return []
    with db.session(crm_db):
        rows = db.execute(crm_db, _STANDINGS % ", ".join(["%s"] * len(ids)), *ids).fetchall()
    return [_standing(*row) for row in rows]


def _standing(campaign_id: int, user_id: int, *numbers: int) -> _Standing:
    left = iter(map(int, numbers))
    guard, bounces, counts = (dict(zip(names, left, strict=False)) for names in (_GUARD, _BOUNCES, _TRIED))
    return _Standing(campaign_id, user_id, CampaignGuard(**guard), CampaignBounces(**bounces), counts)


def _may_be_much(of: _Standing) -> bool:
    """Counting walks over the failed rows: only if there are enough, and more of them than before; at once, if it would
    be too much should all the new ones be of that kind."""
    failed, known, tried = of.counts["failed"], of.guard.failed, _tried(of.counts)
    if tried < AFTER or failed <= known:
        return failed < known  # its owner has taken some of them up again
    of_all_kinds = CampaignGuard(**{**of.guard.__data__, "refused": of.guard.refused + failed - known})
    worst, _ = _rates(of_all_kinds, of.bounces, of.counts)
    return worst.level == "stop" or failed > max(known * 1.02, WARN[HARD] * tried)


def _judge(of: _Standing) -> bool:
    worst = next((rate for rate in _rates(of.guard, of.bounces, of.counts) if rate.level == "stop"), None)
    if worst is None:
        return False
    note(of.campaign_id, of.user_id, held_for=worst.kind)
    control.pause_if_running(of.user_id, of.campaign_id, worst.words)
    return True


def _tried(counts: dict[str, int]) -> int:
    return sum(counts[name] for name in _TRIED)


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
    _, bounces, counts = _known(user_id, campaign_id)
    refused = _refused(campaign_id)  # since it was paused more may have come: mails that were under way
    base = {"base_tried": _tried(counts), "base_hard": bounces.hard + refused, "base_complaints": bounces.complaint}
    note(campaign_id, user_id, held_for="", refused=refused, failed=counts["failed"], **base)


def note(campaign_id: int, user_id: int, **values) -> None:
    """Store what was found out; fields of CampaignGuard."""
    columns = [getattr(CampaignGuard, name) for name in values]
    rows = [(campaign_id, user_id, *values.values())]
    keys = (CampaignGuard.campaign_id, CampaignGuard.user_id)
    db.transaction(crm_db, lambda: db.upsert(CampaignGuard, (*keys, *columns), rows, replace=columns))

"""What travels between claim, intent and outcome."""

from dataclasses import dataclass

from blaster.queue.leases import Hold


@dataclass(frozen=True, slots=True)
class Claim:
    """What the rows that an account got of one claim have in common.

    `bucket`: of mails that were never tried, the one they are charged to until their intent; the row of any other mail
    has it itself.
    """

    id: int
    campaign_id: int
    server_id: int
    account_id: int
    hold: Hold
    bucket: int | None = None


# Neither of these two is frozen: one of each is made for every mail, and that costs four times as much.


@dataclass(slots=True, eq=False)
class Row:
    """A claimed mail, as the sender needs it. The same mail claimed again is another row."""

    id: int
    claim: Claim
    email: str
    fields: dict
    attempts: int

    @property
    def campaign_id(self) -> int:
        return self.claim.campaign_id


@dataclass(slots=True)
class Outcome:
    """What became of a row: `status` sent, failed, unknown, or pending again (after `delay` ms)."""

    row: Row
    status: str
    reply_class: str | None = None
    code: int | None = None
    text: str | None = None
    delay: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """What an account got of a claim, and how many mails it may still send beyond them."""

    rows: list[Row]
    left: int

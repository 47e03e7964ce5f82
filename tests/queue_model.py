"""Two workers that claim, send, die and wake in any order, beside a mail server that knows what it accepted."""

from dataclasses import replace
from random import Random

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from blaster.queue import claims, leases, orphans, quota
from blaster.queue.claims import Outcome, Row
from blaster.queue.quota import BUCKET
from tests import queue_data
from tests.clock import DAY, HOUR, MINUTE, START, Clock
from tests.queue_data import ALICE, assert_books_balance, clear, running_campaign, server_with_account

# Just within an hour or a day, alone or in sum: where an edge that is wrong by a bucket would show.
STEPS = {1: 57 * MINUTE, 2: 4 * MINUTE, 3: 23 * MINUTE, 4: 34 * MINUTE, 5: 57 * MINUTE, 6: 6 * HOUR - MINUTE}


class Workers(RuleBasedStateMachine):
    """`accepted`: (row id, instant) of each mail that the server took, at any moment between intent and outcome.

    The clock never leaves a mail under way for more than an hour: the deadline of a conversation sees to that.
    """

    HOURLY, DAILY, MAILS = 1_000, 10_000, 10
    ACTS = (
        *("send", "send", "claim", "claim", "intend", "intend", "accept", "refuse", "release"),
        *("crash", "crash", "wake", "advance", "advance", "advance", "advance"),
    )

    def __init__(self, clock: Clock):
        super().__init__()
        self.clock = clock

    @initialize(seed=st.integers(0, 2**62))
    def begin(self, seed):
        self.random = Random(seed)
        self.set_up()

    def set_up(self):
        clear()
        self.act = ""
        self.clock.at = quota.bucket_of(START) + self.random.randrange(BUCKET)
        self.server, self.account = server_with_account(hourly=self.HOURLY, daily=self.DAILY)
        running_campaign(mails=self.MAILS)
        self.holds = [self._take(0), self._take(1)]
        self.claimed: tuple[list[Row], list[Row]] = ([], [])
        self.under_way: tuple[list[tuple[Row, int]], list[tuple[Row, int]]] = ([], [])
        self.asleep: list[Outcome] = []
        self.accepted: list[tuple[int, int]] = []

    @rule()
    def step(self):
        """One rule, acts drawn evenly: of many rules hypothesis leaves most out, and nothing is ever sent."""
        self.do(
            self.random.choice(self.acts()),
            self.random.randrange(2),
            self.random.randint(1, 6),
            self.random.random() < 0.5,
        )

    def do(self, act, who, many, luck):
        note(f"{act} {who=} {many=} {luck=}")
        self.act = act
        getattr(self, act)(who, many, luck)

    def acts(self) -> tuple[str, ...]:
        return self.ACTS

    def send(self, who, many, luck):
        for act in ("claim", "intend", "accept"):
            self.do(act, who, many, luck)

    def claim(self, who, many, luck):
        found, _ = queue_data.claim(ALICE, self.server.id, self.account.id, 7, self.holds[who], many)
        self.claimed[who].extend(found)

    def intend(self, who, many, luck):
        rows = _cut(self.claimed[who], many)
        granted = claims.intend(rows)
        assert granted <= set(rows)
        self.under_way[who].extend((row, self.clock.at) for row in rows if row in granted)
        self.write(Outcome(row, "pending") for row in rows if row not in granted)

    def accept(self, who, many, luck):
        """The server takes mails; without `luck` its replies are lost."""
        rows = _cut(self.under_way[who], many)
        self._accepts(rows)
        self.write(Outcome(row, "sent" if luck else "unknown") for row, _ in rows)

    def refuse(self, who, many, luck):
        self.write(Outcome(row, "pending" if luck else "failed") for row, _ in _cut(self.under_way[who], many))

    def release(self, who, many, luck):
        self.write(Outcome(row, "pending") for row in _cut(self.claimed[who]))

    def crash(self, who, many, luck):
        """The worker is declared dead; with `luck` the server has taken all that was under way."""
        leases.expire_all(f"host:{who}")
        assert claims.intend(self.claimed[who]) == set()
        orphans.recover(self.holds[who])
        self.holds[who] = self._take(who)
        rows = _cut(self.under_way[who])
        if luck:
            self._accepts(rows)
        self.asleep += [Outcome(row, "sent" if luck else "pending") for row, _ in rows]
        self.asleep += [Outcome(row, "pending") for row in _cut(self.claimed[who])]

    def wake(self, who, many, luck):
        """The dead were only asleep: they may send nothing more, but say what they know."""
        outcomes = _cut(self.asleep)
        assert claims.intend([outcome.row for outcome in outcomes]) == set()
        self.write(outcomes)

    def advance(self, who, many, luck):
        oldest = min((since for rows in self.under_way for _, since in rows), default=self.clock.at + DAY)
        self.clock.advance(min(STEPS[many], oldest + HOUR - self.clock.at))

    def write(self, outcomes):
        claims.settle([replace(outcome, attempts=outcome.row.attempts + 1) for outcome in outcomes])

    def _take(self, who):
        return leases.take(f"server:{who}", f"host:{who}", 1_000 * DAY)

    def _accepts(self, rows):
        """Each second mail at once after its intent, the others at the last moment."""
        self.accepted += [(row.id, (since, self.clock.at)[i % 2]) for i, (row, since) in enumerate(rows)]

    @invariant()
    def the_books_balance(self):
        assert_books_balance()

    @invariant()
    def nothing_is_sent_twice(self):
        ids = [row_id for row_id, _ in self.accepted]
        assert len(ids) == len(set(ids))


def _cut(rows: list, many: int = 1_000) -> list:
    """The first `many` of the list, which loses them."""
    taken, rows[:] = rows[:many], rows[many:]
    return taken

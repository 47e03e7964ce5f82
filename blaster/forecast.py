"""When a campaign will be finished, what decides it, and what would help. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from blaster.rehearsal import BUCKET, NO_LIMIT, Account, Campaign, simulate


@dataclass(frozen=True)
class Help:
    """Something that would finish the campaign `saved` ms earlier, at `finish`."""

    words: str
    finish: int
    saved: int


@dataclass(frozen=True)
class Plan:
    """The forecast for one campaign beside the user's others. `finish` None: never as it is, `binding` says why.
    `binding`: what decides the finish, by name. `hours`: (its first ms, mails by campaign), in order."""

    finish: int | None
    binding: str
    hours: list[tuple[int, dict[int, int]]] = field(repr=False)
    helps: tuple[Help, ...] = ()


NO_ACCOUNT, TOO_LONG = "no usable account", "more than a year of sending"
SPEED = "speed of the server"


def plan(
    accounts: Sequence[Account], campaigns: Sequence[Campaign], now: int, target: int, *, servers=1, ask=True
) -> Plan:
    """The forecast for the campaign `target` of `campaigns`; `servers`: to how many SMTP
    servers the accounts belong; `ask`: also what would help."""
    run = simulate(accounts, campaigns, now, servers=servers)
    hours = [(hour, dict(run.hours[hour])) for hour in sorted(run.hours)]
    finish = run.finish[target]
    if finish is None:
        return Plan(None, TOO_LONG if any(a.is_usable for a in accounts) else NO_ACCOUNT, hours)
    situation = _Situation(accounts, campaigns, now, servers, target, finish)
    ask &= any(account.is_usable for account in accounts)  # the last mails may be on their way without one
    return Plan(finish, situation.binding(), hours, tuple(situation.helps()) if ask else ())


@dataclass(frozen=True)
class _Situation:
    accounts: Sequence[Account]
    campaigns: Sequence[Campaign]
    now: int
    servers: int
    target: int
    finish: int

    def binding(self) -> str:
        """The limit without which it would be finished first."""
        usable = [account for account in self.accounts if account.is_usable]
        many = f"{len(usable)} accounts" if len(usable) > 1 else "the account"
        kind = "limits" if len(usable) > 1 else "limit"
        without = {f"daily {kind} of {many}": self._saved(day_limit=NO_LIMIT, day_limits=())}
        without[f"hourly {kind} of {many}"] = self._saved(hour_limit=NO_LIMIT)
        if self._has_hours():
            without["sending hours"] = self._saved(open_always=True, windows=None)
        if any(account.usable_from is None or account.usable_from > self.now for account in self.accounts):
            without["accounts that have to rest"] = self._saved(usable_from=0)
        without[SPEED] = self._saved(rate=NO_LIMIT)
        words, saved = max(without.items(), key=lambda item: item[1])
        return words if saved > 0 else SPEED

    def _has_hours(self) -> bool:
        return any(each.windows for each in (*self.accounts, *self.campaigns))

    def _saved(self, *, more: Sequence[Account] = (), open_always=False, **changes) -> int:
        accounts = [replace(account, **changes) for account in self.accounts] if changes else self.accounts
        campaigns = self.campaigns
        if open_always:
            campaigns = [replace(campaign, windows=None) for campaign in campaigns]
        finish = simulate([*accounts, *more], campaigns, self.now, servers=self.servers).finish[self.target]
        return self.finish - finish if finish is not None else 0

    def helps(self) -> Iterable[Help]:
        """Only what saves more than a tenth of the time."""
        typical = self._typical()
        found = {}
        for n, words in ((1, "one more account"), (2, "two more accounts"), (5, "five more accounts")):
            found[words] = self._saved(more=[typical] * n)
        found["twice the hourly limits"] = self._doubled()
        if self._has_hours():
            found["no sending hours"] = self._saved(open_always=True, windows=None)
        for words, saved in found.items():
            if saved * 10 > self.finish - self.now and saved > BUCKET:
                yield Help(words, self.finish - saved, saved)

    def _typical(self) -> Account:
        """A fresh account like most of those that send."""
        kinds = Counter((a.hour_limit, a.day_limit, a.windows, a.rate) for a in self.accounts if a.is_usable)
        hour_limit, day_limit, hours, rate = kinds.most_common(1)[0][0]
        return Account(hour_limit, day_limit, windows=hours, rate=rate)

    def _doubled(self) -> int:
        accounts = [replace(account, hour_limit=2 * account.hour_limit) for account in self.accounts]
        return replace(self, accounts=accounts)._saved()

"""SMTP accounts and what they may still send."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from blaster.web import supply
from blaster.web.api.models import Answer, instant
from blaster.web.api.operation import operation


class Account(Answer):
    id: int
    server_id: int
    email: str
    state: Annotated[str, Field(description="ok, waiting, closed, cooling, attention or inactive.")]
    reason: Annotated[str, Field(description="Of the state, in words.")]
    until: Annotated[datetime | None, Field(description="When the state ends, where that is known.")]
    left: Annotated[int, Field(description="Mails that it may send at this moment.")]
    hourly_limit: int
    hourly_used: int
    daily_limit: int
    daily_used: int


class Accounts(Answer):
    items: list[Account]


def shown(line: supply.Line) -> Account:
    """As programs see it."""
    budget = line.budget
    return Account(
        id=line.account.id,
        server_id=line.server.id,
        email=line.account.email,
        state=line.state,
        reason=line.words,
        until=instant(line.until),
        left=line.left,
        hourly_limit=budget.hour_limit,
        hourly_used=budget.hour_used,
        daily_limit=budget.day_limit,
        daily_used=budget.day_used,
    )


@operation("GET", "/accounts", "read", answers=Accounts)
def list_accounts(user_id: int) -> Accounts:
    """The SMTP accounts with their budgets."""
    return Accounts(items=[shown(line) for line in supply.lines(user_id)])

"""What the API takes and answers. The field descriptions are those of the document."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

HIGHEST = 2**63 - 1
Name = Annotated[str, Field(min_length=1, max_length=120)]
Limit = Annotated[int, Field(ge=1, le=1000, description="How many at most.")]
After = Annotated[int, Field(ge=0, le=HIGHEST, description="Go on behind this id: `next` of the page before.")]
Next = Annotated[int | None, Field(description="For `after` of the next page; null on the last one.")]


def instant(ms: int | None) -> datetime | None:
    """An instant of the database; None for none."""
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None


class Answer(BaseModel):
    """What we say."""


class Taken(BaseModel):
    """What came; nothing is guessed: unknown fields and other types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """What came behind the `?`, as text."""

    model_config = ConfigDict(extra="forbid")


class Problem(Answer):
    """RFC 9457."""

    class Error(Answer):
        field: str
        detail: str

    type: str
    title: str
    status: int
    detail: str
    errors: list[Error] = []


class Page(Query):
    after: After = 0
    limit: Limit = 100

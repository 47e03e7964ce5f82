"""A list to take home: one row for each person, as the import reads it again."""

from collections.abc import Iterator

from blaster import recipients
from blaster.models.campaign_db import RecipientList

CHUNK = 5_000


def header(chosen: RecipientList) -> list[str]:
    """The columns of `rows`."""
    return ["email", *recipients.field_names(chosen)]


def rows(chosen: RecipientList) -> Iterator[list[str]]:
    """The cells of everybody. Reads in chunks: no transaction lasts as long as a download."""
    names, after = recipients.field_names(chosen), 0
    while page := recipients.list_recipients(chosen.user_id, chosen.id, after=after, limit=CHUNK):
        for row in page:
            values = recipients.values(row.fields)
            yield [row.email, *(values.get(name, "") for name in names)]
        after = page[-1].id

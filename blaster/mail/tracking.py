"""Opens and clicks, where a campaign counts them: a picture that is loaded, and links that come by way of us.

Both are tokens under a MAC that name a mail and one of its links by number. Where a link leads is no part of it: it
comes from the campaign's own table, so that nobody can make our address lead anywhere else.
"""

import hmac
from base64 import b64decode
from binascii import Error, b2a_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import urlsplit

from blaster.mail import markup
from blaster.mail.footer import BODY_END
from blaster.mail.unsubscribe import FIELD, FROM_URL, TO_URL

OPEN = 0  # the picture; links count from 1
MOST_LINKS = 1_000  # of a message; those behind them are not counted
LONGEST = 4_000  # characters of an address

_FIELD = "tracked-{}"  # no field of a list can have a hyphen
_PIXEL = f'<img src="{{{{ {_FIELD.format(OPEN)} }}}}" width="1" height="1" alt="" style="display:block;border:0">'
_USER, _CAMPAIGN, _ROW, _SECOND, _LINK, _MAC = 4, 5, 6, 4, 2, 12  # octets; together a multiple of 3
_LENGTH = (_USER + _CAMPAIGN + _ROW + _SECOND + _LINK + _MAC) // 3 * 4


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which mail a token came with, when that was made (ms UTC), and what was asked for: OPEN or the link's number."""

    user_id: int
    campaign_id: int
    row_id: int
    made_at: int
    link: int


class Tracker:
    """Marks the HTML of one campaign, and makes the tokens of its mails; threads may share it."""

    def __init__(
        self, key: bytes, public_url: str, user_id: int, campaign_id: int, *, opens: bool, links: Sequence[str]
    ):
        self._opens = opens
        self._numbers = {url: number for number, url in enumerate(links, 1)}
        self._start = user_id.to_bytes(_USER) + campaign_id.to_bytes(_CAMPAIGN)
        self._mac = _mac(key, self._start)
        wanted = ([OPEN] if opens else []) + list(self._numbers.values())
        self._wanted = [(_FIELD.format(n), f"{public_url}/{'c' if n else 'o'}/", n.to_bytes(_LINK)) for n in wanted]

    def marked(self, html: str) -> str:
        """The HTML with merge tags for its links, and with the picture."""
        masked, tags = markup.mask(html)
        pieces, position = [], 0
        for start, end, url in _found(masked, tags):
            if url in self._numbers:
                pieces += (masked[position:start], f'href="{{{{ {_FIELD.format(self._numbers[url])} }}}}"')
                position = end
        html = markup.unmask("".join(pieces) + masked[position:], tags)
        end = BODY_END.search(html).start() if self._opens else len(html)
        return html[:end] + (_PIXEL if self._opens else "") + html[end:]

    def fields(self, row_id: int, now: int) -> dict[str, str]:
        """The values of the merge tags for one mail; `now`: ms UTC."""
        row = row_id.to_bytes(_ROW) + (now // 1000).to_bytes(_SECOND)
        start, mac = self._start + row, self._mac.copy()
        mac.update(row)
        values = {}
        for name, url, link in self._wanted:
            sealed = mac.copy()
            sealed.update(link)
            values[name] = url + b2a_base64(start + link + sealed.digest(), newline=False).translate(TO_URL).decode()
        return values


def _mac(key: bytes, start: bytes):
    return blake2b(start, key=key[:64], digest_size=_MAC, person=b"tracking")


def links(html: str) -> list[str]:
    """Where the links of a message lead that can be counted, each once, in their order: those to websites, without
    merge tags in them."""
    masked, tags = markup.mask(html)
    return list(dict.fromkeys(url for _, _, url in _found(masked, tags) if url))[:MOST_LINKS]


def left_alone(html: str) -> int:
    """How many links have merge tags in them, so that they lead each recipient elsewhere and cannot be counted. The one
    that unsubscribes is never counted."""
    masked, tags = markup.mask(html)
    written = (markup.masked_in(masked[start:end], tags) for start, end, url in _found(masked, tags) if not url)
    return sum(any(FIELD not in tag for tag in held) for held in written)


def _found(masked: str, tags: list[str]) -> Iterator[tuple[int, int, str]]:
    """Where each `href` is, and its address; "" where that cannot be counted."""
    for token in markup.tokens(masked):
        if token.kind == "open" and token.name in ("a", "area"):
            start, end, value = token.attribute("href")
            if end > start:
                yield start, end, "" if markup.masked_in(value, tags) else _website(markup.text(value).strip())


def _website(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_plain = len(url) <= LONGEST and url.isprintable() and " " not in url
    return url if is_plain and parts.scheme in ("http", "https") and parts.hostname else ""


def read(token: str, key: bytes) -> Ticket | None:
    """What a token was made for; None for one that we did not make."""
    if len(token) != _LENGTH or not token.isascii():
        return None
    try:
        octets = b64decode(token.encode().translate(FROM_URL), validate=True)
    except Error:
        return None
    signed, mac = octets[:-_MAC], octets[-_MAC:]
    if not hmac.compare_digest(_mac(key, signed).digest(), mac):
        return None
    values, position = [], 0
    for size in (_USER, _CAMPAIGN, _ROW, _SECOND, _LINK):
        values.append(int.from_bytes(signed[position : position + size]))
        position += size
    user_id, campaign_id, row_id, second, link = values
    return Ticket(user_id, campaign_id, row_id, second * 1000, link)

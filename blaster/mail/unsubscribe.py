"""Links that end a subscription: one for each mail, signed, with nothing in them that names a person.

RFC 2369 (List-Unsubscribe) and RFC 8058 (one click).
"""

import hmac
from base64 import b64decode
from binascii import Error, b2a_base64
from dataclasses import dataclass
from hashlib import blake2b

FIELD = "unsubscribe_url"  # the merge tag
TESTS = 10**12  # tests are numbered from here on, by their instants in ms; no row of the queue has such a number

_USER, _CAMPAIGN, _ROW, _MAC = 4, 5, 6, 12  # octets; together a multiple of 3, so that base64 needs no padding
_LENGTH = (_USER + _CAMPAIGN + _ROW + _MAC) // 3 * 4


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which mail a link came with: a row of the queue, its campaign and its owner."""

    user_id: int
    campaign_id: int
    row_id: int

    @property
    def is_test(self) -> bool:
        """It came with a test: there is no subscription to end."""
        return self.row_id >= TESTS


class Links:
    """Makes the links of one campaign; threads may share it. `public_url`: how people reach this installation."""

    def __init__(self, key: bytes, public_url: str, user_id: int, campaign_id: int):
        self._base = f"{public_url}/u/"
        self._start = user_id.to_bytes(_USER) + campaign_id.to_bytes(_CAMPAIGN)
        self._mac = _mac(key, self._start)

    def token(self, row_id: int) -> str:
        """What the link of this row ends with."""
        row = row_id.to_bytes(_ROW)
        mac = self._mac.copy()
        mac.update(row)
        return b2a_base64(self._start + row + mac.digest(), newline=False).translate(TO_URL).decode()

    def url(self, row_id: int) -> str:
        """The link, as for the merge tag."""
        return self._base + self.token(row_id)


def headers(url: str) -> str:
    """Both header lines for a link, with their CRLF."""
    return f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


TO_URL, FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def _mac(key: bytes, start: bytes):
    return blake2b(start, key=key[:64], digest_size=_MAC, person=b"unsubscribe")


def read(token: str, key: bytes) -> Ticket | None:
    """The mail that a token was made for; None for one that we did not make."""
    if len(token) != _LENGTH or not token.isascii():
        return None
    try:
        octets = b64decode(token.encode().translate(FROM_URL), validate=True)
    except Error:
        return None
    signed, mac = octets[:-_MAC], octets[-_MAC:]
    if not hmac.compare_digest(_mac(key, signed).digest(), mac):
        return None
    user, campaign = signed[:_USER], signed[_USER : _USER + _CAMPAIGN]
    return Ticket(int.from_bytes(user), int.from_bytes(campaign), int.from_bytes(signed[_USER + _CAMPAIGN :]))

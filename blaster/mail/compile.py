"""A campaign's message, compiled once and completed for each recipient.

email.message costs about 2 ms a mail, a skeleton with slots about 10 µs: the largest single gain there is.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from blaster.mail import dkim, footer, headers, list_headers, unsubscribe
from blaster.mail.attachments import Attachment
from blaster.mail.merge import Fields, Merge, MergeError, compile_text
from blaster.mail.parts import Parts
from blaster.mail.tokens import token
from blaster.mail.tracking import Tracker

OWN_HEADERS = frozenset(
    "date from to cc bcc sender subject message-id reply-to return-path mime-version content-type "
    "content-transfer-encoding list-unsubscribe list-unsubscribe-post list-id precedence feedback-id".split()
)

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True)
class Content:
    """What a campaign says. sender_email: '' = the from-address of the SMTP account. One of html and text may be ''."""

    campaign_id: int
    user_id: int
    list_id: int
    subject: str
    sender_name: str
    sender_email: str
    reply_to: str
    html: str
    text: str
    organisation: str = ""
    postal_address: str = ""
    attachments: tuple[Attachment, ...] = ()
    tracks_opens: bool = False
    links: tuple[str, ...] = ()  # of `tracking.links`, whose clicks are counted


def compile_message(
    content: Content, *, message_key: bytes, public_url: str = "", extra_headers: Iterable[tuple[str, str]] = ()
) -> "Skeleton":
    """Compile a campaign; raises MergeError for what its author must correct.

    extra_headers: (name, value), the value may have merge tags. message_key: signs the Message-IDs, and the links that
    unsubscribe. public_url: where those lead; without it there are no such links, no headers of lists and no footer.
    """
    return Skeleton(_with_footer(content) if public_url else content, message_key, public_url, tuple(extra_headers))


def _with_footer(content: Content) -> Content:
    who = (content.organisation, content.postal_address)
    html, text = content.html, content.text  # a part that is made of the other gets its footer with it
    return replace(content, html=html and footer.to_html(html, *who), text=text and footer.to_text(text, *who))


def message_id(row_id: int, campaign_id: int, domain: str, message_key: bytes) -> str:
    """Without the angle brackets. Stable for a row, so that a log of the provider can answer what happened to it."""
    return f"{token(row_id, campaign_id, message_key)}@{domain}"


class Skeleton:
    """A compiled campaign. Threads may share it. `signers`: by domain of the From address, may be set at any time."""

    signers: Mapping[str, Sequence[dkim.Signer]] = {}

    def __init__(self, content: Content, message_key: bytes, public_url: str, extra_headers: tuple):
        self._content = content
        self._message_key = message_key
        self._links = (
            unsubscribe.Links(message_key, public_url, content.user_id, content.campaign_id) if public_url else None
        )
        self._sender_fields = footer.values(content.organisation, content.postal_address)
        self._subject = _header("Subject", _header_merge("subject", content.subject))
        self._sender_name = _header_merge("sender name", content.sender_name)
        self._fixed, self._extras = "", []
        if content.reply_to:
            self._fixed = _address_line("Reply-To", "", _ascii_local(content.reply_to))
        if public_url:
            ids = (content.campaign_id, content.user_id, content.list_id)
            self._fixed += list_headers.lines(*ids, content.organisation, public_url)
        for name, source in extra_headers:
            self._add_extra(_checked_name(name), _header_merge(name, source))
        self._tracker = _tracker(content, message_key, public_url)
        mark = self._tracker.marked if self._tracker else str
        self._parts = Parts(content.html, content.text, content.attachments, mark)
        self._from_lines: dict[str, tuple[str, str]] = {}
        self._date = (0, "")

    def sender(self, from_address: str) -> str:
        """Who a mail is from that goes through an account with this from-address."""
        return self._content.sender_email or from_address

    def return_path(self, row_id: int, from_address: str, bounce_address: str = "") -> str:
        """The envelope sender: the sender, or where the account wants bounces (`bounces+{token}@example.com`)."""
        if not bounce_address:
            return self.sender(from_address)
        return bounce_address.replace("{token}", token(row_id, self._content.campaign_id, self._message_key))

    def render(self, *, row_id: int, email: str, fields: Fields, from_address: str, now: int) -> bytes:
        """A complete RFC 5322 message, CRLF, 7-bit (but for an address that needs SMTPUTF8), ended by one.
        No line begins with a dot, so that SMTP has nothing to double (RFC 5321 section 4.5.2).

        now: milliseconds UTC. Raises MergeError.
        """
        from_line, domain = self._from(self.sender(from_address), fields)
        identity = message_id(row_id, self._content.campaign_id, domain, self._message_key)
        leave = ""
        if self._links:
            url = self._links.url(row_id)
            fields, leave = {**fields, **self._sender_fields, unsubscribe.FIELD: url}, unsubscribe.headers(url)
        if self._tracker:
            fields = {**fields, **self._tracker.fields(row_id, now)}
        head = (
            f"Date: {self._date_at(now)}\r\n{from_line}"
            f"{_address_line('To', fields.get('name') or '', email)}"
            f"{self._subject(fields)}Message-ID: <{identity}>\r\n{self._fixed}{leave}"
        )
        for header in self._extras:
            head += header(fields)
        pieces = [head.encode()]
        self._parts.add_to(pieces, fields)
        message = b"".join(pieces)
        return dkim.header(self.signers, domain.lower(), message) + message if self.signers else message

    def _add_extra(self, name: str, value: Merge) -> None:
        header = _header(name, value, encode_long=False)
        if value.slots:
            self._extras.append(header)
        else:
            self._fixed += header({})

    def _from(self, sender: str, fields: Fields) -> tuple[str, str]:
        """The From line and the domain for Message-IDs."""
        if self._sender_name.slots:
            return _from_line(self._sender_name.render(fields), sender)
        if sender not in self._from_lines:
            self._from_lines[sender] = _from_line(self._sender_name.statics[0], sender)
        return self._from_lines[sender]

    def _date_at(self, now: int) -> str:
        second, text = self._date
        if second != now // 1000:
            text = headers.date(now)
            self._date = (now // 1000, text)
        return text


def _tracker(content: Content, key: bytes, public_url: str) -> Tracker | None:
    """None where nothing is tracked: then a mail has no sign of it."""
    if not public_url or not (content.tracks_opens or content.links):
        return None
    ids = (content.user_id, content.campaign_id)
    return Tracker(key, public_url, *ids, opens=content.tracks_opens, links=content.links)


def _from_line(name: str, sender: str) -> tuple[str, str]:
    line = _address_line("From", name, sender)
    return line, line.rpartition("@")[2].rstrip(">\r\n")


def _address_line(name: str, display_name: str, address: str) -> str:
    try:
        return headers.address_header(name, display_name, address)
    except ValueError as error:
        raise MergeError(f"{name}: {error}") from None


def _text_line(name: str, text: str, encode_long: bool = True) -> str:
    try:
        return headers.text_header(name, text, encode_long=encode_long)
    except ValueError as error:
        raise MergeError(f"{name}: {error}") from None


def _header(name: str, value: Merge, encode_long: bool = True) -> Callable[[Fields], str]:
    """Makes the line for a recipient; a line that is the same for all is made once."""
    if value.slots:
        return lambda fields: _text_line(name, value.render(fields), encode_long)
    line = _text_line(name, value.statics[0], encode_long)
    return lambda fields: line


def _ascii_local(address: str) -> str:
    if not address.rpartition("@")[0].isascii():
        raise MergeError("Reply-To: only plain letters can stand before the @, or some servers could not take the mail")
    return address


def _header_merge(what: str, source: str) -> Merge:
    if _CONTROLS.search(source):
        raise MergeError(f"{what}: line breaks and control characters are not possible here")
    return compile_text(source, html=False)


def _checked_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name) or name.lower() in OWN_HEADERS:
        raise MergeError(f"the header {name!r} cannot be added")
    return name

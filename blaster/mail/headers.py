"""Header lines: encoded words (RFC 2047), folding (RFC 5322 section 2.2.3), addresses, dates."""

import base64
import re
import time
import unicodedata
from collections.abc import Iterator

from blaster.mail.idn import ascii_domain

LINE = 76  # characters of a line that holds an encoded word, RFC 2047 section 2; we keep all lines to it
WORD = 75  # characters of one encoded word
FRAME = len("=?utf-8?q??=")
LONGEST = 1_000  # characters; nobody reads a longer subject, and a server may refuse it
LONG = 60  # a raw word or phrase beyond this is encoded, because encoded words can be cut

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_BLANKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"  # without the ? of encoded words
_PLAIN = re.compile(rf"{_ATOM}(?: {_ATOM})* <[!-;=?A-~]+@[!-;=?A-~]+>")
_LONG_WORD = re.compile(rf"[^ ]{{{LONG + 1}}}")
_NOT_IN_ADDRESS = re.compile(r"[\x00-\x20<>\x7f-\x9f\u2028\u2029]")
_PLAIN_IN_Q = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = [chr(octet) if octet in _PLAIN_IN_Q else f"={octet:02X}" for octet in range(256)]
_Q[ord(" ")] = "_"


def clean(text: str) -> str:
    """One line: control characters and runs of blanks become one blank, so that no value can begin a header."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    return _SURROGATES.sub("\ufffd", _BLANKS.sub(" ", text)).strip()


def text_header(name: str, text: str, *, encode_long: bool = True) -> str:
    """An unstructured header line with its CRLF. encode_long=False leaves long words, such as URLs, as they are.

    Raises ValueError for a text beyond all measure.
    """
    text = clean(text)
    if len(name) + len(text) < LINE - 1 and text.isascii() and "=?" not in text:
        return f"{name}: {text}\r\n"
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST:,} characters")
    if not _must_encode(text) and not _LONG_WORD.search(text):
        return _wrapped(f"{name}: {text}")
    words = text.split(" ")
    to_encode = [i for i, word in enumerate(words) if _must_encode(word) or (encode_long and len(word) > LONG)]
    if not to_encode:
        return _folded(name, words)
    first, end = to_encode[0], to_encode[-1] + 1
    return _folded(name, words[:first], " ".join(words[first:end]), words[end:])


def address_header(name: str, display_name: str, address: str) -> str:
    """A header line with one address; its domain as A-labels. Raises ValueError when the address is not one."""
    usual = f"{display_name} <{address}>"
    if len(name) + len(usual) < LINE - 1 and _PLAIN.fullmatch(usual):
        return f"{name}: {usual}\r\n"
    if _NOT_IN_ADDRESS.search(address) or "@" not in address:
        raise ValueError("not an e-mail address")
    if not address.isascii():
        address = ascii_domain(address)
    return f"{name}: {address}\r\n" if not display_name else named(name, display_name, f"<{address}>")


def named(name: str, phrase: str, bracketed: str) -> str:
    """A header line with a name for people before what stands in brackets; the name may be empty. Raises ValueError."""
    phrase = clean(phrase)
    if not phrase:
        return f"{name}: {bracketed}\r\n"
    if len(phrase) > LONGEST:
        raise ValueError(f"the name is longer than {LONGEST:,} characters")
    if len(phrase) > LONG or _must_encode(phrase):
        return _folded(name, [], phrase, [bracketed])
    if _ATOMS.fullmatch(phrase):
        return _folded(name, [*phrase.split(" "), bracketed])
    quoted = phrase.replace("\\", "\\\\").replace('"', '\\"')
    return _folded(name, [f'"{quoted}"', bracketed])


def date(now: int) -> str:
    """RFC 5322 section 3.3, for milliseconds since 1970 UTC."""
    t = time.gmtime(now // 1000)
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"{DAYS[t.tm_wday]}, {t.tm_mday:02} {MONTHS[t.tm_mon - 1]} {t.tm_year} {clock} +0000"


def _must_encode(text: str) -> bool:
    """Text that looks like an encoded word would be decoded by the reader, line breaks in it included."""
    return not text.isascii() or "=?" in text


def _wrapped(line: str) -> str:
    lines = []
    while len(line) > LINE:
        end = line.rfind(" ", 1, LINE + 1)
        lines.append(line[:end])
        line = line[end:]
    return "\r\n".join((*lines, line)) + "\r\n"


def _folded(name: str, before: list[str], encoded: str = "", after: list[str] = ()) -> str:
    """Raw words, then a text as encoded words, then raw words, folded. Blanks between encoded words do not count."""
    lines = [f"{name}:"]
    for word in before:
        _place(lines, word)
    for word in _encoded_words(encoded, len(lines[-1]) + 1) if encoded else ():
        _place(lines, word)
    for word in after:
        _place(lines, word)
    return "\r\n".join(lines) + "\r\n"


def _place(lines: list[str], word: str) -> None:
    first = len(lines) == 1 and lines[0].endswith(":") and " " not in lines[0]
    if first or len(lines[-1]) + 1 + len(word) <= LINE:
        lines[-1] += " " + word
    else:
        lines.append(" " + word)


def _encoded_words(text: str, column: int) -> Iterator[str]:
    """Cut between characters, and between what readers see as one character where it is shorter than a word."""
    octets = text.encode()
    in_q = _in_q(octets)
    quoted = len(in_q) * 3 <= len(octets) * 4
    room = min(WORD, LINE - column) - FRAME
    if (len(in_q) if quoted else (len(octets) + 2) // 3 * 4) <= room:
        yield _encoded_word(octets, quoted)
        return
    chunk, used, room = b"", 0, _weight_in(room, quoted)
    for piece in _pieces(text, quoted):
        weight = len(_in_q(piece)) if quoted else len(piece)
        if chunk and used + weight > room:
            yield _encoded_word(chunk, quoted)
            chunk, used, room = b"", 0, _weight_in(WORD - FRAME, quoted)
        chunk += piece
        used += weight
    yield _encoded_word(chunk, quoted)


def _weight_in(room: int, quoted: bool) -> int:
    """How many characters of quoted text, or octets for base64, go into so many characters."""
    return room if quoted else room // 4 * 3


def _encoded_word(octets: bytes, quoted: bool) -> str:
    if quoted:
        return f"=?utf-8?q?{_in_q(octets)}?="
    return f"=?utf-8?b?{base64.b64encode(octets).decode()}?="


def _in_q(octets: bytes) -> str:
    return "".join([_Q[octet] for octet in octets])


def _pieces(text: str, quoted: bool) -> Iterator[bytes]:
    longest = _weight_in(WORD - FRAME - len("Subject: "), quoted)
    for cluster in _clusters(text):
        octets = cluster.encode()
        if len(octets) * (3 if quoted else 1) <= longest:
            yield octets
        else:
            yield from map(str.encode, cluster)


def _clusters(text: str) -> list[str]:
    """Characters with what belongs to them: accents, joined emoji, skin tones, the two halves of a flag."""
    clusters = [text[0]]
    for char in text[1:]:
        if _belongs(clusters[-1], char):
            clusters[-1] += char
        else:
            clusters.append(char)
    return clusters


def _belongs(cluster: str, char: str) -> bool:
    if char < "\u0300":
        return False
    if unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf") or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    return cluster[-1] == "\u200d" or (len(cluster) == 1 and _is_flag_half(cluster) and _is_flag_half(char))


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"

"""Texts that break mail programs, and a check of messages that shares no code with their maker."""

import email
import email.policy
import functools
import random
import re

FAMILY, FLAG, THUMB, ACCENT = "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u0301"
PIECES = [
    *(
        FAMILY,
        FLAG,
        THUMB,
        ACCENT,
        "🎉",
        "ß",
        "é",
        "Zoë",
        "Müller",
        "日本語のお知らせ",
        "مرحبا بالعالم",
        "שלום",
        "हिन्दी",
        "ไทย",
    ),
    *(
        "=?utf-8?q?=0ABcc:_x?=",
        "=?",
        "?=",
        "=0D=0A",
        "\r\nBcc: evil@example.com",
        "\n",
        "\r",
        "\r\n.\r\n",
        "\n.\n",
        "\n..\n",
    ),
    *("\x00", "\x0b", "\x0c", "\x1b[0m", "\x7f", "\x85", "\u2028", "\ud83d", "\ufeff", "\u00a0", "\u200b", "\u202e"),
    *("  ", "\t", " \n", "=", "==\n", "--=_mixed\r\n", "--=_alternative--\r\n", "\nFrom me\n", "\r\nFrom: x\r\n"),
    *(
        "a",
        "the",
        "news, for you",
        '"',
        "'",
        "\\",
        "<b>",
        "&amp;",
        "a@b.example",
        "(comment)",
        ";",
        "x" * 300,
        "www " * 40,
    ),
]
NEWLINES = re.compile("\r\n|\r|\n")


def text(seed: random.Random, most: int) -> str:
    joint = seed.choice(("", " "))
    return joint.join(seed.choices(PIECES, k=seed.randrange(most)))


class _Remembering(email.policy.EmailPolicy):
    """The parser asks for the type of a part fifty times, and would parse it as often."""

    header_fetch_parse = functools.lru_cache(1_000)(email.policy.EmailPolicy.header_fetch_parse)


_POLICY = _Remembering()


def parse(data: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(data, policy=_POLICY)


def lines(text: str) -> str:
    """With LF, and without the line end that belongs to the boundary."""
    return NEWLINES.sub("\n", text).removesuffix("\n")


def one_line(text: str) -> str:
    """What a header may hold of a text."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return re.sub("[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def body(text: str) -> str:
    return lines(text.encode("utf-8", "replace").decode())


def check_form(data: bytes) -> email.message.EmailMessage:
    """RFC 5322 and 2045: octets, lines, one of each header, no defect in any part. Returns the parsed message."""
    assert data.isascii() and b"\x00" not in data
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r") and data.endswith(b"\r\n")
    assert not data.startswith(b".") and b"\r\n." not in data  # what senders need not look at again
    # 998 is the law; only an address of ours that cannot be folded is longer than 78.
    assert all(len(line) <= 78 or re.fullmatch(rb"List-Unsubscribe: \S{,900}", line) for line in data.split(b"\r\n"))
    message = parse(data)
    names = [name.lower() for name in message.keys()]
    assert len(names) == len(set(names)) and {"date", "from", "to", "subject", "message-id", "mime-version"} <= {*names}
    assert not {"bcc", "sender", "return-path", "cc"} & {*names}
    for part in message.walk():
        assert not part.defects and not any(header.defects for header in part.values())
    return message

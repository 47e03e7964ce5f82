"""Understands what comes back: bounces, complaints, autoreplies. Pure: bytes in, a Report out.

Structure first (RFC 3464, 5965, JSON of a provider), then headers, then words.
"""

import re
from dataclasses import replace

from blaster.mail.bounces import autoreply, complaints, dsn, mime, notice, ses
from blaster.mail.bounces.report import CLASSES, KINDS, Recipient, Report

__all__ = ["CLASSES", "KINDS", "Recipient", "Report", "parse"]

_TOKEN = re.compile(rb"(?<![\w.])(\d{1,19})\.(\d{1,19})\.([0-9a-f]{20})(?=@|-at-|\b)")
_MAX_TOKENS = 10


def parse(raw: bytes) -> Report:
    """Never raises, whatever the bytes are. Only the first 512 kB are looked at."""
    letter = mime.read(raw)
    report = _kind(letter)
    return replace(report, tokens=_tokens(raw, letter), message_id=letter.header("Message-ID").strip().strip("<>"))


def _kind(letter: mime.Letter) -> Report:
    for reader in (complaints, dsn, ses):
        found = reader.read(letter)
        if found:
            return _with_names(found, letter)
    daemon = notice.from_daemon(letter) and not autoreply.by_subject(letter)
    readers = (notice, autoreply) if daemon else (autoreply, notice)
    return next((found for reader in readers if (found := reader.read(letter))), Report("none"))


def _with_names(report: Report, letter: mime.Letter) -> Report:
    """A report for machines may lack the address that its notice for people has."""
    if report.kind == "bounce" and len(report.recipients) == 1 and not report.recipients[0].address:
        names = notice.named(letter)
        if len(names) == 1:
            return replace(report, recipients=(replace(report.recipients[0], address=names[0]),))
    return report


def _tokens(raw: bytes, letter: mime.Letter) -> tuple[tuple[int, int, str], ...]:
    decoded = "\n".join((letter.notice, letter.returned, *letter.reports)).encode("utf-8", "replace")
    found = _TOKEN.findall(raw[: mime.LONGEST]) + _TOKEN.findall(decoded)
    unique = {(int(row), int(campaign), signature.decode()) for row, campaign, signature in found}
    return tuple(sorted(unique))[:_MAX_TOKENS]

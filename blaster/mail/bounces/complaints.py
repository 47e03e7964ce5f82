"""Complaints: RFC 5965 (ARF), and Hotmail's mails of the JMRP, which are not ARF."""

import re

from blaster.mail.bounces import words
from blaster.mail.bounces.dsn import address
from blaster.mail.bounces.mime import Letter, parse_head
from blaster.mail.bounces.report import Recipient, Report

NO_COMPLAINT = {"not-spam": "none", "auth-failure": "auth-report", "dmarc": "auth-report"}

_REPORT = re.compile(
    r"^Feedback-Type:[ \t]*\w[\w-]*[ \t]*\n(?:[\w-]+:.*\n|[ \t]+\S.*\n)*", re.IGNORECASE | re.MULTILINE
)
_JMRP = re.compile(r"^X-HmXmrOriginalRecipient:[ \t]*(\S+@\S+)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"[^\s<>\"(),;:]+@[^\s<>\"(),;:]+")


def read(letter: Letter) -> Report | None:
    # Some send their report as plain text.
    if report := letter.feedback or _REPORT.findall(letter.notice):
        return _feedback(letter, report)
    if words.COMPLAINT.search(letter.notice[:2000]):
        return _complaint("text", _to(letter))
    found = _JMRP.search(letter.returned)
    if found or words.COMPLAINT_SUBJECT.search(letter.header("Subject")):
        return _complaint("jmrp", [found[1].strip("<>")] if found else _to(letter))
    return None


def _feedback(letter: Letter, report: list[str]) -> Report:
    fields = parse_head("\n".join(report))
    kind = str(fields.get("Feedback-Type", "abuse")).strip().lower()
    if kind in NO_COMPLAINT:
        return Report(NO_COMPLAINT[kind], "arf")
    named = [value for name in ("Original-Rcpt-To", "Removal-Recipient") for value in fields.get_all(name) or []]
    addresses = [found for value in named for found in _ADDRESS.findall(address(str(value)) or str(value))]
    return _complaint("arf", addresses or _to(letter))


def _complaint(form: str, addresses: list[str]) -> Report:
    unique = list({found.lower(): found for found in addresses}.values())
    return Report("complaint", form, tuple(Recipient(found, "hard") for found in unique))


def _to(letter: Letter) -> list[str]:
    return _ADDRESS.findall(str(letter.sent.get("To", "")))[:1]

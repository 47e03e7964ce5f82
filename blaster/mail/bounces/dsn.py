"""Delivery status notifications: RFC 3464, and RFC 6533 for addresses beyond ASCII. Receipts (RFC 8098) look alike."""

import re

from blaster.mail.bounces import verdict
from blaster.mail.bounces.mime import Letter
from blaster.mail.bounces.report import Recipient, Report

MOST = 100  # recipients of one report: our mails have one
GOOD = frozenset("delivered relayed expanded".split())

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)", re.DOTALL)
_FOLDED = re.compile(r"\n[ \t]+")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_ADDRESS = re.compile(r"[^\s<>\"(),;:]+@[^\s<>\"(),;:]+")
_FULL = re.compile(r"^[^:]+@[^:]*\.[^.:]+$")
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")


def read(letter: Letter) -> Report | None:
    """None if nothing in it names a recipient in the way of RFC 3464."""
    groups = [group for text in letter.reports or [letter.notice, letter.returned] for group in _groups(text)]
    groups = [group for group in groups if "final-recipient" in group or "original-recipient" in group][:MOST]
    if not groups:
        return None
    if any("disposition" in group for group in groups):
        return Report("autoreply", "mdn")
    failed = [group for group in groups if _action(group) == "failed"]
    if failed:
        return Report("bounce", "dsn", _recipients(failed, letter))
    kind = "delayed" if any(_action(group) == "delayed" for group in groups) else "delivered"
    return Report(kind, "dsn", _recipients(groups, letter))


def _groups(text: str) -> list[dict[str, str]]:
    """Fields by name. A name that comes again begins a group too: not everybody sends the empty line between."""
    groups: list[dict[str, str]] = [{}]
    for block in re.split(r"\n[ \t]*\n", _FOLDED.sub(" ", text)):
        groups.append({})
        for line in block.split("\n"):
            found = _FIELD.match(line.strip())
            if not found:
                continue
            name = found[1].lower()
            if name in groups[-1]:
                groups.append({})
            groups[-1][name] = found[2].strip()
    return groups


def _action(group: dict[str, str]) -> str:
    word = group.get("action", "").partition(" ")[0].lower().strip(".;,()")
    status = group.get("status", "").strip()[:1]
    if word in GOOD:
        return word
    if word.startswith(("delay", "defer")):
        return "delayed"
    if word.startswith("fail") or status == "5":
        return "failed"
    return {"2": "delivered", "4": "delayed"}.get(status, "failed")


def _recipients(groups: list[dict[str, str]], letter: Letter) -> tuple[Recipient, ...]:
    return tuple(_recipient(group, letter, len(groups) == 1) for group in groups)


def _recipient(group: dict[str, str], letter: Letter, alone: bool) -> Recipient:
    final, original = (address(group.get(name, "")) for name in ("final-recipient", "original-recipient"))
    named = final if _FULL.search(final) else original or final
    found = verdict.judge(_status(group), _said(group), *letter.said_of(original or named, alone))
    other = original if original != named else ""
    return Recipient(named, found.bounce_class, found.status, found.diagnostic, other)


def _said(group: dict[str, str]) -> str:
    """What a server said, without the kind of it (`smtp;`, `X-Postfix;`)."""
    kind, _, said = group.get("diagnostic-code", "").partition(";")
    return said.strip() or kind


def _status(group: dict[str, str]) -> str:
    found = _STATUS.search(group.get("status", ""))
    return found[0] if found else ""


def address(value: str) -> str:
    """The address of a field like `rfc822; <a@b.example>`; '' if there is none."""
    text = _ESCAPED.sub(lambda mark: chr(min(int(mark[1], 16), 0x10FFFF)), value.partition(";")[2] or value)
    found = _ADDRESS.search(text.replace('"', ""))
    return found[0].rstrip(".") if found else ""

"""Notifications of Amazon SES that come as JSON in a mail of SNS."""

import json
import re

from blaster.mail.bounces import verdict
from blaster.mail.bounces.mime import Letter
from blaster.mail.bounces.report import Recipient, Report


def read(letter: Letter) -> Report | None:
    event = _event(letter.text)
    kind = str(event.get("notificationType") or event.get("eventType") or "").lower()
    part = event.get(kind)
    if not isinstance(part, dict):
        return None
    if kind == "complaint":
        return Report(kind, "ses", tuple(Recipient(name, "hard") for name in _addresses(part, "complainedRecipients")))
    if kind == "delivery":
        named = [str(name) for name in part.get("recipients") or []]
        return Report("delivered", "ses", tuple(Recipient(name, "soft") for name in named))
    return _bounce(part) if kind == "bounce" else None


def _event(text: str) -> dict:
    start = text.find("{")
    if start < 0 or "Type" not in text:
        return {}
    try:
        # Lines of mail have a limit, so one may have been cut anywhere.
        found, _ = json.JSONDecoder().raw_decode(re.sub(r"\n ?", "", text[start:]))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _listed(part: dict, name: str) -> list[dict]:
    found = part.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _addresses(part: dict, name: str) -> list[str]:
    return [str(item["emailAddress"]) for item in _listed(part, name) if item.get("emailAddress")]


def _bounce(part: dict) -> Report:
    recipients = []
    for item in _listed(part, "bouncedRecipients"):
        found = verdict.judge(str(item.get("status", "")), str(item.get("diagnosticCode", "")))
        name = str(item.get("emailAddress", ""))
        recipients.append(Recipient(name, found.bounce_class, found.status, found.diagnostic))
    return Report("bounce", "ses", tuple(recipients))

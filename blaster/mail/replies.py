"""What an SMTP reply means for a mail: its class. By enhanced code (RFC 3463) first, then phase, then words.

The worst mistake is a wrong `hard`: a good recipient is lost for ever. So a code or a phrase that says "no such
address" counts only where nothing else in the reply speaks of quota, reputation, policy, the sender or a delay.
"""

import re

from blaster.mail.session import Reply

CLASSES = frozenset(
    "sent hard soft block message account-auth account-limit account-rate account-temp sender-not-allowed tls-required "
    "too-many-recipients protocol smtputf8 unknown".split()
)
ACCOUNT_CLASSES = frozenset(
    "account-auth account-limit account-rate account-temp sender-not-allowed tls-required".split()
)

AUTH_CODES = (530, 534, 535, 538)  # RFC 4954 section 6
AUTH_TOPICS = ("7.4", "7.8", "7.30", "7.57", "7.139")
NO_SUCH_TOPICS = ("1.1", "1.2", "1.3", "1.6", "1.10")
BEFORE_RECIPIENT = ("connect", "tls", "auth", "mail")

_ENHANCED = re.compile(r"(?<![\d.])[45]\.(\d)\.(\d{1,3})(?![\d.])")


def _words(*phrases: str) -> re.Pattern:
    return re.compile("|".join(phrases), re.IGNORECASE)


ACCOUNT_AUTH = _words(
    r"your account (is|has been) \w+|sending (is )?(paused|suspended|disabled) for|not logged in|unauthorized IP"
)
ACCOUNT_LIMIT = _words(
    r"\b(daily|hourly|monthly|sending|send|submission)\b.{0,30}\b(limit|quota)",
    r"credits? exceeded|SubmissionQuotaExceeded|e?-?mails? per (hour|day)|exceeded .{0,30}\b(daily|hourly|sending)\b",
    r"unusual sending activity|outbound.?spam|outbound sender|outgoing blocked|tenant\b.{0,60}exceeded",
)
ACCOUNT_RATE = _words(
    r"sending rate|connections? limit|sender thread limit|per time unit|too many (concurrent|simultaneous)",
    r"concurrent connections|too much mail from|submitting .{0,20}too (fast|quickly)",
)
SENDER_NOT_ALLOWED = _words(
    r"SendAsDenied|permissions? to send as|not owned by|relaying disallowed as|unconfigured sending domain",
    r"not (authorized|allowed|permitted) to (send|use).{0,20} (from|as)\b|sender (address )?(is )?not allowed",
    r"\b(address|identity|signature|domain|sender) (is |are )?not (verified|confirmed)|failed the check in region",
)
TLS_REQUIRED = _words(r"must issue a? ?STARTTLS|encryption (is )?(required|needed)")
OUT_OF_STEP = _words(r"protocol violation|out of sequence|(improper|bad) (command )?sequence")
TOO_LARGE = _words(
    r"(message|mail|size|header).{0,40}too (big|large|long)|exceed(s|ed).{0,40}size|size.{0,40}exceed",
    r"attachments.{0,20}exceed",
)
MAILBOX_FULL = _words(
    r"over ?quota|quota (is )?exceeded|(mail|in)box (is )?full|out of storage|storage (allocation|space)|enough space"
)
LATER = _words(r"temporar|try again|try later|timed? ?out|expired|gr[ea]y ?list|\bDNS\b|network (error|problem)")
ABOUT_US = _words(
    r"black ?list|block ?list|block(ed|ing)\b|\bRBL\b|DNSBL|\bspam|junk|reputation|unsolicited|banned",
    r"(?<!not )\blisted (at|in|by)|\(BL\)|abuse|virus|malware|phish|fraud|polic(y|ies)|prohibited",
    r"not accepting connections",
    r"reverse DNS|\bPTR\b|\bSPF\b|\bDKIM\b|DMARC|spoof|unauthenticated|open relay|relay mail",
    r"\b(your|this|sending|connecting) (IP|host|server)\b|your domain|\bthe IP\b|invalid IP|client host",
    r"\bsenders?\b|mail from\b|return.?path|envelope from|\bheaders?\b|\b(HELO|EHLO)\b|too many invalid",
    r"relay(ing)? (access )?denied",
)
NO_SUCH_ADDRESS = _words(
    r"(user|recipient|mailbox|address|account|alias)\b.{0,50}\b(unknown|not found|not exist|not be found|invalid)",
    r"(unknown|invalid|illegal|no such|no valid|not a valid|not a known|non-?existent) .{0,12}"
    r"(user|recipient|mailbox|address|account|alias|person)",
    r"(user|recipient|mailbox|address|account)\b.{0,80}(does|did)( not|n't) exist|@\S+ does( not|n't) exist",
    r"no mailbox (here )?by that name|doesn't have an? \S+ account|(is|are) no longer (valid|available|active)",
    r"mailbox (is )?(unavailable|not available)|inactive e?-?mail address|user (is )?not local|host unknown",
    r"recipient (rejected|refused)|recipient address rejected\W*($|access denied)",
)


def classify(reply: Reply) -> str:
    """One of CLASSES. An unknown phase is treated as one in which the recipient was known to the server."""
    if reply.code // 100 not in (4, 5):
        return _without_refusal(reply)
    found = _ENHANCED.search(reply.text)
    topic = f"{found[1]}.{found[2]}" if found else ""
    return _about_account(reply, topic) or _about_message(reply, topic) or _about_recipient(reply, topic)


def is_account_scope(reply_class: str) -> bool:
    """The account is in trouble, or the server behind it: the mail stays pending."""
    return reply_class in ACCOUNT_CLASSES


def is_campaign_scope(reply_class: str) -> bool:
    """The message itself was refused: no other recipient will get it either."""
    return reply_class == "message"


def _without_refusal(reply: Reply) -> str:
    if reply.phase in ("body", "dot"):
        if reply.phase == "dot" and reply.code // 100 == 2:
            return "sent"
        # Before the dot the message cannot have been taken, unless the server says it has been.
        return "unknown" if reply.phase == "dot" or reply.code > 0 else "account-temp"
    return "account-temp" if reply.code == 0 else "protocol"


def _about_account(reply: Reply, topic: str) -> str:
    text, final = reply.text, reply.code >= 500
    if OUT_OF_STEP.search(text) and not topic.startswith("7.0"):
        return "protocol"
    if TLS_REQUIRED.search(text) or topic == "7.10":
        return "tls-required"
    if (topic == "4.5" and final) or ACCOUNT_LIMIT.search(text):
        return "account-limit"
    if (reply.code == 432 and topic != "7.12") or ACCOUNT_RATE.search(text):
        return "account-rate"
    if (SENDER_NOT_ALLOWED.search(text) and "SPF" not in text) or topic == "7.60":
        return "sender-not-allowed"
    if final and (reply.code in AUTH_CODES or topic in AUTH_TOPICS or ACCOUNT_AUTH.search(text)):
        return "account-auth"
    if reply.phase == "auth":
        return "account-auth" if final or topic == "7.12" else "account-temp"
    return ""


def _about_message(reply: Reply, topic: str) -> str:
    if topic == "6.7":
        return "sender-not-allowed" if reply.phase == "mail" else "smtputf8"
    if topic == "5.3":
        return "too-many-recipients"
    if reply.code >= 500 and (topic in ("3.4", "2.3") or topic.startswith("6.") or TOO_LARGE.search(reply.text)):
        return "message"
    if reply.phase in BEFORE_RECIPIENT:
        return "sender-not-allowed" if reply.code >= 500 and reply.phase == "mail" else "account-temp"
    return ""


def _about_recipient(reply: Reply, topic: str) -> str:
    text = reply.text
    if reply.code < 500 or topic == "2.2" or MAILBOX_FULL.search(text):
        return "soft"
    if ABOUT_US.search(text) or topic in ("1.7", "1.8"):
        return "block"
    if LATER.search(text):
        return "soft"
    if topic in NO_SUCH_TOPICS or NO_SUCH_ADDRESS.search(text) or (topic == "4.4" and "domain" in text.lower()):
        return "hard"
    if "access denied" in text.lower():
        return "block"
    if topic[:2] in ("2.", "3.", "4.") or topic in ("7.13", "7.17", "7.18") or (not topic and reply.code == 552):
        return "soft"
    if topic.startswith("5.") or (not topic and reply.code in (500, 502, 503, 504)):
        return "protocol"
    return "block"

"""What a message that came back says."""

from dataclasses import dataclass

KINDS = frozenset("bounce delayed delivered complaint auth-report autoreply none".split())
CLASSES = frozenset("hard disabled quota soft block message".split())


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a report is about.

    address: as the report names it, '' where it names nobody. original: what the mail had been sent to, if that differs
    and is known. bounce_class: one of CLASSES. status: the enhanced code (RFC 3463) or ''. diagnostic: the words.
    """

    address: str
    bounce_class: str
    status: str = ""
    diagnostic: str = ""
    original: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """kind: one of KINDS; only `bounce` and `complaint` are reasons to write to fewer people.

    form: how it was understood (dsn, text, arf, jmrp, ses, header). tokens: (row id, campaign id, signature) of mails
    of ours that it names, not verified. message_id: of the report itself, '' if it has none.
    """

    kind: str
    form: str = ""
    recipients: tuple[Recipient, ...] = ()
    tokens: tuple[tuple[int, int, str], ...] = ()
    message_id: str = ""

"""Defects put into worker processes on purpose: a lab that does not find them would find nothing."""

import inspect
from collections.abc import Callable

from blaster.queue import claims, orphans, quota


def mark_after_send() -> None:
    """Mails are sent without an intent and marked when the reply is there."""
    claims.intend = set


def resend_the_sending() -> None:
    """Recovery takes a mail that was being sent for one that was not."""
    _replace_in(orphans, "_recover_slice", 'row[1] == "claimed"', "True")
    _replace_in(orphans, "_recover_slice", 'row[1] == "sending"', "False")


def budget_without_lock() -> None:
    """The budget is read without the lock on the account's row, and by two claims before either takes of it: each is
    told what the one before it was, since claims of a campaign wait for each other."""
    _replace_in(quota, "lock", "db.locked(", "(")
    left, before = quota.left, {}

    def left_before(accounts, now):
        found = left(accounts, now)
        told = {account_id: before.get(account_id, mails) for account_id, mails in found.items()}
        before.update(found)
        return told

    quota.left = left_before


MUTANTS: dict[str, Callable[[], None]] = {
    "mark-after-send": mark_after_send,
    "resend-the-sending": resend_the_sending,
    "budget-without-lock": budget_without_lock,
}


_sources: dict[tuple, str] = {}


def _replace_in(module, function: str, old: str, new: str) -> None:
    """Change a function's text. Raises ValueError where the text is not there any more: the mutant is to be mended."""
    source = _sources.get((module, function)) or inspect.getsource(getattr(module, function))
    if old not in source:
        raise ValueError(f"{module.__name__}.{function} has no {old!r}")
    _sources[module, function] = source.replace(old, new)
    exec(_sources[module, function], vars(module))

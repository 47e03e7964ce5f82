"""The last look at a campaign before its start: what is missing, what to expect, how it will read. No database."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from blaster import senders
from blaster.mail import check, footer, merge, tracking
from blaster.mail.presets import home_of

ADDRESS = "email"  # the merge field that every recipient has


@dataclass(frozen=True)
class Problem:
    """A reason not to start. `link_kind`: where it is mended: accounts | list (its recipients) | edit (the draft) |
    settings (the user's) | addresses (those of a trial); empty where only the administrator can."""

    text: str
    link_kind: str


@dataclass(frozen=True)
class Review:
    """Problems forbid the start, warnings do not."""

    campaign: object
    recipients: int
    problems: list[Problem]
    warnings: list[str]


def look_over(campaign, chosen, first, accounts, open_campaigns: int, warn_at: int) -> Review:
    """`chosen`: the list and `first`: its first recipient, or None; `open_campaigns`: how many run already."""
    size = chosen.size if chosen else 0
    everyone, domain = accounts, senders.domain_of(campaign.sender_email or "")
    accounts = [account for account in everyone if senders.may_send_as(account, domain)]
    # Without recipients nobody knows which tags there will be.
    known = json.loads(chosen.field_names or "[]") if size else None
    wrong, advice = look_at(campaign, known)
    if first and not wrong:
        wrong = _troubles_of(campaign, first)
    problems = [*_missing(campaign, chosen, accounts, everyone), *(Problem(sentence, "edit") for sentence in wrong)]
    advice += _left_out(domain, accounts, everyone)
    warnings = [*advice, *_about_tracking(campaign), *_warnings(open_campaigns, warn_at)]
    return Review(campaign, size, problems, warnings)


def _missing(campaign, chosen, accounts, everyone) -> Iterator[Problem]:
    if not everyone:
        yield Problem("No SMTP accounts yet. Add one.", "accounts")
    elif not accounts:
        yield Problem(_nobody_may(senders.domain_of(campaign.sender_email)), "accounts")
    elif not any(account.hourly_limit and account.daily_limit for account in accounts):
        yield Problem("The limits of all SMTP accounts are 0, so nothing can be sent. Raise one.", "accounts")
    if chosen is None:
        yield Problem("Choose a list of recipients.", "edit")
    elif not chosen.size:
        yield Problem(f"The list “{chosen.name}” is empty. Import recipients.", "list")
    if not campaign.subject:
        yield Problem("Write a subject.", "edit")
    if not (campaign.html or "").strip() and not (campaign.text or "").strip():
        yield Problem("Write the message.", "edit")


def _nobody_may(domain: str) -> str:
    if home := home_of(domain):
        reason = f"Mail from {domain} is accepted only through {home.name}’s own server. Choose another sender address."
    else:
        reason = "Choose another sender address, or name the domain at an account whose provider has verified it."
    return f"None of your SMTP accounts may send from {domain}. {reason}"


def _left_out(domain: str, accounts, everyone) -> Iterator[str]:
    out = len(everyone) - len(accounts)
    if accounts and out:
        verb = "is" if out == 1 else "are"
        yield f"{out} of your {len(everyone)} SMTP accounts may not send from {domain} and {verb} left out."


def about_sender(owner, public_url: str) -> Iterator[Problem]:
    """What each mail has to say and cannot: who sends it, from where, how to stop it. `owner`: a User or None."""
    if not (owner and owner.organisation):
        yield Problem("Say who sends: the footer of each mail names you or your organisation.", "settings")
    if not (owner and owner.postal_address):
        yield Problem("Add your postal address. It stands in the footer of each mail, as the law demands.", "settings")
    if not public_url:
        words = "Nobody could unsubscribe, since this installation does not know its own web address. Its administrator"
        yield Problem(f"{words} has to set BLASTER_PUBLIC_URL, for example to https://mail.example.com.", "")


def look_at(message, known: list[str] | None) -> tuple[list[str], list[str]]:
    """Sentences about a message (a campaign, a template or the like): what forbids to send it, and advice.

    `known`: the fields of its list, None before one is chosen.
    """
    try:
        parts = _compiled(message)
    except merge.MergeError as error:
        return [str(error)], []
    problems = [] if known is None else [*_unknown_tags(parts, [ADDRESS, *known, *footer.FIELDS])]
    warnings = check.look(*(getattr(message, part) or "" for part in ("html", "text", "subject")))
    return problems, [warning.text for warning in warnings]


def _compiled(message) -> dict[str, merge.Merge]:
    return {part: _part(message, part) for part in _TITLES}


def _part(message, part: str) -> merge.Merge:
    try:
        return merge.compile_text(getattr(message, part) or "", html=part == "html")
    except merge.MergeError as error:
        raise merge.MergeError(f"In the {_TITLES[part]}: {error}") from None


_TITLES = {"subject": "subject", "preheader": "preview text", "html": "HTML", "text": "plain text"}


def _unknown_tags(parts: dict[str, merge.Merge], known: list[str]) -> Iterator[str]:
    for name in sorted(frozenset().union(*(compiled.names for compiled in parts.values())) - set(known)):
        where = " and ".join(_TITLES[part] for part, compiled in parts.items() if name in compiled.names)
        near = get_close_matches(name, known, 1)
        advice = f"Did you mean {{{{ {near[0]} }}}}?" if near else f"Known: {', '.join(known)}."
        yield f"Unknown merge tag {{{{ {name} }}}} in the {where}. {advice}"


def _troubles_of(campaign, first) -> list[str]:
    """What keeps the message from being filled in for this recipient."""
    fields = {ADDRESS: first.email, **json.loads(first.fields or "{}")}
    try:
        for part in _compiled(campaign).values():
            part.render(fields)
    except merge.MergeError as error:
        return [str(error)]
    return []


def _about_tracking(campaign) -> Iterator[str]:
    html, counts_clicks = campaign.html or "", campaign.tracks_clicks
    if (campaign.tracks_opens or counts_clicks) and not html.strip():
        yield "Opens and clicks are counted in HTML only. This message is plain text, so nothing will be counted."
    elif counts_clicks and (number := tracking.left_alone(html)):
        one = "One link has a merge tag in its address and leads" if number == 1 else ""
        many = one or f"{number} links have merge tags in their addresses and lead"
        yield f"{many} each recipient elsewhere: clicks on {'it' if one else 'them'} are not counted."


def _warnings(open_campaigns: int, warn_at: int) -> Iterator[str]:
    if open_campaigns + 1 >= warn_at:
        yield f"With this one, {open_campaigns + 1} campaigns share your accounts, so each takes longer."

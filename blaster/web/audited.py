"""What people do leaves a trace: every request that changes something, and every file that is taken home.

A new route is noted under its own name by itself. One that is not worth it says why in SILENT.
"""

import logging

from flask import Flask, Response, g, request
from flask_login import current_user

from blaster import audit, users

log = logging.getLogger(__name__)

_DRAFT = "a draft goes to nobody; its start is noted"
_LOOK = "it shows, and changes nothing"
_TYPED = "what it decides is noted under its own name"
SILENT = {
    "auth.login": _TYPED,
    "auth.code": _TYPED,
    "password_links.ask": "a worker notes the link that it sends",
    "password_links.set_password": _TYPED,
    "proof.enter": "the act that it stands before is noted",
    "campaigns.new": _DRAFT,
    "campaigns.edit": _DRAFT,
    "campaigns.autosave": _DRAFT,
    "campaigns.copy": _DRAFT,
    "attachments.add": _DRAFT,
    "attachments.remove": _DRAFT,
    "mail_templates.new": _DRAFT,
    "mail_templates.edit": _DRAFT,
    "mail_templates.copy": _DRAFT,
    "preview.letter": _LOOK,
    "preview.look": _LOOK,
    "preview.text": _LOOK,
    "preview.unsaved": _LOOK,
    "domains.check": _LOOK,
    "signing.look": _LOOK,
    "servers.test": _LOOK,
    "accounts.test": _LOOK,
    "mailboxes.test": _LOOK,
    "webhooks.test": _LOOK,
    "list_settings.go_on": "it goes on with what was noted at its beginning",
    "unsubscribe.change": "recipients decide it, and the suppressions say so",
    "trial.confirm": "the owner of the address does it, who is no user",
}
# What is noted although it is a GET: files that leave the house, and a provider's answer.
GETS = {
    "consent.answer",
    "ledger.export",
    "list_settings.export_csv",
    "suppressions.export",
    "imports.refused",
    "results.export",
    "comparison.export",
    "activity.export",
    "activity.export_all",
}
# Where the route's own words say too little: (act, target).
NAMES = {
    "auth.logout": ("sign-out", ""),
    "recipients.new": ("create", "list"),
    "recipients.remove": ("remove", "recipient"),
    "imports.add": ("upload", "import"),
    "imports.show": ("import", "import"),
    "schedule.later": ("schedule", "campaign"),
    "schedule.campaign_hours": ("hours", "campaign"),
    "schedule.account_hours": ("hours", "account"),
    "people.add": ("add", "recipient"),
    "people.edit": ("edit", "recipient"),
    "people.export": ("export", "person"),
    "people.erase": ("erase", "person"),
    "list_settings.export_csv": ("export", "list"),
    "imports.refused": ("export", "import"),
    "ledger.export": ("export", "campaign"),
    "results.export": ("export", "campaign"),
    "mailboxes.release": ("release", "domain"),
    "settings.profile": ("edit", "profile"),
    "settings.sender": ("edit", "sender"),
    "sign_in.email": ("address", "user"),
    "sign_in.password": ("password", "user"),
    "sign_in.end": ("end", "session"),
    "sign_in.end_all": ("end-all", "session"),
    "second_factor.confirm": ("switch-on", "second-factor"),
    "test_mail.send": ("test", "campaign"),
    "trial.addresses": ("verify", "address"),
    "trial.remove": ("remove", "address"),
    "trial.trials": ("trust", "user"),
    "users.new": ("create", "user"),
    "users.remove_factor": ("remove", "second-factor"),
    "activity.export_all": ("export", "activity"),
    "consent.answer": ("consent", "account"),
    "api_tokens.index": ("create", "token"),
    "api_tokens.revoke": ("revoke", "token"),
    "webhooks.index": ("create", "webhook"),
    "webhooks.show": ("edit", "webhook"),
    "webhooks.again": ("send-again", "delivery"),
}
_TARGETS = {"progress": "campaign", "review": "campaign", "decisions": "campaign", "schedule": "campaign"}
_TARGETS |= {"list_settings": "list", "recipients": "list", "signing": "key", "mailboxes": "mailbox"}
_TARGETS |= {"second_factor": "second-factor", "mail_templates": "template"}


def register(app: Flask) -> None:
    """To be called after the sign-in."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.actor_id = current_user.id if current_user.is_authenticated else 0  # signing out forgets it


def tell(details: str = "", *, user_id: int | None = None, target_id: int | None = None) -> None:
    """More about what this request does: in words, whose affair it is, which thing."""
    known = {"details": details or None, "user_id": user_id, "target_id": target_id}
    g.told = g.get("told", {}) | {name: value for name, value in known.items() if value is not None}


def refuse() -> None:
    """Nothing was done: the form is shown again, or the reason."""
    g.is_refused = True


def signed_in(user_id: int) -> None:
    """By password, and by the second factor where there is one."""
    audit.note(user_id, "sign-in", client=request.remote_addr or "")


def by_link(user_id: int) -> None:
    """A password was set by whoever had the link."""
    audit.note(0, "password", "user", user_id, "by a link", user_id=user_id, client=request.remote_addr or "")


def kept_out(email: str, *, throttled: bool = False) -> None:
    """Somebody knows no password, or no code, of this address. What was typed is not kept: it may be a password."""
    known, client = users.by_email(email), request.remote_addr or ""
    user_id = known.id if known else 0
    if throttled:
        audit.note_once("sign-in-throttled", user_id=user_id, client=client)
    else:
        audit.note(0, "sign-in-refused", user_id=user_id, client=client)


def _end(response: Response) -> Response:
    actor_id = _actor()
    if actor_id and response.status_code < 400 and not g.get("is_refused") and _is_noted():
        act, target = NAMES.get(request.endpoint) or _name()
        target_id = (request.view_args or {}).get(target.replace("-", "_") + "_id", 0)
        told = {"user_id": actor_id, "target_id": target_id, **g.get("told", {})}
        try:
            audit.note(actor_id, act, target, client=request.remote_addr or "", **told)
        except Exception:  # it is done, and saying that it failed would have it done twice
            log.exception("not noted: user %s %s %s %s", actor_id, act, target, told)
    return response


def _actor() -> int:
    token = g.get("api_token")
    return token.user_id if token else g.get("actor_id", 0)


def _is_noted() -> bool:
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return request.endpoint in GETS
    return request.endpoint is not None and request.endpoint not in SILENT


def _name() -> tuple[str, str]:
    """`progress.pause` is pause, of a campaign; `api.delete_list` is delete, of a list."""
    blueprint, _, act = request.endpoint.rpartition(".")
    if blueprint == "api":
        act, _, target = act.partition("_")
        return act, target.removesuffix("s")
    return request.view_args.get("change", act).replace("_", "-"), _TARGETS.get(blueprint, blueprint.removesuffix("s"))

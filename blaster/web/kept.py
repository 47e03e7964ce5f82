"""What was typed into a form whose session has ended, kept through signing in and shown in its form again.

It travels in the pages themselves: nothing is stored, and nothing is saved before the user has seen it once more.
"""

import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import current_app, request, session
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

LIMIT = 4 * 1024 * 1024  # octets of a form; a message beyond this is not kept
STRANGERS_LIMIT = 64 * 1024  # … of whoever never signed in with this browser: the token check reads all of it
_KNOWN = "known"  # in the cookie, also after signing out
AGAIN = "shown_again"  # the field that tells `forms.accepted` to show the form and save nothing
FIELD = "kept"  # of the page that asks to sign in: the fields as JSON

_UNSEEN = {"csrf_token", AGAIN}  # and passwords, which no page shows
# They answer a POST without `forms.accepted`.
_WITHOUT = {
    "auth.login",
    "auth.code",
    "password_links.ask",
    "password_links.set_password",
    "domains.check",
    "trial.trials",
}


def is_form(endpoint: str | None, methods: Iterable[str]) -> bool:
    """A route that shows a form and takes it, so that it can show it again."""
    return endpoint not in _WITHOUT and {"GET", "POST"} <= set(methods)


def typed() -> list[tuple[str, str]]:
    """The fields of this request where they are worth keeping, else none.

    Only what a page of ours sent: another site could otherwise lay its words before the user.
    """
    rule = request.url_rule
    if request.method != "POST" or rule is None or not is_form(rule.endpoint, rule.methods) or not _is_ours():
        return []
    request.max_content_length = limit()
    try:
        fields = request.form.items(multi=True)
    except RequestEntityTooLarge:
        return []
    return [(name, text) for name, text in fields if may_show(name)]


def limit() -> int:
    """Octets that this browser may send."""
    return LIMIT if _KNOWN in session else STRANGERS_LIMIT


def know() -> None:
    """Somebody has signed in with this browser: it may bring more than a stranger, even when signed out."""
    session[_KNOWN] = True
    session.permanent = True


def start_anew() -> None:
    """An empty session, that remembers no more than this."""
    is_known = _KNOWN in session
    session.clear()
    if is_known:
        know()


def may_show(name: str) -> bool:
    """A field that may be written into a page."""
    return name not in _UNSEEN and "password" not in name


def _is_ours() -> bool:
    sent_from = request.headers.get("Origin") or request.referrer or ""
    return urlsplit(sent_from).netloc == request.host


def store(fields: list[tuple[str, str]]) -> str:
    """The value of FIELD."""
    return json.dumps(fields)


def load(path: str) -> list[tuple[str, str]]:
    """What FIELD of this request holds for the form at `path`; none where there is no such form."""
    adapter = current_app.url_map.bind(request.host)
    try:
        rule, _ = adapter.match(urlsplit(path).path, method="POST", return_rule=True)
        fields = [(str(name), str(text)) for name, text in json.loads(request.form.get(FIELD, "[]"))]
    except (HTTPException, ValueError, TypeError):
        return []
    return fields if is_form(rule.endpoint, rule.methods) else []

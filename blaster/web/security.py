"""What every answer carries: headers, cookie flags; forms of other websites are refused."""

import secrets

from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import Forbidden
from werkzeug.middleware.proxy_fix import ProxyFix

from blaster.config import Settings

_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
# Someone's mail: nothing loads but what it carries itself, no script runs, and it is nobody's origin.
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
# What every answer carries.
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_OWN = {  # where an answer has others, they stay
    "Content-Security-Policy",
    "X-Frame-Options",
    "Referrer-Policy",
}
_YEAR = 365 * 24 * 3600
_CHANGES_NOTHING = {"GET", "HEAD", "OPTIONS"}


class OtherSite(Forbidden):
    """The browser says that another website sent this request."""


def refuse_other_sites(app: Flask) -> None:
    """Let no other website change anything, beside the token's check. Unsubscribing is free to come from anywhere."""
    app.before_request(_refuse_other_sites)


def _refuse_other_sites() -> None:
    is_foreign = request.headers.get("Sec-Fetch-Site") == "cross-site"
    if is_foreign and request.method not in _CHANGES_NOTHING and request.blueprint != "unsubscribe":
        raise OtherSite


def trust_proxies(app: Flask, number: int) -> None:
    """Believe so many proxies in front where a request comes from: what a visitor writes into the header stands before
    what they add, and is left out. And the last of them whether it came over TLS, which is passed on as one word."""
    if number:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=number, x_proto=1)


def protect(app: Flask, settings: Settings) -> None:
    """Install the token check, the cookie flags and the headers."""
    app.config.update(
        SESSION_COOKIE_NAME="blaster",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        # As long as the session: a form that stays open over night must not lose what was typed.
        WTF_CSRF_TIME_LIMIT=None,
        SEND_FILE_MAX_AGE_DEFAULT=_YEAR,
    )
    CSRFProtect(app)
    app.after_request(_add_headers)
    app.add_template_global(style_nonce)


def style_nonce() -> str:
    """Lets this page have `<style>` elements that carry it, as the rich-text editor adds them."""
    if "style_nonce" not in g:
        g.style_nonce = secrets.token_urlsafe(16)
    return g.style_nonce


def mail_page(html: str) -> Response:
    """A page of a user's own HTML, to be shown in `<iframe sandbox>`."""
    headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(html, headers=headers, mimetype="text/html")


def _add_headers(response: Response) -> Response:
    headers = response.headers
    if "style_nonce" in g:
        headers.setdefault("Content-Security-Policy", f"{_POLICY}; style-src 'self' 'nonce-{g.style_nonce}'")
    if request.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
    is_static = request.endpoint == "static"
    for name, value in HEADERS.items():
        if name in _OWN:
            headers.setdefault(name, value)
        elif not (name == "Cache-Control" and is_static):
            headers[name] = value
    return response

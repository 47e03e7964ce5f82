"""Consent of account owners at Google and Microsoft: OAuth 2.0 (RFC 6749) with PKCE (RFC 7636). Talks to the
providers, knows no database; no secret is in any message of its errors.
"""

import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749.errors import OAuth2Error

from blaster.config import Settings

TIMEOUT = 10  # seconds for connecting and for each answer of a provider
# What a provider says when only its user can mend it (RFC 6749 section 5.2, OpenID Connect section 3.1.2.6).
_ENDED = {"invalid_grant", "interaction_required", "consent_required", "login_required", "access_denied"}
_MICROSOFT = {
    "smtp": "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All",
    "imap": "https://outlook.office.com/IMAP.AccessAsUser.All",
    "pop3": "https://outlook.office.com/POP.AccessAsUser.All",
}
_NAMES = {"google": "Google", "microsoft": "Microsoft"}


class Unreachable(Exception):
    """The provider gave no token now; it may later. `str(error)` says why."""


class Ended(Exception):
    """The owner has to consent again; `str(error)` holds the provider's words."""


@dataclass(frozen=True)
class Provider:
    """One provider as this installation is registered there."""

    key: str
    authorize_url: str
    token_url: str
    scope: str
    client_id: str
    client_secret: str = field(repr=False)
    options: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return _NAMES[self.key]


@dataclass(frozen=True)
class Tokens:
    """What a provider gave. `lifetime`: seconds that `access` holds; `refresh` may be empty: the old one stays."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    lifetime: int


def provider(settings: Settings, key: str, protocol: str = "smtp") -> Provider | None:
    """`google` or `microsoft`, to be asked for what smtp, imap or pop3 needs; None where this installation is not
    registered there."""
    if key == "google" and settings.google_client_id:
        return Provider(
            key,
            "https://accounts.google.com/o/oauth2/v2/auth",
            settings.google_token_url,
            "https://mail.google.com/",
            settings.google_client_id,
            settings.google_client_secret,
            # Without these Google gives a refresh token only at the first consent of a person.
            (("access_type", "offline"), ("prompt", "consent")),
        )
    if key == "microsoft" and settings.microsoft_client_id:
        authority = settings.microsoft_authority.rstrip("/")
        return Provider(
            key,
            f"{authority}/oauth2/v2.0/authorize",
            f"{authority}/oauth2/v2.0/token",
            f"{_MICROSOFT[protocol]} offline_access",
            settings.microsoft_client_id,
            settings.microsoft_client_secret,
        )
    return None


def begin(to: Provider, redirect_uri: str, email: str) -> tuple[str, str, str]:
    """The provider's page to send the owner to, and the state and verifier to keep until the answer."""
    verifier = secrets.token_urlsafe(48)
    client = _client(to, redirect_uri, code_challenge_method="S256")
    url, state = client.create_authorization_url(
        to.authorize_url, code_verifier=verifier, login_hint=email, **dict(to.options)
    )
    return url, state, verifier


def redeem(to: Provider, redirect_uri: str, code: str, verifier: str) -> Tokens:
    """Tokens for the code that the owner came back with. Raises Ended, Unreachable."""
    client = _client(to, redirect_uri)
    return _ask(to, lambda: client.fetch_token(to.token_url, code=code, code_verifier=verifier, timeout=TIMEOUT))


def renew(to: Provider, refresh: str) -> Tokens:
    """A new access token. Raises Ended, Unreachable."""
    return _ask(to, lambda: _client(to).refresh_token(to.token_url, refresh_token=refresh, timeout=TIMEOUT))


def _client(to: Provider, redirect_uri: str | None = None, **options) -> OAuth2Session:
    return OAuth2Session(
        to.client_id,
        to.client_secret,
        scope=to.scope,
        redirect_uri=redirect_uri,
        token_endpoint_auth_method="client_secret_post" if to.client_secret else "none",
        **options,
    )


def _ask(to: Provider, request) -> Tokens:
    host = urlsplit(to.token_url).hostname
    try:
        answer = request()
    except (OAuthError, OAuth2Error) as error:
        words = f"{to.name} answered: {error.error} {error.description or ''}".strip()[:300]
        raise (Ended if error.error in _ENDED else Unreachable)(words) from None
    except requests.HTTPError as error:
        raise Unreachable(f"{host} answered with status {error.response.status_code}.") from None
    except (requests.RequestException, ValueError):
        raise Unreachable(f"{host} did not answer as expected.") from None
    access = answer.get("access_token")
    if not access:
        raise Unreachable(f"{host} sent no access token.")
    return Tokens(access, answer.get("refresh_token") or "", int(answer.get("expires_in") or 3600))

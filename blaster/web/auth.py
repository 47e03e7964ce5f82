"""Signing in and out. Every route but the public ones asks for it."""

from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from blaster import users
from blaster.errors import NotFound
from blaster.web import htmx
from blaster.web.forms import LoginForm, refuse

bp = Blueprint("auth", __name__)

_PUBLIC = {"static", "healthz", "auth.login", "unsubscribe.show", "unsubscribe.change", "trial.show", "trial.confirm"}
_STRANGERS_LIMIT = 64 * 1024  # bytes of a request; the token check reads all of it


class Person(UserMixin):
    """Who is signed in. The session holds the token beside the id, so that a new password ends older sessions."""

    def __init__(self, user):
        self.id, self.email, self.name = user.id, user.email, user.name or user.email
        self.is_admin, self.time_zone = user.role == "admin", user.time_zone
        self.is_trial = user.is_trial
        self._token = user.session_token

    def get_id(self) -> str:
        return f"{self.id}.{self._token}"


def require_sign_in(app: Flask) -> None:
    """Close every route of the app but the public ones to strangers."""
    manager = LoginManager(app)
    manager.user_loader(_load)
    manager.unauthorized_handler(_ask_to_sign_in)
    app.before_request(_stop_strangers)


def _load(session_id: str) -> Person | None:
    if request.blueprint == "unsubscribe":
        return None  # it does not matter who it is, and Server 1 may be away
    user_id, _, token = session_id.partition(".")
    try:
        user = users.get(int(user_id))
    except (NotFound, ValueError):
        return None
    return Person(user) if user.is_active and user.session_token == token else None


def _stop_strangers() -> ResponseReturnValue | None:
    if current_user.is_authenticated:
        return None
    request.max_content_length = _STRANGERS_LIMIT
    if request.endpoint is None or request.endpoint in _PUBLIC:
        return None
    return current_app.login_manager.unauthorized()


def _ask_to_sign_in() -> ResponseReturnValue:
    """A fragment answers 401: a redirect would put the whole sign-in page inside a tile."""
    if htmx.is_htmx():
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        here = page.path if page.netloc == request.host and page.path != "/" else None
        return Response(status=401, headers={"HX-Redirect": url_for("auth.login", next=here)})
    wanted = request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else None
    return htmx.redirect(url_for("auth.login", next=wanted))


@bp.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return htmx.redirect(_wanted())
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template("auth/login.html", form=form), 422 if form.is_submitted() else 200
    user = users.authenticate(form.email.data, form.password.data)
    if user is None:
        refuse(form, "", "That e-mail address and password do not match.")
        return render_template("auth/login.html", form=form), 422
    session.clear()
    session.permanent = True
    login_user(Person(user))
    return htmx.redirect(_wanted())


def _wanted() -> str:
    """Where the visitor was going, if that is a path of ours: `//host` and `/\\host` lead elsewhere."""
    wanted = request.args.get("next", "")
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    return wanted if ours else url_for("dashboard.index")


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    logout_user()
    session.clear()
    return htmx.redirect(url_for("auth.login"))

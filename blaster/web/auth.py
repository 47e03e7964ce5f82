"""Signing in and out. Every route but the public ones asks for it."""

import time
from contextlib import suppress
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from blaster import login_attempts, second_factors, sessions, users
from blaster.errors import NotFound
from blaster.models.campaign_db import User
from blaster.models.login_attempts import LoginAttempt
from blaster.web import agents, audited, htmx, kept
from blaster.web.forms import CodeForm, LoginForm, refuse

bp = Blueprint("auth", __name__)

_PUBLIC = {"static", "health.alive", "health.ready", "health.figures"}
_PUBLIC |= {"password_links.ask", "password_links.set_password"}
_PUBLIC |= {"auth.login", "auth.code", "unsubscribe.show", "unsubscribe.change", "trial.show", "trial.confirm"}
_PUBLIC |= {"tracking.opened", "tracking.clicked"}
_HALF = "half"  # in the session of whoever has shown the password and not the second factor
_CODE_SECONDS = 600  # between the two


class Person(UserMixin):
    """Who is signed in. The cookie holds the id and the token of a row in `sessions`."""

    def __init__(self, seen: sessions.Seen, cookie: str):
        self.id, self.email, self.name = seen.id, seen.email, seen.name or seen.email
        self.is_admin, self.time_zone = seen.role == "admin", seen.time_zone
        self.is_trial, self.has_second_factor = bool(seen.is_trial), bool(seen.factor_since)
        self.seen = seen
        self._cookie = cookie

    def get_id(self) -> str:
        return self._cookie


def require_sign_in(app: Flask) -> None:
    """Close every route of the app but the public ones to strangers."""
    manager = LoginManager(app)
    manager.user_loader(_load)
    manager.unauthorized_handler(_ask_to_sign_in)
    app.before_request(_stop_strangers)


def _load(cookie: str) -> Person | None:
    if request.blueprint in ("unsubscribe", "tracking", "api", "health"):
        return None  # it does not matter who it is, and Server 1 may be away; programs have no cookies
    user_id, _, token = cookie.partition(".")
    seen = sessions.find(int(user_id), token) if user_id.isdecimal() and len(user_id) < 19 else None
    if seen is None:
        return None
    sessions.visit(seen)
    return Person(seen, cookie)


def _stop_strangers() -> ResponseReturnValue | None:
    if request.blueprint == "api" or current_user.is_authenticated:  # the API asks for a token itself
        return None
    is_kept = request.endpoint in ("auth.login", "auth.code") and kept.FIELD in request.args
    request.max_content_length = kept.limit() if is_kept else kept.STRANGERS_LIMIT
    if request.endpoint is None or request.endpoint in _PUBLIC:
        return None
    return current_app.login_manager.unauthorized()


def _ask_to_sign_in() -> ResponseReturnValue:
    """A fragment answers 401: a redirect would put the whole sign-in page inside a tile."""
    if fields := kept.typed():
        return _ask_to_go_on(fields)
    if htmx.is_htmx():
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        here = page.path if page.netloc == request.host and page.path != "/" else None
        return Response(status=401, headers={"HX-Redirect": url_for("auth.login", next=here)})
    wanted = request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else None
    return htmx.redirect(url_for("auth.login", next=wanted))


def _ask_to_go_on(fields: list[tuple[str, str]]) -> ResponseReturnValue:
    """The sign-in page with what was typed, so that it comes back to its form afterwards."""
    url = url_for("auth.login", next=request.full_path.rstrip("?"), **{kept.FIELD: 1})
    if htmx.is_htmx():
        return htmx.refused(render_template("auth/_signed_out.html", url=url, kept=kept.store(fields)))
    return _page(LoginForm(formdata=None), 401, url=url, kept=kept.store(fields))


@bp.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return _signed_in()
    form = LoginForm()
    if kept.FIELD in request.form and not form.email.data:  # it comes from the form that was not taken
        return _page(LoginForm(formdata=None), 200)
    if not form.validate_on_submit():
        return _page(form, 422 if form.is_submitted() else 200)
    try:
        attempt = login_attempts.begin(form.email.data, request.remote_addr or "")
    except login_attempts.TooMany as error:
        return _throttled(form, form.email.data, error)
    user = users.authenticate(form.email.data, form.password.data)
    if user is None:
        audited.kept_out(form.email.data)
        refuse(form, "", "That e-mail address and password do not match.")
        return _page(form, 422)
    if second_factors.is_on(user.id):
        # The attempt goes on counting: whoever has the password must not guess codes with it.
        return _ask_for_code(user)
    return _let_in(user, attempt)


def _ask_for_code(user: User) -> ResponseReturnValue:
    """The password was right. What was typed before goes on to the next page as well."""
    kept.start_anew()
    session[_HALF] = [user.id, sessions.key(user.password_hash), time.time()]
    url = url_for("auth.code", **_on_the_way())
    if kept.FIELD in request.form:
        return _page(CodeForm(formdata=None), 200, url=url)
    return htmx.redirect(url)


@bp.route("/login/code", methods=["GET", "POST"])
def code() -> ResponseReturnValue:
    """The second step, for whoever has a second factor."""
    user = _half()
    if user is None:
        return htmx.redirect(url_for("auth.login", **_on_the_way()))
    form = CodeForm()
    if not form.validate_on_submit():
        return _page(form, 422 if form.is_submitted() else 200)
    try:
        attempt = login_attempts.begin(user.email, request.remote_addr or "")
    except login_attempts.TooMany as error:
        return _throttled(form, user.email, error)
    if not second_factors.is_right(user.id, form.code.data):
        audited.kept_out(user.email)
        refuse(form, "code", "This is not the code of this half minute, or it was used already.")
        return _page(form, 422)
    return _let_in(user, attempt)


def _on_the_way() -> dict[str, str]:
    """What leads on after both steps; other arguments would mean something to `url_for`."""
    return {name: request.args[name] for name in ("next", kept.FIELD) if name in request.args}


def _half() -> User | None:
    """Who has entered the password a moment ago, if it still is theirs."""
    user_id, known, since = session.get(_HALF) or (0, "", 0)
    user = users.find(user_id) if time.time() - since < _CODE_SECONDS else None
    return user if user and user.is_active and sessions.key(user.password_hash) == known else None


def _throttled(form: LoginForm | CodeForm, email: str, error: login_attempts.TooMany) -> ResponseReturnValue:
    audited.kept_out(email, throttled=True)
    refuse(form, "", str(error))
    return *_page(form, 429), {"Retry-After": str(error.seconds)}


def _let_in(user: User, attempt: LoginAttempt) -> ResponseReturnValue:
    login_attempts.succeed(attempt)
    begin(user)
    audited.signed_in(user.id)
    return _signed_in()


def begin(user: User) -> None:
    """Sign in this browser; copies of its former cookie are not. Raises Conflict as `sessions.begin`."""
    token = sessions.begin(user, request.remote_addr or "", agents.words(request.user_agent.string))
    session.clear()
    kept.know()
    login_user(_load(f"{user.id}.{token}"))


def _page(form: LoginForm | CodeForm, status: int, **more) -> ResponseReturnValue:
    """That of the step that the form belongs to."""
    template = "auth/code.html" if isinstance(form, CodeForm) else "auth/login.html"
    view = {"url": request.full_path.rstrip("?"), "kept": request.form.get(kept.FIELD, "")} | more
    return render_template(template, form=form, **view), status


def _signed_in() -> ResponseReturnValue:
    if fields := kept.load(wanted()):
        return render_template("auth/kept.html", url=wanted(), fields=fields)
    return htmx.redirect(wanted())


def wanted() -> str:
    """Where the visitor was going, if that is a path of ours: `//host` and `/\\host` lead elsewhere."""
    wanted = request.args.get("next", "")
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    return wanted if ours else url_for("dashboard.index")


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """A copy of the cookie opens nothing either."""
    with suppress(NotFound):
        sessions.end(current_user.id, current_user.seen.session_id)
    logout_user()
    kept.start_anew()
    return htmx.redirect(url_for("auth.login"))

"""A person's authenticator app: shown once as a QR code, confirmed by a code, taken off again."""

from flask import Blueprint, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup
from segno import make_qr

from blaster import second_factors
from blaster.web import htmx
from blaster.web.forms import CodeForm, accepted

bp = Blueprint("second_factor", __name__, url_prefix="/settings/second-factor")


@bp.get("")
def show() -> str:
    """How to set it up, or that it is on."""
    return _page(CodeForm(formdata=None))


def _page(form: CodeForm) -> str:
    if second_factors.is_on(current_user.id):
        left = second_factors.codes_left(current_user.id)
        return render_template("settings/second_factor.html", left=left)
    secret = second_factors.drawn(current_user.id)
    qr = _drawing(second_factors.address(secret, current_user.email))
    return render_template("settings/second_factor_begin.html", form=form, secret=secret, qr=qr)


def _drawing(text: str) -> Markup:
    """Inline SVG in black on white, which is what phones read, whatever colours the page has."""
    drawn = make_qr(text, error="m").svg_inline(
        scale=5, border=3, light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return Markup(drawn)  # noqa: S704  SVG of our own making


@bp.post("")
def confirm() -> ResponseReturnValue:
    """A code of the app shows that it was read."""
    form = CodeForm()
    if codes := accepted(form, lambda: second_factors.confirm(current_user.id, form.code.data)):
        return _codes(codes)
    return _page(form), 422


@bp.post("/codes")
def renew() -> ResponseReturnValue:
    """New recovery codes; the old ones open nothing any more."""
    if not second_factors.is_on(current_user.id):
        return htmx.redirect(url_for(".show"))
    return _codes(second_factors.new_codes(current_user.id))


def _codes(codes: list[str]) -> str:
    """Shown once."""
    return render_template("settings/recovery_codes.html", codes=codes)


@bp.post("/remove")
def remove() -> ResponseReturnValue:
    """The password alone opens again."""
    second_factors.remove(current_user.id)
    flash("The second factor is taken off. Your password alone signs you in.", "success")
    return htmx.redirect(url_for("sign_in.show"))

"""The password entered once more, by whoever sits before the screen."""

from flask import request
from flask_login import current_user

from blaster import login_attempts, sessions, users
from blaster.errors import Invalid

FIELD = "current_password"


def check(password: str) -> None:
    """Guessing is counted together with signing in. Raises Invalid for the field FIELD."""
    try:
        attempt = login_attempts.begin(current_user.email, request.remote_addr or "")
    except login_attempts.TooMany as error:
        raise Invalid({FIELD: str(error)}) from error
    if not users.is_password(current_user.id, password):
        raise Invalid({FIELD: "This is not your password."})
    login_attempts.succeed(attempt)
    sessions.prove(current_user.id, current_user.seen.session_id)

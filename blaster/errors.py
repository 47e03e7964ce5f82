"""What the modules refuse, in words a page can show."""


class NotFound(Exception):
    """No such row of this user; a stranger's id raises the same, so that nobody learns which ids exist."""


class Invalid(Exception):
    """Input that cannot be taken. `errors`: a sentence by field name; the field "" is the whole form."""

    def __init__(self, errors: dict[str, str]):
        super().__init__(" ".join(errors.values()))
        self.errors = errors


class Conflict(Exception):
    """A change that the present state forbids; `str(error)` says what to do instead."""

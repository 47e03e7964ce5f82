"""The JSON API: the same tenant functions as the pages, for programs that show a token.

`operation` describes each call once: it makes the route, reads and checks what came, and tells `document` of it.
"""

from blaster.web.api import accounts, campaigns, document, lists, recipients, suppressions  # noqa: F401  they add routes
from blaster.web.api.operation import bp

__all__ = ["bp"]

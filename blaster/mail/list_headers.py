"""Headers that tell mail programs and providers which list and campaign a mail belongs to. No personal data in them."""

from urllib.parse import urlsplit

from blaster.mail import headers
from blaster.mail.idn import ascii_domain


def lines(campaign_id: int, user_id: int, list_id: int, organisation: str, public_url: str) -> str:
    """The header lines, each with its CRLF. Those of one list differ in nothing but the campaign."""
    return (
        headers.named("List-Id", organisation, f"<{list_key(user_id, list_id, public_url)}>")
        + "Precedence: bulk\r\n"
        # campaign:customer:kind:sender, for Google's Postmaster Tools
        + f"Feedback-ID: {campaign_id}:{user_id}:campaign:blaster\r\n"
    )


def list_key(user_id: int, list_id: int, public_url: str) -> str:
    """The identifier of a list (RFC 2919 section 2): the same for all its campaigns, whatever it is called."""
    host = ascii_domain("@" + (urlsplit(public_url).hostname or "localhost"))[1:].replace(":", "-")
    return f"{list_id}.{user_id}.{host}"

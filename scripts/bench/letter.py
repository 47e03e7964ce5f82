"""The letter that all benches send: about 5 KB of personalised HTML and its text."""

from blaster.mail.compile import Content, compile_message
from blaster.queue import control

_PARAGRAPH = (
    '<tr><td style="padding:12px 24px;font:16px/1.5 Georgia,serif;color:#222">The bakers of our street have been up '
    "since four, and item %d of this week's list is a rye loaf with roasted walnuts, baked for an hour and cooled. "
    '<a href="https://bakery.example.com/loaves/%d?from=letter">Reserve a loaf</a>, or come by before noon: what '
    "is left then goes to the swans on the river.</td></tr>\n"
)
HTML = (
    "<!doctype html><html><body><h1>Good morning, {{ first_name }} {{ last_name }}</h1>\n"
    "<p>Dear {{ first_name }}, here is what {{ city }} can look forward to this week.</p><table>\n"
    + "".join(_PARAGRAPH % (n, n) for n in range(1, 10))
    + "</table><p>You get this letter as {{ email }}.</p></body></html>\n"
)
TEXT = (
    "Good morning, {{ first_name }} {{ last_name }}\n\nThe bakers of {{ city }} have been up since four.\n"
    "This week: rye with roasted walnuts. Reserve a loaf at https://bakery.example.com/loaves.\n\n"
    "You get this letter as {{ email }}.\n"
)
ORGANISATION, POSTAL_ADDRESS = "Alder Street Bakery", "12 Alder Street\n2000 Antwerp\nBelgium"
PUBLIC_URL = "https://mail.bench.example.com"
SUBJECT = "{{ first_name }}, the winter loaves are here"
FIELDS = dict(zip(control.CONTENT, (SUBJECT, "Alder Street Bakery", "", "", HTML, TEXT), strict=True))


def size() -> int:
    """Octets of one finished message."""
    who = {"organisation": ORGANISATION, "postal_address": POSTAL_ADDRESS}
    content = Content(campaign_id=1, user_id=1, list_id=1, **FIELDS, **who)
    skeleton = compile_message(content, message_key=b"0" * 32, public_url=PUBLIC_URL)
    fields = {
        "first_name": "Greta",
        "last_name": "Eriksen",
        "city": "Antwerp",
        "email": "bench.reader12345@mail.example.com",
    }
    sender = "account0@bench.example.com"
    return len(skeleton.render(row_id=12345, email=fields["email"], fields=fields, from_address=sender, now=0))

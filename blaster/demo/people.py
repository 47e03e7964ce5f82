"""Who the demo sends to: invented people at example domains, the same ones every time."""

import csv
import io
from collections.abc import Iterator

FIRST_NAMES = (
    "Ada Bruno Chloé Dmitri Elif Farid Greta Henrik Inés Jakub Kofi Léa Mateo Nora Oskar Priya Quentin Rosa Sören Tove "
    "Uma Viktor Wanda Ximena Yusuf Zoë"
).split()
LAST_NAMES = (
    "Abel Berg Castro Dupont Eriksen Fischer Gallo Horvat Ivanov Jansen Kaya Lindt Moreau Novak O'Brien Petit Quist "
    "Rossi Silva Tanaka Ueda Varga Weiss Young Zając"
).split()
CITIES = "Antwerp Bergen Córdoba Dublin Essen Florence Ghent Hamburg Ioannina Jena Kraków Lyon Malmö Nîmes Oslo".split()
DOMAINS = ("mail.example.com", "post.example.net", "home.example.org")


def recipients(name: str, count: int) -> Iterator[tuple[str, str, str, str]]:
    """(email, first name, last name, city), each address once; two names have no address in common."""
    for number in range(count):
        first = FIRST_NAMES[number % len(FIRST_NAMES)]
        last = LAST_NAMES[number // len(FIRST_NAMES) % len(LAST_NAMES)]
        yield f"{name}.reader{number + 1}@{DOMAINS[number % 3]}", first, last, CITIES[number * 7 % len(CITIES)]


def as_csv(name: str, count: int) -> io.BytesIO:
    """The recipients as the file that a user would upload."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("Email", "First name", "Last name", "City"))
    writer.writerows(recipients(name, count))
    return io.BytesIO(text.getvalue().encode())

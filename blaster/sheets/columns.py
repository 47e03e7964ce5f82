"""What the columns of a file mean: guessed from titles and contents, corrected by the user."""

import json
import re
import unicodedata
from dataclasses import asdict, dataclass, replace
from itertools import chain

from blaster import addresses
from blaster.errors import Invalid
from blaster.mail.merge import KEYWORDS

MOST_COLUMNS = 100
LONGEST_NAME = 60
_ADDRESS_NAMES = frozenset(
    """email e_mail mail emailaddress email_address e_mail_address mail_address emailadresse email_adresse
    e_mail_adresse mailadresse mail_adresse adresse_email adresse_e_mail adresse_mail courriel correo
    correo_electronico direccion_de_correo indirizzo_email posta_elettronica e_mailadres e_postadress e_post""".split()
)
Records = list[tuple[int, list[str]]]


@dataclass(frozen=True)
class Columns:
    """`names`: the merge field of each column, empty for the address and for what is left out; `address`: where the
    addresses are; `titles`: the cells of the title row, [] for none; `skip`: records before the first row of data."""

    names: list[str]
    address: int
    titles: list[str]
    skip: int

    def dump(self) -> str:
        """As JSON, for `load`."""
        return json.dumps(asdict(self))


def load(stored: str) -> Columns:
    """What `dump` wrote."""
    return Columns(**json.loads(stored))


def corrected(guessed: Columns, uses: list[tuple[str, str]]) -> Columns:
    """What the user says about each column: (`address` | `field` | `skip`, name of the field). Raises Invalid."""
    marked = [at for at, (use, _) in enumerate(uses) if use == "address"]
    if len(marked) != 1:
        raise Invalid({"columns": "Choose the one column that holds the e-mail addresses."})
    names: list[str] = []
    for at, (use, typed) in enumerate(uses):
        name = slug(typed) if use == "field" else ""
        if use == "field" and (not name or name == "email" or name in names):
            raise Invalid({"columns": _wrong_name(at + 1, typed, name)})
        names.append(name)
    return replace(guessed, names=names, address=marked[0])


def _wrong_name(number: int, typed: str, name: str) -> str:
    if not name:
        return f"Column {number} needs a name of letters or digits, or leave it out."
    if name == "email":
        return f"Column {number} cannot be called email: that is always the address."
    return f"Two columns are called {name}. Give column {number} another name, or leave it out."


def guess(sample: Records, has_titles: bool | None = None) -> Columns:
    """Raises Invalid where no column holds addresses, there are too many, or there is nothing at all."""
    if not sample:
        raise Invalid({"file": "There are no rows in it."})
    at = _title_row(sample) if has_titles is None else (_best(sample) if has_titles else None)
    titles = sample[at][1] if at is not None else []
    rows = [cells for _, cells in sample[0 if at is None else at + 1 :]]
    width = len(titles) or max(map(len, rows[:20]))
    if width > MOST_COLUMNS:
        raise Invalid({"file": f"It has {width:,} columns; at most {MOST_COLUMNS} can be imported."})
    address = _address_column(titles, rows)
    if address is None:
        shown = ", ".join(titles or rows[0])[:200]
        raise Invalid({"file": f"No column with e-mail addresses found. The columns are: {shown}."})
    names = _field_names(titles, max(width, address + 1), address, rows)
    return Columns(names, address, titles, 0 if at is None else at + 1)


def _title_row(sample: Records) -> int | None:
    """Above it may be a heading of the whole sheet, or blanks; none where the first record holds an address already."""
    return None if any(map(_is_address, sample[0][1])) else _best(sample)


def _best(sample: Records) -> int:
    """The row with a title that means "address"; else the one with most titles, among those before any address."""
    before = []
    for _, cells in sample[:20]:
        if any(map(_is_address, cells)):
            break
        before.append(cells)
    for index, cells in enumerate(before):
        if any(slug(cell) in _ADDRESS_NAMES for cell in cells):
            return index
    return max(range(len(before)), key=lambda index: sum(map(bool, before[index])), default=0)


def _is_address(cell: str) -> bool:
    if "@" not in cell:
        return False
    try:
        addresses.normalise(cell)
    except ValueError:
        return False
    return True


def _address_column(titles: list[str], rows: list[list[str]]) -> int | None:
    for column, title in enumerate(titles):
        if slug(title) in _ADDRESS_NAMES:
            return column
    found = [0] * max(map(len, rows), default=0)
    for cells in rows[:200]:
        for column, cell in enumerate(cells):
            found[column] += _is_address(cell)
    return found.index(max(found)) if any(found) else None


def _field_names(titles: list[str], width: int, address: int, rows: list[list[str]]) -> list[str]:
    """The merge field of each column; empty for the address and for columns with neither title nor values."""
    names: list[str] = []
    for column in range(width):
        name = slug(titles[column]) if column < len(titles) else ""
        if not name and any(any(cells[column : column + 1]) for cells in rows):
            name = f"column_{column + 1}"
        names.append("" if column == address else unique(name, names))
    return names


def slug(title: str) -> str:
    """A name that merge tags can use: "Prénom (1)" becomes prenom_1."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", title.lower()) if not unicodedata.combining(c))
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFC", plain)).strip("_")[:LONGEST_NAME]
    return f"field_{name}" if name[:1].isdigit() or name in KEYWORDS else name


def unique(name: str, taken: list[str]) -> str:
    """The name, with a number where it is taken. `email` is always the recipient's address."""
    candidates = chain([name], (f"{name}_{n}" for n in range(2, MOST_COLUMNS + 2)))
    return next(c for c in candidates if not c or c != "email" and c not in taken)

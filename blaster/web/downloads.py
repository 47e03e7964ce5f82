"""Files that people take home: made while they are sent, named after what is in them."""

import json
import re
from collections.abc import Iterable, Sequence

from flask import Response

from blaster import csv_export


def csv_file(name: str, header: Sequence[str], rows: Iterable[Sequence]) -> Response:
    """A CSV file for spreadsheets. `rows` is read after the view has returned: check whose it is before."""
    return _file(csv_export.stream(header, rows), f"{_plain(name)}.csv", "text/csv; charset=utf-8")


def json_file(name: str, content: dict) -> Response:
    """A JSON file that a person can read as well."""
    return _file(json.dumps(content, ensure_ascii=False, indent=2) + "\n", f"{_plain(name)}.json", "application/json")


def _file(body, name: str, mimetype: str) -> Response:
    return Response(body, content_type=mimetype, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _plain(name: str) -> str:
    """For a header and for any file system."""
    return re.sub("[^A-Za-z0-9@.]+", "-", name).strip("-.")[:80] or "export"

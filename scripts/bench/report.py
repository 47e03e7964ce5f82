"""What every bench says at its end: a table for people, or JSON."""

import argparse
import datetime
import json
import os
import platform


def parser(doc: str) -> argparse.ArgumentParser:
    """With `--json`; the caller adds its own options."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", action="store_true", help="print the figures as JSON")
    return made


def show(rows: list[dict], as_json: bool, **more) -> None:
    """`rows` have the same keys; `more` are single figures."""
    if as_json:
        print(json.dumps({"machine": machine(), "rows": rows, **more}, indent=1))
        return
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    print(*table(rows), sep="\n")
    for name, value in more.items():
        print(f"{name.replace('_', ' ')}: {_shown(value)}")


def table(rows: list[dict]) -> list[str]:
    """Markdown, columns as wide as they need to be."""
    cells = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    cells.insert(1, ["-" * width for width in widths])
    return [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]


def machine() -> dict:
    """When and on what; the load of the last minute tells whether the figures are worth anything."""
    return {
        "date": f"{datetime.date.today():%Y-%m-%d}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 1),
    }


def _shown(value) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)

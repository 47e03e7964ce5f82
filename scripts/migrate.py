#!/usr/bin/env python3
"""Brings the tables of both databases up to date, and says what was done. Workers and `app.py` do it by themselves.

Safe to run on many hosts at once (one does it, the others wait), again, and beside a version that is still running:
updates only add.
"""

import argparse
import os

import _venv


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="migrate.py", description=__doc__, formatter_class=raw)
    parser.add_argument("--data-dir", help="where secrets and SQLite files lie (default: var/)")
    options = parser.parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import boot, config, schema

    boot.boot(config.load())
    print("\n".join(schema.migrate()) or "up to date")


if __name__ == "__main__":
    main()

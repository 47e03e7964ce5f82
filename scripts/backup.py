#!/usr/bin/env python3
"""Backs both databases up while mails go out.

examples:
  python3 scripts/backup.py /backups            a new folder in it, for example /backups/blaster-20261124T020000Z
  python3 scripts/backup.py /backups --keep 14  and delete all but the latest fourteen

The keys (vault.key and secret.key of the data directory) are NOT in it, so that whoever finds a backup cannot read the
passwords in it. Copy them once to a safe place: without them a backup is worth little. See docs/BACKUP.md.
Exit code: 0 done, 1 not possible.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import _venv


def main():
    options = parser().parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import boot, config
    from blaster.backup import manifest, take

    try:
        settings = config.load(make_secrets=False)
    except config.ConfigError as error:
        sys.exit(str(error))
    boot.boot(settings)
    folder = take.take(settings, options.folder)
    print(f"Backed up to {folder}.")
    print(f"Keep the keys apart from it: vault.key and secret.key in {settings.data_dir}.")
    if options.keep:
        delete_old(options.folder, options.keep, manifest.NAME)


def delete_old(parent, keep, mark):
    """Only folders that are backups, the oldest first."""
    whole = sorted(path for path in parent.glob("blaster-*Z") if (path / mark).exists())
    for path in whole[:-keep]:
        shutil.rmtree(path)
        print(f"Deleted {path}.")


def parser():
    raw = argparse.RawDescriptionHelpFormatter
    root = argparse.ArgumentParser(prog="backup.py", description=__doc__, formatter_class=raw)
    root.add_argument("folder", type=Path, help="where backups are kept; better another disk than the databases'")
    root.add_argument("--keep", type=int, default=0, metavar="N", help="delete all but the latest N backups")
    root.add_argument("--data-dir", metavar="DIR", help="where keys and SQLite files lie (default: var/)")
    return root


if __name__ == "__main__":
    main()

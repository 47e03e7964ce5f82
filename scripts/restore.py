#!/usr/bin/env python3
"""Puts both databases back as a backup has them. Stop all pages and workers first, and put the keys in place.

examples:
  python3 scripts/restore.py /backups/blaster-20261124T020000Z
  python3 scripts/restore.py /backups/blaster-20261124T020000Z --replace              over what is there now
  python3 scripts/restore.py /backups/blaster-20261124T020000Z --nothing-sent-since   a move: all was stopped

What was sent after the backup is not known to it. So that nobody gets a mail twice, campaigns come back paused with a
notice, and what was under way is shown as unknown: their owners decide. See docs/BACKUP.md.
Exit code: 0 done, 1 refused; then nothing was changed.
"""

import argparse
import os
import sys
from pathlib import Path

import _venv


def main():
    options = parser().parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import boot, config
    from blaster.backup.manifest import Unusable
    from blaster.backup.restore import restore

    try:
        settings = config.load(make_secrets=False)
        boot.boot(settings)
        how = {"replace": options.replace, "nothing_sent": options.nothing_sent_since}
        for line in restore(settings, options.folder, **how):
            print(line, flush=True)
    except (config.ConfigError, Unusable) as error:
        sys.exit(str(error))


def parser():
    raw = argparse.RawDescriptionHelpFormatter
    root = argparse.ArgumentParser(prog="restore.py", description=__doc__, formatter_class=raw)
    root.add_argument("folder", type=Path, help="a folder that scripts/backup.py made")
    root.add_argument("--replace", action="store_true", help="the databases are not empty: what is there is lost")
    root.add_argument("--nothing-sent-since", action="store_true", help="all was stopped before the backup: just go on")
    root.add_argument("--data-dir", metavar="DIR", help="where keys and SQLite files lie (default: var/)")
    return root


if __name__ == "__main__":
    main()

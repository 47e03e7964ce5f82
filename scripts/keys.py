#!/usr/bin/env python3
"""Changes the key that encrypts SMTP passwords, tokens, signing keys and second factors.

  new      makes a key and puts it in front of those in vault.key; what is stored can still be read
  rotate   encrypts everything that is stored with the first key; passwords in the clear, too

examples:
  python3 scripts/keys.py new
  python3 scripts/keys.py rotate

Between the two restart pages and workers on all hosts, so that each knows the new key: on other hosts put it in front
of BLASTER_VAULT_KEYS. Keep the old key behind it: backups need it, and the marks of erased addresses were made with it.
Exit code: 0 done, 1 something could not be read or written.
"""

import argparse
import os
import sys

import _venv


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="keys.py", description=__doc__, formatter_class=raw)
    parser.add_argument("action", choices=("new", "rotate"))
    parser.add_argument("--data-dir", metavar="DIR", help="where the keys lie (default: var/)")
    options = parser.parse_args()
    _venv.enter()
    if options.data_dir:
        os.environ["BLASTER_DATA_DIR"] = options.data_dir
    from blaster import config

    settings = config.load()
    sys.exit(new(settings) if options.action == "new" else rotate(settings))


def new(settings):
    from cryptography.fernet import Fernet

    from blaster import audit, boot, schema

    boot.boot(settings)
    schema.migrate()
    key, path = Fernet.generate_key().decode(), settings.data_dir / "vault.key"
    if path.exists() and tuple(path.read_text().split()) == settings.vault_keys:
        put_first(path, key)
        print(f"A new key is the first in {path}. Restart pages and workers on all hosts, then: keys.py rotate")
    else:
        print(f"Put this in front of BLASTER_VAULT_KEYS on all hosts, restart pages and workers, then rotate:\n{key}")
    audit.note(0, "create", "key")
    return 0


def put_first(path, key):
    """Whole or not at all, and its owner's alone."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{key}\n{path.read_text()}")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def rotate(settings):
    from blaster import audit, boot, rotation, schema

    boot.boot(settings)
    schema.migrate()
    total = closed = 0
    for name, done, locked in rotation.rotate():
        total, closed = total + done, closed + locked
        if done or locked:
            print(f"{name}: {done} encrypted anew" + (f", {locked} that no key opens" if locked else ""))
    audit.note(0, "rotate", "key", 0, f"{total} secrets encrypted anew, {closed} not opened")
    print(f"{total} secrets are under the first key now." if total else "Everything is under the first key.")
    return 1 if closed else 0


if __name__ == "__main__":
    main()

"""The web application, for `flask run` and `gunicorn app:app`; `python app.py` serves it itself (waitress)."""

import logging
import signal
import sys

from waitress.server import create_server

from blaster import config, schema
from blaster.web import create_app


def main() -> None:
    """Bring the tables up to date, then serve until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = config.load()
    application = create_app(settings)
    schema.migrate()
    server = create_server(application, host=settings.host, port=settings.port, threads=8, ident="Blaster")
    for name in ("SIGTERM", "SIGBREAK"):  # SIGBREAK is how Windows asks
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: sys.exit(0))
    server.run()


if __name__ == "__main__":
    main()
else:
    app = create_app()

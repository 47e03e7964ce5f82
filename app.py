"""The web application, for `flask run` and `gunicorn app:app`; `python app.py` serves it itself (waitress)."""

import signal
import sys

from waitress.server import create_server

from blaster import config, logs, schema
from blaster.web import create_app


def main() -> None:
    """Bring the tables up to date, then serve until SIGTERM or Ctrl-C."""
    settings = config.load()
    logs.begin(settings.log_format)
    application = create_app(settings)
    schema.migrate()
    # Browsers keep several connections open each; the default of 100 would keep the next visitor waiting.
    plenty = {"connection_limit": 500, "asyncore_use_poll": True}
    plenty["clear_untrusted_proxy_headers"] = not settings.trusted_proxies  # create_app looks at them
    server = create_server(application, host=settings.host, port=settings.port, threads=8, ident="Blaster", **plenty)
    for name in ("SIGTERM", "SIGBREAK"):  # SIGBREAK is how Windows asks
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: sys.exit(0))
    server.run()


if __name__ == "__main__":
    main()
else:
    logs.begin(config.load().log_format)
    app = create_app()

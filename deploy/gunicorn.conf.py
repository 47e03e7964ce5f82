"""How gunicorn serves the pages: `gunicorn --config deploy/gunicorn.conf.py app:app`.

WEB_CONCURRENCY in the environment is the number of processes. Under systemd the socket comes from blaster-web.socket,
elsewhere it is BLASTER_HOST and BLASTER_PORT. SIGHUP: new processes take over, the old ones finish their requests.
"""

from blaster.config import load as _load  # gunicorn has a setting `config`

_settings = _load()
bind = f"{_settings.host}:{_settings.port}"
worker_class = "gthread"
threads = 8
timeout = 120  # for a process that answers nothing at all any more
graceful_timeout = 30  # for requests under way, at SIGTERM and SIGHUP
keepalive = 75  # longer than the proxy in front keeps a connection: nginx's own default is 60 s
accesslog = None  # paths hold tokens, and searches addresses; every change has an entry of ours (docs/MONITORING.md)

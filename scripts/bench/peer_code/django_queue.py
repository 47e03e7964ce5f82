"""django-post_office with its queue in MariaDB: `django_queue.py fill MAILS LETTER`, then `… send LOCK`."""

import os
import sys
from pathlib import Path

import django
import pymysql
from django.conf import settings
from django.core.management import call_command

pymysql.version_info = (2, 2, 7, "final", 0)  # Django asks mysqlclient for at least 2.2.1
pymysql.install_as_MySQLdb()

DATABASE = {
    "ENGINE": "django.db.backends.mysql",
    "HOST": "127.0.0.1",
    "PORT": os.environ["BENCH_DATABASE_PORT"],
    "USER": "root",
    "NAME": "post_office",
    "OPTIONS": {"charset": "utf8mb4"},
}
settings.configure(
    DATABASES={"default": DATABASE},
    INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    SECRET_KEY="bench",
    EMAIL_BACKEND="post_office.EmailBackend",
    EMAIL_HOST="127.0.0.1",
    EMAIL_PORT=int(os.environ["BENCH_SMTP_PORT"]),
    POST_OFFICE={"BATCH_SIZE": 1000, "THREADS_PER_PROCESS": 20, "MAX_RETRIES": 0},
    CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
)
django.setup()


def fill(mails: int, letter: Path) -> None:
    """Personalised mails, ready to go."""
    from post_office.models import PRIORITY, STATUS, Email

    call_command("migrate", verbosity=0)
    html = letter.read_text()
    common = {"from_email": "account@bench.example.com", "priority": PRIORITY.medium, "status": STATUS.queued}
    made = (
        Email(
            to=[f"reader{n}@mail.example.com"],
            subject=f"Greta {n}, the winter loaves are here",
            message=f"Good morning, Greta {n}\n\nThe bakers of Antwerp have been up since four.\n",
            html_message=html.replace("{{ first_name }}", f"Greta {n}"),
            **common,
        )
        for n in range(mails)
    )
    Email.objects.bulk_create(made, batch_size=1000)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        call_command("send_queued_mail", processes=2, log_level=0, lockfile=sys.argv[2])

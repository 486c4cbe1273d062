"""Settings of the example project, read from the environment and from a .env file beside manage.py.

    DATABASE_URL   where the data lives; an SQLite file beside manage.py when unset
    DEBUG          true when unset, because this project is made to be tried on one's own machine
    SECRET_KEY     has to be given as soon as DEBUG is false
    ALLOWED_HOSTS  comma separated; this machine only when unset

A cron job starts with an almost empty environment: on a server these belong into the .env file.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=True)
# The default is public, so it may sign cookies only where DEBUG already says "not a server".
SECRET_KEY = (
    env.str("SECRET_KEY", default="for-trying-on-your-own-machine-only")
    if DEBUG
    else env.str("SECRET_KEY")
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "dbhealth",
    "example_project.accounts",
    "example_project.chat",
    "example_project.life",
    "example_project.documents",
    "example_project.stock",
    "example_project.demo",
]
if find_spec("django_crontab"):
    INSTALLED_APPS.append("django_crontab")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"
ASGI_APPLICATION = "example_project.asgi.application"


def database(url: dict[str, Any]) -> dict[str, Any]:
    """Take what DATABASE_URL says and add what its engine needs to serve several processes."""
    if url["ENGINE"] == "django.db.backends.sqlite3":
        options = {
            # A transaction that reads first and writes later cannot wait for the write lock;
            # one that takes the lock at its start can, for up to `timeout` seconds.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # In WAL mode readers and the one writer do not block each other, and fsync at
            # checkpoints is then enough to keep the file consistent through a power cut.
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
        }
    else:
        options = {}
    return {**url, "OPTIONS": {**options, **url.get("OPTIONS", {})}}


# Not written as a URL: the path of a checkout may hold what a URL cannot.
SQLITE_FILE = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "example.sqlite3"}
DATABASES = {
    "default": database(
        env.db_url("DATABASE_URL") if env.str("DATABASE_URL", default="") else SQLITE_FILE
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SILENCED_SYSTEM_CHECKS = [
    # The covering index of document_chunks is a plain index on SQLite, which has no INCLUDE.
    "models.W040",
    # Five archived tables have no index on the column by which they are archived. Their products
    # grew that way, as many do; take this line out to read what dbhealth advises.
    "dbhealth.W101",
]

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "media/"

# `manage.py crontab add` writes these lines into the crontab of whoever calls it. At 03:17 on the
# first day of each month the archive runs, and then the tables that it left are vacuumed, for 45
# minutes at most; each morning the counters of the indexes and the sizes of the tables are kept.
# What they print is appended to a log.
CRONJOBS = [
    (
        "17 3 1 * *",
        "django.core.management.call_command",
        ["archive", "--no-progress"],
        {},
        f">> {BASE_DIR / 'archive.log'} 2>&1",
    ),
    (
        "37 3 1 * *",
        "django.core.management.call_command",
        ["vacuum", "--no-progress", "--max-runtime", "2700"],
        {},
        f">> {BASE_DIR / 'vacuum.log'} 2>&1",
    ),
    (
        "41 4 * * *",
        "django.core.management.call_command",
        ["index_usage", "--snapshot"],
        {},
        f">> {BASE_DIR / 'snapshots.log'} 2>&1",
    ),
    (
        "51 4 * * *",
        "django.core.management.call_command",
        ["db_stats", "--snapshot"],
        {},
        f">> {BASE_DIR / 'snapshots.log'} 2>&1",
    ),
]
# django-crontab finds manage.py by importing it, which fails when it is called from elsewhere.
CRONTAB_DJANGO_MANAGE_PATH = str(BASE_DIR / "manage.py")
CRONTAB_COMMENT = "dbhealth example project"

"""The way to the server itself, past a pooler: DBHEALTH["DIRECT"]."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from dbhealth.conf import get_settings
from dbhealth.exceptions import ConfigurationError

_SETTINGS = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
"""What Django has under a name of its own; the rest of a connection string goes to OPTIONS."""


def lead_directly(connection: BaseDatabaseWrapper) -> bool:
    """Let a connection that is not opened yet lead where the setting says; return whether it does.

    The database stays that of the alias, which a test may have renamed. Raises ConfigurationError
    for what is no connection string.
    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
    """
    text = get_settings().direct.get(connection.alias)
    if text is None:
        return False
    try:
        given = conninfo_to_dict(text)
    except ProgrammingError as error:
        # Not the text itself: it may hold a password.
        raise ConfigurationError(
            f"DBHEALTH['DIRECT'][{connection.alias!r}] is no connection string of libpq."
        ) from error
    given.pop("dbname", None)
    # What tells a place in another way would win over the one that is told here.
    if "host" in given or "service" in given:
        connection.settings_dict["OPTIONS"].pop("hostaddr", None)
    if "service" in given:
        connection.settings_dict |= {"HOST": "", "PORT": ""}
    for name, value in given.items():
        if name in _SETTINGS:
            connection.settings_dict[_SETTINGS[name]] = str(value)
        else:
            connection.settings_dict["OPTIONS"][name] = value
    return True

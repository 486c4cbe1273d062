"""The field that keeps an automatic key in an archive table."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ArchivedKeyField(models.BigIntegerField):  # type: ignore[type-arg]
    """The column type of an AutoField without its numbering.

    ``of`` is the name of the source's field class ("AutoField", "BigAutoField",
    "SmallAutoField"). A plain BigIntegerField would not do: on SQLite it makes a "bigint" key,
    which is a second b-tree beside the table where the source's "integer" key is the table.
    """

    def __init__(self, *args: Any, of: str = "BigAutoField", **kwargs: Any) -> None:
        """Keep the name of the source's field class."""
        self.of = of
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Return what a migration needs to build the field again."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.of}

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Return the source's column type; the numbering would be a suffix to it."""
        return str(connection.data_types[self.of])

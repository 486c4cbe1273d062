"""ArchiveModel: the base of the models that keep what has left its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import models
from django.db.backends.utils import truncate_name
from django.db.models.base import ModelBase
from django.utils.translation import gettext_lazy as _

from dbhealth.archive.mirror import mirror_fields, mirror_indexes
from dbhealth.archive.policy import ArchivePolicy

# The shorter of the two engines' limits; PostgreSQL would cut a longer name in silence.
_LONGEST_NAME = 63


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions:
    """What an archive model knows of itself, as ``Model._archive``.

    ``archived_at`` and ``archive_run`` are the names of its own two fields: the plain ones,
    unless the source has a column of that name.
    """

    source: type[models.Model]
    policy: ArchivePolicy | None
    archived_at: str
    archive_run: str


class ArchiveModelBase(ModelBase):
    """Gives the class the columns of its ``source``, and two of its own."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        attrs: dict[str, Any],
        source: type[models.Model] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Build the model class.

        Raises TypeError when ``source`` is missing or is not a model class: without it there
        are no columns. Everything else is left to the system checks.
        """
        if not any(isinstance(base, ArchiveModelBase) for base in bases):
            return super().__new__(mcs, name, bases, attrs, **kwargs)
        if not isinstance(source, ModelBase):
            raise TypeError(
                f"{name} needs the model whose rows it keeps: "
                f"class {name}(ArchiveModel, source=TheModel). A string does not do, because the "
                "columns are taken from the class at once."
            )
        return super().__new__(mcs, name, bases, _archive_attrs(attrs, source), **kwargs)


def _archive_attrs(attrs: dict[str, Any], source: type[models.Model]) -> dict[str, Any]:
    mirrored = mirror_fields(source)
    at, run = (_free(name, mirrored) for name in ("archived_at", "archive_run"))
    own = {
        at: models.DateTimeField(_("archived at"), editable=False),
        run: models.ForeignKey(
            "dbhealth.MaintenanceRun",
            verbose_name=_("archived by run"),
            on_delete=models.DO_NOTHING,
            db_constraint=False,
            related_name="+",
            editable=False,
        ),
    }
    policy = attrs.pop("policy", None)
    options = ArchiveOptions(
        source=source,
        policy=policy if isinstance(policy, ArchivePolicy) else None,
        archived_at=at,
        archive_run=run,
    )
    meta = _meta(attrs.pop("Meta", None), source)
    return {**mirrored, **own, **attrs, "Meta": meta, "_archive": options}


def _free(name: str, taken: dict[str, Any]) -> str:
    columns = {getattr(field, "db_column", None) for field in taken.values()} | set(taken)
    is_taken = not columns.isdisjoint({name, f"{name}_id"})
    return f"dbhealth_{name}" if is_taken else name


def _meta(given: type | None, source: type[models.Model]) -> type:
    """Return the Meta of an archive model: the user's own, filled up."""
    own = list(getattr(given, "indexes", []))
    named = {tuple(index.fields) for index in own}
    filled: dict[str, Any] = {
        "indexes": own + [i for i in mirror_indexes(source) if tuple(i.fields) not in named]
    }
    if not hasattr(given, "db_table"):
        filled["db_table"] = archive_table_name(source._meta.db_table)
    return type("Meta", (given,) if given else (), filled)


def archive_table_name(table: str) -> str:
    """Return ``<table>_archive``, also for a quoted name and for a schema before it."""
    closing = '"' if table.endswith('"') else ""
    schema, dot, plain = table.removesuffix(closing).rpartition('"."')
    return f"{schema}{dot}{truncate_name(f'{plain}_archive', _LONGEST_NAME)}{closing}"


class ArchiveModel(models.Model, metaclass=ArchiveModelBase):
    """Base class: ``class XArchive(ArchiveModel, source=X)`` with a ``policy``.

    The subclass is an ordinary model: migrations follow the source's columns, and it can be
    queried, registered in the admin and given its own ``Meta.indexes``. A field that the class
    body declares itself takes the place of the mirrored one of that name; that is also how to
    keep a column in the archive after the source has lost it.
    """

    _archive: ClassVar[ArchiveOptions]

    class Meta:
        abstract = True

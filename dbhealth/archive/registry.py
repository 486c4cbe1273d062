"""Which archives there are, in which database, and how people call them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import models, router

from dbhealth.archive.columns import table_of
from dbhealth.archive.models import ArchiveModel
from dbhealth.archive.policy import ArchivePolicy
from dbhealth.backends import check_alias
from dbhealth.exceptions import ConfigurationError, UsageError

_LIKELY, _NEAR = 0.6, 0.05
"""How much alike (difflib's ratio) a suggested name has to be, and how far behind the best."""


@dataclass(frozen=True)
class Archive:
    """An archive model with what belongs to it."""

    model: type[ArchiveModel]

    @property
    def source(self) -> type[models.Model]:
        """The model whose rows leave."""
        return self.model._archive.source

    @property
    def policy(self) -> ArchivePolicy:
        """The policy. Raises ConfigurationError where the class has none."""
        policy = self.model._archive.policy
        if policy is None:
            raise ConfigurationError(
                f"{self.model.__name__} has no policy; manage.py check says how to give it one."
            )
        return policy

    @property
    def own_policy(self) -> ArchivePolicy | None:
        """The policy, None where the class has none: then rows leave with their parents only."""
        return self.model._archive.policy

    @property
    def leaves_alone(self) -> bool:
        """Whether rows leave by their own age, and not with their parents only."""
        return self.own_policy is not None and self.own_policy.retention is not None

    @property
    def retention(self) -> timedelta:
        """The policy's retention. Raises ConfigurationError where there is none."""
        if self.policy.retention is None:
            raise ConfigurationError(
                f"The policy of {self.model.__name__} has no retention: its rows leave with their "
                "parents only."
            )
        return self.policy.retention

    @property
    def table(self) -> str:
        """The source's table."""
        return table_of(self.source)

    @property
    def archive_table(self) -> str:
        """The archive's table."""
        return table_of(self.model)

    @property
    def label(self) -> str:
        """The source as app.Model."""
        return self.source._meta.label

    @property
    def alias(self) -> str:
        """The database to which the project's routers send writes to the source."""
        return router.db_for_write(self.source)

    @property
    def archive_alias(self) -> str:
        """The database to which the project's routers send writes to the archive."""
        return router.db_for_write(self.model)


def archives() -> list[Archive]:
    """Return all archives, in the order of the source tables' names."""
    found = [
        Archive(model) for model in dict.fromkeys(_classes(ArchiveModel)) if _is_installed(model)
    ]
    return sorted(found, key=lambda archive: archive.table)


def _classes(base: Any) -> Iterator[type[ArchiveModel]]:
    """Yield the classes that are derived from one: they are few where the models are thousands."""
    for derived in base.__subclasses__():
        yield derived
        yield from _classes(derived)


def _is_installed(model: type[ArchiveModel]) -> bool:
    """Return whether ``apps.get_models()`` has a class: not an abstract or a forgotten one."""
    options = model._meta
    known = apps.all_models[options.app_label].get(options.model_name or "")
    return known is model and options.app_label in apps.app_configs and not options.swapped


def archives_in(using: str | None) -> list[tuple[Archive, str]]:
    """Return the archives with the database alias to work on.

    ``using`` None: each in the database its model is routed to. Otherwise those whose tables
    the routers allow in that database. Raises UsageError for an alias that DATABASES lacks.
    """
    if using is None:
        return [(archive, archive.alias) for archive in archives()]
    check_alias(using)
    return [
        (archive, using)
        for archive in archives()
        if router.allow_migrate_model(using, archive.source)
        and router.allow_migrate_model(using, archive.model)
    ]


def find(name: str | type[models.Model]) -> Archive:
    """Return the archive for a table name, an app.Model label or a model class.

    The source's and the archive's own name both do. Raises UsageError with what there is.
    """
    known = {key: archive for archive in archives() for key in _names(archive)}
    wanted = name if isinstance(name, str) else name._meta.label
    exact = known.get(wanted) or {key.lower(): known[key] for key in known}.get(wanted.lower())
    if exact is not None:
        return exact
    tables = ", ".join(archive.table for archive in archives()) or "none"
    close = " or ".join(map(repr, _closest(wanted)))
    hint = f"Did you mean {close}?" if close else f"Tables with an archive: {tables}."
    raise UsageError(f"There is no archive for {wanted!r}. {hint}")


def _closest(wanted: str) -> list[str]:
    """Return names of archives that look like ``wanted``, the closest first, one of each archive.

    A model may be meant by its bare name, without the app that :func:`find` asks for.
    """
    matcher = difflib.SequenceMatcher(b=wanted.lower())
    found = []
    for archive in archives():
        likely = {name: name for name in _names(archive)}
        likely |= {
            model._meta.object_name or "": model._meta.label
            for model in (archive.source, archive.model)
        }
        scored = []
        for name, meant in likely.items():
            matcher.set_seq1(name.lower())
            scored.append((matcher.ratio(), meant))
        found.append(max(scored))
    found.sort(key=lambda pair: -pair[0])
    least = max(_LIKELY, found[0][0] - _NEAR) if found else _LIKELY
    return [meant for alike, meant in found if alike >= least]


def _names(archive: Archive) -> tuple[str, ...]:
    return (
        archive.table,
        archive.label,
        archive.archive_table,
        archive.model._meta.label,
        archive.source._meta.db_table,
        archive.model._meta.db_table,
    )


def chosen(names: str | Sequence[str] | None, using: str | None) -> list[tuple[Archive, str]]:
    """Return the archives with their alias: all of them, or those that are named.

    Raises UsageError for a name without an archive and an alias that DATABASES lacks.
    """
    if not names:
        return archives_in(using)
    if using is not None:
        check_alias(using)
    names = [names] if isinstance(names, str) else names
    found = {archive.table: archive for archive in map(find, names)}
    return [(archive, using or archive.alias) for archive in found.values()]

"""Which databases and tables somebody means who speaks of indexes, or of upkeep."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, router

from dbhealth.backends import check_alias, get_backend
from dbhealth.backends.names import unwrapped
from dbhealth.exceptions import UsageError
from dbhealth.saying import say as _


def scope(
    using: str | None, names: Sequence[str] | None = None, *, any_table: bool = False
) -> dict[str, tuple[str, ...] | None]:
    """Return the databases to look at, each with its tables; None: all of them.

    ``names`` are tables by their name or as app.Model. Without ``using`` each table is looked at
    in the database that its model is routed to. With ``any_table`` a table of no model may be
    named as well. Raises UsageError for an unknown name or alias.
    """
    others = (using or DEFAULT_DB_ALIAS) if any_table else None
    if using is not None:
        check_alias(using)
        return {using: None if names is None else tuple(_table(name, others)[0] for name in names)}
    if names is None:
        return dict.fromkeys(sorted({alias for _, alias in _known().values()}))
    found: dict[str, tuple[str, ...] | None] = {}
    for table, alias in (_table(name, others) for name in names):
        found[alias] = (*(found.get(alias) or ()), table)
    return found


def _known() -> dict[str, tuple[str, str]]:
    """Return table and alias by each name that a model's table goes by."""
    found: dict[str, tuple[str, str]] = {}
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and not model._meta.swapped:
            table = unwrapped(model._meta.db_table)
            where = table, router.db_for_write(model)
            found |= {model._meta.label: where, table: where}
    return found


def _table(name: str, others: str | None) -> tuple[str, str]:
    """Return table and alias; one of no model is looked for in the database ``others``."""
    known = _known()
    lower = {key.lower(): where for key, where in known.items()}
    where = known.get(name) or lower.get(name.lower())
    if where is not None:
        return where
    if others is not None:
        relation = get_backend(others).catalog.relation(name)
        if relation is not None and relation.is_table:
            return name, others
    close = difflib.get_close_matches(name, known, n=2)
    hint = _("Name a table, or a model as app.Model.")
    if close:
        hint = _("Did you mean {names}?", names=" or ".join(map(repr, close)))
    raise UsageError(f"There is no table or model {name!r}. {hint}")

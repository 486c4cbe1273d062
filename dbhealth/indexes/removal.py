"""Which words of the code bring an index about, and how to take them out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dbhealth.indexes.kinds import Declared, Kind
from dbhealth.indexes.owner import at
from dbhealth.saying import say as _

_INSTALLED = frozenset({"site-packages", "dist-packages"})


def removal(owner: Declared, name: str) -> str:
    """Return the change of the code after which ``makemigrations`` drops an index.

    ``name`` is the index's own, which may be another one than Django would give it.
    """
    if is_packaged(owner):
        return _(
            "{model} comes with an installed package ({place}), and this index with it: leave it, "
            "or drop it in a migration of your own (migrations.RunSQL).",
            model=owner.model,
            place=str(owner.place),
        )
    return at(owner.place, _REMOVALS[owner.kind](owner, name))


def is_packaged(owner: Declared) -> bool:
    """Return whether the declaration stands in an installed package, where nobody edits it."""
    return owner.place is not None and not _INSTALLED.isdisjoint(Path(owner.place.file).parts)


def field_of(owner: Declared) -> str:
    """Return the field that brings an index along as app.Model.field."""
    return f"{owner.model}.{owner.field}"


def _meta_index(owner: Declared, name: str) -> str:
    return _("take {text} out of Meta.indexes of {model}.", text=owner.text, model=owner.model)


def _meta_constraint(owner: Declared, name: str) -> str:
    return _("take {text} out of Meta.constraints of {model}.", text=owner.text, model=owner.model)


def _db_index(owner: Declared, name: str) -> str:
    return _("set db_index=False on {field}.", field=field_of(owner))


def _unique(owner: Declared, name: str) -> str:
    return _("take unique=True from {field}.", field=field_of(owner))


def _together(owner: Declared, name: str) -> str:
    return _(
        "take {text} out of Meta.unique_together of {model}.", text=owner.text, model=owner.model
    )


def _like(owner: Declared, name: str) -> str:
    """A ``_like`` index goes only with what brings it along (Django's PostgreSQL schema editor)."""
    field = owner.owner.model._meta.get_field(owner.field)
    if getattr(field, "primary_key", False):
        return _(
            "Django gives the text key {field} this index for LIKE 'abc%' and has no switch for "
            "it: drop it in a migration with migrations.RunSQL.",
            field=field_of(owner),
        )
    if getattr(field, "unique", False):
        return _(
            "replace unique=True of {model}.{field} with "
            'models.UniqueConstraint(fields=["{field}"], name=…) in Meta.constraints, '
            "which makes no index for LIKE.",
            model=owner.model,
            field=owner.field,
        )
    return _(
        "set db_index=False on {model}.{field} and put "
        'models.Index(fields=["{field}"], name=…) into '
        "Meta.indexes, which makes no index for LIKE.",
        model=owner.model,
        field=owner.field,
    )


def _many_to_many(owner: Declared, name: str) -> str:
    return _(
        "Django makes it for the table of {field}. Give the field a through= model of your own "
        "whose foreign key has db_index=False.",
        field=field_of(owner),
    )


def _registered(owner: Declared, name: str) -> str:
    return _("take register() of {name} out, and drop the index, for no migration does.", name=name)


def _primary_key(owner: Declared, name: str) -> str:
    return _("it is the key of {model} and stays.", model=owner.model)


_REMOVALS: dict[Kind, Callable[[Declared, str], str]] = {
    Kind.META_INDEX: _meta_index,
    Kind.DB_INDEX: _db_index,
    Kind.UNIQUE: _unique,
    Kind.UNIQUE_CONSTRAINT: _meta_constraint,
    Kind.FOREIGN_KEY: _db_index,
    Kind.LIKE: _like,
    Kind.EXCLUSION: _meta_constraint,
    Kind.UNIQUE_TOGETHER: _together,
    Kind.MANY_TO_MANY: _many_to_many,
    Kind.REGISTERED: _registered,
    Kind.PRIMARY_KEY: _primary_key,
}

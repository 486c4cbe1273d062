"""Two shapes of an index side by side: equal, or different in what."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.index_records import KeyPart, Shape
from dbhealth.saying import say as _


def differences(declared: Shape, found: Shape) -> tuple[str, ...]:
    """Return in what an index differs from its declaration, a phrase for each difference."""
    return tuple(
        _(
            "{what} {wanted} declared, {have} in the database",
            what=what,
            wanted=_shown(wanted),
            have=_shown(have),
        )
        for what, wanted, have in _parts(declared, found)
        if wanted != have
    )


def _shown(value: object) -> str:
    if isinstance(value, tuple) and value:
        return f"({', '.join(map(str, value))})"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and value:
        return value
    return str(value) if value else _("none")


def _parts(declared: Shape, found: Shape) -> Iterator[tuple[str, object, object]]:
    yield _("method"), declared.method, found.method
    yield _("unique"), declared.unique, found.unique
    yield from _keys(declared.keys, found.keys)
    yield _("include"), declared.include, found.include
    yield _("predicate"), declared.predicate, found.predicate
    yield _("NULLs distinct"), declared.nulls_distinct, found.nulls_distinct
    yield _("operators"), declared.excludes, found.excludes
    yield _("deferrable"), declared.deferrable, found.deferrable


def _keys(
    declared: tuple[KeyPart, ...], found: tuple[KeyPart, ...]
) -> Iterator[tuple[str, object, object]]:
    wanted, have = tuple(map(_key, declared)), tuple(map(_key, found))
    yield _("keys"), wanted, have
    if wanted != have:
        return
    yield _("order"), tuple(map(_order, declared)), tuple(map(_order, found))
    for ours, theirs in zip(declared, found, strict=True):
        key = _key(ours)
        yield _("NULLs of {key}", key=key), _nulls(ours), _nulls(theirs)
        yield _("opclass of {key}", key=key), ours.opclass, theirs.opclass
        yield _("collation of {key}", key=key), ours.collation, theirs.collation


def _key(part: KeyPart) -> str:
    return part.column or part.expression


def _order(part: KeyPart) -> str:
    return f"{_key(part)} DESC" if part.descending else _key(part)


def _nulls(part: KeyPart) -> str:
    return _("first") if part.nulls_first else _("last")

"""Who declares an index: the model, the words that do it, and where they stand."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.db import models

from dbhealth.saying import say as _


@dataclass(frozen=True)
class Place:
    """A line of a source file."""

    file: str
    line: int

    def __str__(self) -> str:
        """Return it as editors take it."""
        return f"{self.file}:{self.line}"


def at(place: Place | None, change: str) -> str:
    """Return what to change with the line where it stands before it, if that is known."""
    return _("{place}: {change}", place=str(place), change=change) if place else change


@dataclass(frozen=True, kw_only=True)
class Owner:
    """What declares an index.

    ``field`` is the field's name for what a field brings along, ``option`` the name in Meta
    ("indexes", "constraints", "unique_together") for what stands there, ``item`` the declared
    Index, constraint or tuple of field names itself. ``registered`` is the call of ``register``.
    """

    model: type[models.Model]
    field: str = ""
    option: str = ""
    item: Any = None
    registered: Place | None = None

    @property
    def label(self) -> str:
        """The model as app.Model."""
        return self.model._meta.label

    @property
    def text(self) -> str:
        """The declaration as Python: a field's name, or what stands in Meta."""
        return self.field or written(self.item)

    @property
    def place(self) -> Place | None:
        """Where it is declared; None where there is no source to look at.

        The line of the field, of the entry in Meta, or else of the class.
        """
        if self.registered is not None:
            return self.registered
        return _found(self.model, self.field, self.option, getattr(self.item, "name", ""))


def written(item: Any) -> str:
    """Return an Index, a constraint or a tuple of names as one writes it."""
    if not hasattr(item, "deconstruct"):
        return repr(item)
    _path, arguments, named = item.deconstruct()
    parts = [*map(repr, arguments), *(f"{key}={value!r}" for key, value in named.items())]
    return f"{type(item).__name__}({', '.join(parts)})"


@cache
def _found(model: type, field: str, option: str, name: str) -> Place | None:
    for base in model.__mro__:
        place = _in_class(base, field, option, name)
        if place is not None:
            return place
    return _of_class(model)


@cache
def _classes(file: str) -> dict[str, ast.ClassDef]:
    """Return the classes of a file by their qualified names."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    found: dict[str, ast.ClassDef] = {}

    def collect(node: ast.AST, above: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                found[above + child.name] = child
                collect(child, f"{above}{child.name}.")
            elif isinstance(child, ast.FunctionDef):
                collect(child, f"{above}{child.name}.<locals>.")
            elif isinstance(child, (ast.If, ast.Try, ast.With)):
                collect(child, above)

    collect(tree, "")
    return found


@cache
def _source(model: type) -> tuple[str, ast.ClassDef] | None:
    try:
        file = inspect.getsourcefile(model)
    except (TypeError, OSError):
        return None
    node = _classes(file).get(model.__qualname__) if file else None
    return (file, node) if file and node is not None else None


def _of_class(model: type) -> Place | None:
    source = _source(model)
    return source and Place(source[0], source[1].lineno)


def _in_class(model: type, field: str, option: str, name: str) -> Place | None:
    source = _source(model) if model.__module__ != "builtins" else None
    if source is None:
        return None
    file, node = source
    if field:
        value = _assigned(node, field)
    else:
        meta = next(
            (part for part in node.body if isinstance(part, ast.ClassDef) and part.name == "Meta"),
            None,
        )
        value = meta and _assigned(meta, option)
    if value is None:
        return None
    return Place(file, (_entry(value, name) or value).lineno if name else value.lineno)


def _assigned(node: ast.ClassDef, name: str) -> ast.stmt | None:
    """Return the assignment to ``name`` in the body of a class."""
    for part in node.body:
        targets = part.targets if isinstance(part, ast.Assign) else []
        if isinstance(part, ast.AnnAssign):
            targets = [part.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return part
    return None


def _entry(value: ast.stmt, name: str) -> ast.Call | None:
    """Return the call in an assignment that is given the name of an index or constraint."""
    for call in ast.walk(value):
        if isinstance(call, ast.Call) and any(
            part.arg == "name" and isinstance(part.value, ast.Constant) and part.value.value == name
            for part in call.keywords
        ):
            return call
    return None

"""What one model asks for: each index with its SQL, its name and, where it is simple, its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from django.db import models
from django.db.backends.utils import split_identifier

from dbhealth.backends import get_backend
from dbhealth.backends.index_records import KeyPart, Shape
from dbhealth.backends.names import unwrapped
from dbhealth.indexes.kinds import Declared, Kind
from dbhealth.indexes.owner import Owner

METHOD = "btree"
"""What both engines call the kind of index that they make when nothing else is said."""


def table_of(model: type[models.Model]) -> str:
    """Return the table of a model as the catalogue of the database spells it."""
    return unwrapped(model._meta.db_table)


_CONSTRAINS = "ALTER TABLE"
"""How Django's statement begins where a constraint is made, and not an index by itself."""

_DEFERRABLE = {
    None: "",
    models.Deferrable.IMMEDIATE: "DEFERRABLE",
    models.Deferrable.DEFERRED: "DEFERRABLE INITIALLY DEFERRED",
}


class OfModel:
    """The indexes of one model's table.

    ``owner`` is the many-to-many field that a table belongs to which has no class in the code.
    """

    def __init__(self, model: type[models.Model], editor: Any, owner: Owner | None = None) -> None:
        """Keep the model and Django's schema editor of the database."""
        self._model, self._editor, self._owner = model, editor, owner
        self._options, self._table = model._meta, table_of(model)

    def all(self) -> Iterator[Declared]:
        """Return all of them, in the order in which Django would make them."""
        yield from self._primary_key()
        for field in self._options.local_concrete_fields:
            if field.unique and not field.primary_key:
                yield self._unique(Kind.UNIQUE, [field], field=field.name)
        for names in self._options.unique_together:
            fields = [self._options.get_field(name) for name in names]
            owner = {"option": "unique_together", "item": tuple(names)}
            yield self._unique(Kind.UNIQUE_TOGETHER, fields, **owner)
        for constraint in self._options.constraints:
            yield from self._constraint(constraint)
        for field in self._options.local_concrete_fields:
            yield from self._of_field(field)
        for index in self._options.indexes:
            yield from self.index(index, Kind.META_INDEX, self._by(option="indexes", item=index))

    def index(self, index: models.Index, kind: Kind, owner: Owner) -> Iterator[Declared]:
        """Return a declared Index, nothing where the engine has no indexes of its sort."""
        features = self._editor.connection.features
        if index.contains_expressions and not features.supports_expression_indexes:
            return
        simple = type(index) is models.Index and not (
            index.expressions or index.condition or index.opclasses
        )
        parts = tuple(
            self._part(self._column(name), descending=order == "DESC")
            for name, order in index.fields_orders
        )
        shape = Shape(method=METHOD, keys=parts, include=self._included(index)) if simple else None

        def compose() -> str:
            return str(index.create_sql(self._model, self._editor))

        yield self._declared(index.name, kind, owner, compose, shape)

    def _primary_key(self) -> Iterator[Declared]:
        fields = self._options.pk_fields
        columns = [str(field.column) for field in fields]
        if self._is_the_row() and self._types(fields) == ["integer"]:
            return
        name = f"{split_identifier(self._options.db_table)[1]}_pkey"
        owner = self._by(field=self._options.pk.name)
        shape = _unique_shape(columns)
        made = {"named": False, "constraint": True}
        yield self._declared(name, Kind.PRIMARY_KEY, owner, lambda: "", shape, **made)

    def _types(self, fields: Iterable[Any]) -> list[str]:
        return [(field.db_type(self._editor.connection) or "").lower() for field in fields]

    def _is_the_row(self) -> bool:
        """Return whether a key of the type integer needs no index here."""
        connection = self._editor.connection
        return _key_is_the_row(connection.alias, connection.settings_dict["ENGINE"])

    def _unique(self, kind: Kind, fields: list[Any], **owner: Any) -> Declared:
        columns = [field.column for field in fields]
        name = self._editor._unique_constraint_name(self._options.db_table, columns, quote=False)
        return self._declared(
            str(name),
            kind if self._owner is None else Kind.MANY_TO_MANY,
            self._by(**owner),
            lambda: str(self._editor._create_unique_sql(self._model, fields)),
            _unique_shape(columns),
            named=False,
            constraint=self._editor.sql_create_unique.startswith(_CONSTRAINS),
        )

    def _constraint(self, constraint: Any) -> Iterator[Declared]:
        """Return the index of a constraint; nothing for one that needs no index here."""
        if isinstance(constraint, models.UniqueConstraint):
            kind = Kind.UNIQUE_CONSTRAINT
        elif type(constraint).__name__ == "ExclusionConstraint":
            # By its name: the class can only be imported where psycopg is installed.
            kind = Kind.EXCLUSION
        else:
            return
        statement = constraint.create_sql(self._model, self._editor)
        if statement is None:
            return
        sql, owner = str(statement), self._by(option="constraints", item=constraint)
        made = {"constraint": sql.startswith(_CONSTRAINS)}
        shape = self._simple(constraint)
        yield self._declared(constraint.name, kind, owner, lambda: sql, shape, **made)

    def _simple(self, constraint: Any) -> Shape | None:
        plain = isinstance(constraint, models.UniqueConstraint)
        if not plain or constraint.expressions or constraint.condition or constraint.opclasses:
            return None
        columns = [self._column(name) for name in constraint.fields]
        distinct = constraint.nulls_distinct is not False
        shape = _unique_shape(columns, include=self._included(constraint), nulls_distinct=distinct)
        return replace(shape, deferrable=_DEFERRABLE[constraint.deferrable])

    def _of_field(self, field: Any) -> Iterator[Declared]:
        """Return what Django makes for a field by itself, its ``_like`` index included."""
        plain = self._editor._field_should_be_indexed(self._model, field)
        if not (plain or field.db_index or field.unique):
            return  # most fields
        owner = self._by(field=field.name)
        for statement in self._editor._field_indexes_sql(self._model, field):
            name = unwrapped(str(statement.parts["name"]))
            like = statement.parts["name"].suffix == "_like"
            kind = Kind.FOREIGN_KEY if field.is_relation else Kind.DB_INDEX
            if self._owner is not None:
                kind = Kind.MANY_TO_MANY
            shape: Shape | None = None
            if like:
                kind = Kind.LIKE
                [opclass] = statement.parts["columns"].opclasses
                shape = Shape(method=METHOD, keys=(KeyPart(column=field.column, opclass=opclass),))
            elif plain:
                shape = Shape(method=METHOD, keys=(KeyPart(column=field.column),))
            plain = False
            yield self._declared(name, kind, owner, statement.__str__, shape, named=False)

    def _part(self, column: str, *, descending: bool) -> KeyPart:
        """Return a key on a column, with NULL where the engine places it by itself."""
        is_largest = not self._editor.connection.features.order_by_nulls_first
        return KeyPart(column=column, descending=descending, nulls_first=descending and is_largest)

    def _included(self, item: Any) -> tuple[str, ...]:
        if not self._editor.connection.features.supports_covering_indexes:
            return ()
        return tuple(map(self._column, item.include))

    def _column(self, name: str) -> str:
        return str(self._options.get_field(name).column)  # type: ignore[union-attr]

    def _by(self, **what: Any) -> Owner:
        return self._owner or Owner(model=self._model, **what)

    def _declared(
        self,
        name: str,
        kind: Kind,
        owner: Owner,
        compose: Callable[[], str],
        shape: Shape | None,
        *,
        named: bool = True,
        constraint: bool = False,
    ) -> Declared:
        return Declared(
            table=self._table,
            name=name,
            kind=kind,
            owner=owner,
            compose=compose,
            constraint=constraint,
            named=named,
            shape=shape,
        )


@cache
def _key_is_the_row(alias: str, engine: str) -> bool:
    return get_backend(alias).features.integer_key_is_the_row


def _unique_shape(
    columns: list[str], *, include: tuple[str, ...] = (), nulls_distinct: bool = True
) -> Shape:
    keys = tuple(KeyPart(column=column) for column in columns)
    return Shape(
        method=METHOD, keys=keys, unique=True, include=include, nulls_distinct=nulls_distinct
    )

"""The record of a declared index, and the words for what declares it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as part
from enum import StrEnum

from dbhealth.backends.index_records import Shape
from dbhealth.indexes.owner import Owner, Place


class Kind(StrEnum):
    """What in the code brings an index about."""

    META_INDEX = "Meta.indexes"
    DB_INDEX = "db_index"
    UNIQUE = "unique"
    UNIQUE_CONSTRAINT = "UniqueConstraint"
    FOREIGN_KEY = "ForeignKey"
    LIKE = "_like"
    EXCLUSION = "ExclusionConstraint"
    UNIQUE_TOGETHER = "unique_together"
    MANY_TO_MANY = "many-to-many"
    REGISTERED = "registered"
    PRIMARY_KEY = "primary key"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """An index that the code asks for.

    ``table`` is as the catalogue of the database spells it. ``name`` is the one that Django would
    give it; ``named`` tells that it is a part of the declaration, as in Meta.indexes: else Django
    or the database made it up, and an index of any name will do. ``compose`` writes ``sql``;
    ``constraint`` tells that a constraint is made. ``shape`` is None where only the database can
    say what becomes of the declaration.
    """

    table: str
    name: str
    kind: Kind
    owner: Owner
    compose: Callable[[], str] = part(repr=False, compare=False)
    constraint: bool
    named: bool
    shape: Shape | None

    @property
    def sql(self) -> str:
        """Django's statement that makes it, empty for a primary key, which comes with its table.

        Written when it is asked for: to write those of a large project takes a second.
        """
        return self.compose()

    @property
    def model(self) -> str:
        """The label of the model, app.Model."""
        return self.owner.label

    @property
    def field(self) -> str:
        """The name of the field that brings it along, empty for what stands in Meta."""
        return self.owner.field

    @property
    def text(self) -> str:
        """The declaration as Python: a field's name, or what stands in Meta."""
        return self.owner.text

    @property
    def place(self) -> Place | None:
        """The file and line of the declaration, None where there is no source."""
        return self.owner.place

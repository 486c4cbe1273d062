"""The change of the project that carries a verdict out: in Django's words, and SQL where it helps.

What a model declares is changed in the model, and a migration does the rest: whoever drops such an
index by hand has it back with the next ``init_indexes``. SQL stands where no migration would do
it: an index that nobody declares or that was registered, and a rebuild, which no model knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import models

from dbhealth.backends.ddl import Ddl
from dbhealth.backends.statement import Statement
from dbhealth.indexes.kinds import Declared, Kind
from dbhealth.indexes.owner import at
from dbhealth.indexes.removal import field_of, is_packaged, removal
from dbhealth.indexes.verdict_records import Code, Subject, Verdict
from dbhealth.saying import say as _

_WITHOUT_MIGRATION = frozenset({Kind.REGISTERED})


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Says what to change; ``models`` are the models of the tables by the tables' names."""

    ddl: Ddl
    models: Mapping[str, type[models.Model]]

    def carried_out(self, subject: Subject, verdict: Verdict) -> Verdict:
        """Return the verdict with its change and its SQL."""
        change, sql = _CHANGES[verdict.code](self, subject)
        return verdict._replace(change=change, sql=sql)

    def remove(self, subject: Subject) -> tuple[str, str]:
        """Take an index away."""
        index, owner = subject.index, subject.owner
        if owner is None:
            return self._nobodys(subject), self._drop(subject)
        change = removal(owner, index.name)
        if owner.kind in _WITHOUT_MIGRATION or _is_key_for_like(owner):
            return change, self._drop(subject)
        return change, ""

    def rebuild(self, subject: Subject) -> tuple[str, str]:
        """Build an index again as it is."""
        statement = self.ddl.rebuild(subject.index.table, subject.index.name)
        return _("Nothing in the code changes."), shown(statement)

    def finish(self, subject: Subject) -> tuple[str, str]:
        """Build an invalid index again, or drop it where nobody wants it."""
        index, owner = subject.index, subject.owner
        if index.partitioned:
            return (
                _(
                    "manage.py init_indexes --status says which partitions lack it. Attach an "
                    "index of each of them (ALTER INDEX … ATTACH PARTITION)."
                ),
                "",
            )
        if owner is None:
            return self._nobodys(subject), self._drop(subject)
        change = _("declared there; manage.py init_indexes builds it again.")
        return at(owner.place, change), self.rebuild(subject)[1]

    def without_nulls(self, subject: Subject) -> tuple[str, str]:
        """Make the index of one column partial: only rows with a value."""
        column = subject.index.shape.keys[0].column
        return self._partial(subject, f"condition=Q({self._field(subject, column)}__isnull=False)")

    def for_rare_values(self, subject: Subject) -> tuple[str, str]:
        """Make the index of one column partial: only the value that is searched for."""
        column = subject.index.shape.keys[0].column
        change, sql = self._partial(subject, f"condition=Q({self._field(subject, column)}=…)")
        return (
            _(
                "{change} Name the value that is searched for, if it is a rare one; else take the "
                "index out, or put the column behind a selective one in a composite index.",
                change=change,
            ),
            sql,
        )

    def _partial(self, subject: Subject, condition: str) -> tuple[str, str]:
        owner, field = subject.owner, self._field(subject, subject.index.shape.keys[0].column)
        new = f'models.Index(fields=["{field}"], {condition}, name=…)'
        if owner is None:
            return self._declared_anew(subject, new), self._drop(subject)
        if owner.kind is Kind.MANY_TO_MANY or is_packaged(owner):
            return removal(owner, subject.index.name), ""
        if owner.kind in {Kind.META_INDEX, Kind.REGISTERED}:
            change = _(
                "add {condition} to {text} under a new name.", condition=condition, text=owner.text
            )
        else:
            change = _(
                "set db_index=False on {field} and put {new} into Meta.indexes of {model}.",
                field=field_of(owner),
                new=new,
                model=owner.model,
            )
        return at(owner.place, change), ""

    def _field(self, subject: Subject, column: str) -> str:
        """Return the name of the field of a column, the column's where no model is known."""
        model = self.models.get(subject.index.table)
        fields = model._meta.local_concrete_fields if model else ()
        return next((field.name for field in fields if field.column == column), column)

    def _declared_anew(self, subject: Subject, new: str) -> str:
        model = self.models.get(subject.index.table)
        if model is None:
            return _("Declare {new} where the table is defined, and drop this one.", new=new)
        return _(
            "Declare {new} in Meta.indexes of {model} (or with dbhealth.indexes.register), and "
            "drop this one.",
            new=new,
            model=model._meta.label,
        )

    def _nobodys(self, subject: Subject) -> str:
        if subject.index.table in self.models:
            return _(
                "No model declares it: drop it with the SQL, in a migration (migrations.RunSQL)."
            )
        return _("No model has this table: drop it with the SQL, where the table is defined.")

    def _drop(self, subject: Subject) -> str:
        index = subject.index
        if index.holds:
            return ""  # it goes with its constraint only
        return shown(self.ddl.drop_index(index.table, index.name))


def shown(statement: Statement) -> str:
    """Return a statement as one types it: its "%" are doubled for the driver only."""
    return f"{statement.sql.replace('%%', '%')};"


def _is_key_for_like(owner: Declared) -> bool:
    if owner.kind is not Kind.LIKE:
        return False
    return bool(getattr(owner.owner.model._meta.get_field(owner.field), "primary_key", False))


_CHANGES: dict[Code, Callable[[Changes, Subject], tuple[str, str]]] = {
    Code.INVALID: Changes.finish,
    Code.DUPLICATE: Changes.remove,
    Code.COVERED: Changes.remove,
    Code.UNUSED: Changes.remove,
    Code.RARELY_USED: Changes.remove,
    Code.BLOATED: Changes.rebuild,
    Code.NULL_HEAVY: Changes.without_nulls,
    Code.LOW_CARDINALITY: Changes.for_rare_values,
}

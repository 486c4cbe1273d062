"""Constraints that were never proved: D005."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.health.finding import Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.saying import say as _


@register("dbhealth.D005", title=_("A constraint is not validated"), feature="has_sessions")
def unproven(context: Context) -> Iterator[Finding]:
    """Find constraints that hold for new rows only (NOT VALID)."""
    for item in context.backend.server.unproven_constraints():
        yield context.finding(
            Level.WARNING,
            _(
                "The {kind} constraint {name} of {table} holds for new rows only: it is NOT VALID.",
                kind=item.kind,
                name=item.name,
                table=item.table,
            ),
            object=f"constraint {item.name} of {item.table}",
            why=_(
                "Older rows may break it. They fail in their next UPDATE, and the planner cannot "
                "rely on it."
            ),
            instead=_(
                "Validate it: that reads the table once and lets others read and write. Where it "
                "fails, mend the rows that it names first."
            ),
            sql=(context.backend.server.cures.validate(item.table, item.name),),
            change=_(
                "django.contrib.postgres.operations.ValidateConstraint(model_name=…, "
                "name={name!r}) in a migration of its own",
                name=item.name,
            )
            if item.kind == "CHECK"
            else "",
        )

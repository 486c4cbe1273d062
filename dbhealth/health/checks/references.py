"""Foreign keys that cannot hold what they refer to: D003."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.key_records import LIMITS, IntegerReference
from dbhealth.health.checks.readings import references, sequences
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.places import FieldPlace, place_of
from dbhealth.health.registry import Context, register
from dbhealth.health.words import percent
from dbhealth.saying import say as _


@register(
    "dbhealth.D003",
    title=_("A foreign key is of a smaller type than its target"),
    feature="has_sessions",
)
def narrower(context: Context) -> Iterator[Finding]:
    """Compare the types on both sides, and where a sequence feeds the target, how near it is."""
    narrow = [item for item in references(context) if item.is_narrower]
    if not narrow:
        return
    last = {(item.table, item.column): item.last for item in sequences(context)}
    bound = context.thresholds["sequence_share"]
    for item in narrow:
        value = last.get((item.target, item.target_column))
        share = (value or 0) / LIMITS[item.type]
        place = place_of(item.table, item.column)
        yield context.finding(
            Level.ERROR if share >= bound else Level.WARNING,
            _title(item, None if value is None else share),
            object=f"column {item.table}.{item.column}",
            value=None if value is None else share,
            threshold=bound,
            unit="share",
            confidence=Confidence.HIGH if value is not None else Confidence.MEDIUM,
            reasons=() if value is not None else (_("How far the target is cannot be seen."),),
            why=_("Rows with larger keys cannot be referred to: such an INSERT fails."),
            instead=_(
                "Give the column the type of its target. ALTER TYPE writes the table anew and "
                "locks out readers meanwhile."
            ),
            sql=context.backend.server.cures.widen_reference(item),
            change=_change(place) if place else "",
            file=place.file if place else "",
            line=place.line if place else 0,
        )


_NARROWER = _(
    "{table}.{column} is {type}, but refers to {target}.{target_column}, which is {target_type}."
)
_NARROWER_AND_AT = _(
    "{table}.{column} is {type}, but refers to {target}.{target_column}, which is {target_type}; "
    "the target is at {share} of what it can hold."
)


def _title(item: IntegerReference, share: float | None) -> str:
    """Return what the two types are; ``share`` is how far the target is, None where not known."""
    pattern = _NARROWER if share is None else _NARROWER_AND_AT
    return pattern.format(
        table=item.table,
        column=item.column,
        type=item.type,
        target=item.target,
        target_column=item.target_column,
        target_type=item.target_type,
        share=percent(share or 0.0),
    )


def _change(place: FieldPlace) -> str:
    return _(
        "makemigrations {app} and migrate: Django gives {model}.{field} the type of its target, "
        "unless the target was changed without Django",
        app=place.app,
        model=place.model,
        field=place.field,
    )

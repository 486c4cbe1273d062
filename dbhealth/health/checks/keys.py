"""Sequences and integer keys: D001, D002, D004."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.key_records import LIMITS, NumberSequence
from dbhealth.health.checks.readings import integer_keys, references, rights, sequences
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.places import place_of
from dbhealth.health.registry import Context, register
from dbhealth.health.words import listed, percent
from dbhealth.saying import say as _

_WHY = _(
    "When they are used up every INSERT fails, and making the column wider takes hours by then."
)

_WIDEN = _(
    "Make the column bigint, and before it those that refer to it. ALTER TYPE writes the table "
    "anew and locks out readers meanwhile: on a large table add a bigint column beside it, fill it "
    "in batches, and exchange the two."
)

FEWEST = 2**53
"""Numbers of which nobody uses up enough: no key of so many is asked after."""


def _level(context: Context, share: float) -> Level | None:
    if share >= context.thresholds["sequence_critical_share"]:
        return Level.CRITICAL
    return Level.WARNING if share >= context.thresholds["sequence_share"] else None


@register("dbhealth.D001", title=_("A sequence is nearly used up"), feature="has_sessions")
def used_up(context: Context) -> Iterator[Finding]:
    """Compare a sequence's last value with what it and the column that it feeds can take."""
    for item in sequences(context):
        level = _level(context, item.used)
        if level is None or item.last is None or (item.cycles and not item.ends_in_column):
            continue
        yield _used_up(context, item, level)


def _used_up(context: Context, item: NumberSequence, level: Level) -> Finding:
    place = place_of(item.table, item.column) if item.table else None
    cures = context.backend.server.cures
    pointing = [
        other
        for other in references(context)
        if (other.target, other.target_column) == (item.table, item.column)
    ]
    widens = item.column_type in ("smallint", "integer")
    # A bound that somebody gave the sequence comes before that of the column's type.
    bounded = not item.ends_in_column and item.limit not in _own_limits(item)
    sql = (cures.raise_limit(item),) if bounded or not widens else cures.widen(item, pointing)
    if bounded or not widens:
        instead = _("Take the sequence's own bound away, if the column takes larger numbers.")
        change = ""
    else:
        instead, change = _WIDEN, place.wider if place else ""
    return context.finding(
        level,
        _title(item),
        object=f"sequence {item.name}",
        value=item.used,
        threshold=context.thresholds["sequence_share"],
        unit="share",
        reasons=(
            (
                _(
                    "Columns refer to it: {columns}.",
                    columns=listed([f"{o.table}.{o.column}" for o in pointing]),
                ),
            )
            if pointing
            else ()
        ),
        why=_WHY,
        instead=instead,
        sql=sql,
        change=change,
        file=place.file if place else "",
        line=place.line if place else 0,
    )


def _title(item: NumberSequence) -> str:
    if not item.table:
        return _(
            "The sequence {name} has given {last:,} of {limit:,}: {share} of its values.",
            name=item.name,
            last=item.last,
            limit=item.limit,
            share=percent(item.used),
        )
    return _(
        "The sequence {name}, for {table}.{column} ({type}) has given {last:,} of {limit:,}: "
        "{share} of its values.",
        name=item.name,
        table=item.table,
        column=item.column,
        type=item.column_type,
        last=item.last,
        limit=item.limit,
        share=percent(item.used),
    )


def _own_limits(item: NumberSequence) -> tuple[int, int]:
    """Return the bounds that a sequence of its type has by itself."""
    most = LIMITS.get(item.type, LIMITS["bigint"])
    return most, -most - 1


@register("dbhealth.D002", title=_("An integer key is nearly used up"), feature="has_sessions")
def keys_used_up(context: Context) -> Iterator[Finding]:
    """Look at integer keys that no sequence of the database feeds, by what ANALYZE saw."""
    fed = {(item.table, item.column) for item in sequences(context)}
    cures = context.backend.server.cures
    for key in integer_keys(context):
        limit = LIMITS[key.type]
        if (key.table, key.column) in fed or limit > FEWEST:
            continue
        if not key.readable:
            grant = cures.see_column(key.table, key.column, rights(context).role)
            what = _("the largest value of {table}.{column}", table=key.table, column=key.column)
            context.lacks(grant, what)
        # A key has no fewer values than rows.
        largest = key.largest if key.largest is not None else key.rows or 0
        share = largest / limit
        level = _level(context, share)
        if level is None:
            continue
        place = place_of(key.table, key.column)
        pointing = [
            other
            for other in references(context)
            if (other.target, other.target_column) == (key.table, key.column)
        ]
        yield context.finding(
            level,
            _(
                "{table}.{column} ({type}) is at {largest:,} of {limit:,}: {share} of its values.",
                table=key.table,
                column=key.column,
                type=key.type,
                largest=largest,
                limit=limit,
                share=percent(share),
            ),
            object=f"column {key.table}.{key.column}",
            value=share,
            threshold=context.thresholds["sequence_share"],
            unit="share",
            confidence=Confidence.MEDIUM if key.largest is not None else Confidence.LOW,
            reasons=(
                _("The largest value of the sample that ANALYZE took; there may be larger ones.")
                if key.largest is not None
                else _("Only the number of its rows is known."),
            ),
            why=_WHY,
            instead=_WIDEN,
            sql=cures.widen(key, pointing),
            change=place.wider if place else "",
            file=place.file if place else "",
            line=place.line if place else 0,
        )


@register("dbhealth.D004", title=_("A sequence is behind its column"), feature="has_sessions")
def behind(context: Context) -> Iterator[Finding]:
    """Find sequences that will give values which their unique column has already."""
    largest = {
        (key.table, key.column): key.largest
        for key in integer_keys(context)
        if key.largest is not None
    }
    for item in sequences(context):
        most = largest.get((item.table, item.column))
        last = item.last if item.last is not None else item.minimum - 1
        is_known = item.readable and not item.locked
        if most is None or not is_known or item.increment < 0 or last >= most:
            continue
        yield context.finding(
            Level.ERROR,
            _(
                "The sequence {name} is at {last:,}, but {table}.{column} has values up to "
                "{most:,}.",
                name=item.name,
                last=item.last or 0,
                table=item.table,
                column=item.column,
                most=most,
            ),
            object=f"sequence {item.name}",
            value=last,
            threshold=most,
            unit="rows",
            confidence=Confidence.MEDIUM,
            reasons=(
                _(
                    "The value is from the last ANALYZE; its row may have been deleted since, and "
                    "large keys may have been written on purpose."
                ),
            ),
            why=_(
                "An INSERT without a key gets one that is taken, and fails (duplicate key value "
                "violates unique constraint)."
            ),
            instead=_(
                "Set the sequence behind the largest value. It gets like this where rows come with "
                "their keys: loaddata, COPY, a restore of single tables."
            ),
            sql=(context.backend.server.cures.catch_up(item),),
            change=_("manage.py sqlsequencereset APP prints the same for all models of an app"),
        )

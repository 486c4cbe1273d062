"""Which rows of an archive a purge deletes, as SQL."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import EmptyResultSet
from django.db.models.query import QuerySet

from dbhealth.archive.columns import column_of, key_columns
from dbhealth.archive.registry import Archive
from dbhealth.backends.records import Relation
from dbhealth.backends.selection import KeyColumn, Predicate, Selection
from dbhealth.clock import kept


def purge_selection(
    archive: Archive, cutoff: datetime, alias: str, relation: Relation
) -> Selection:
    """Return the selection of the archive's rows that came before ``cutoff``.

    Strictly before: a row of that very instant stays, and so does one without a time.
    ``relation`` is the archive table as it is.
    """
    name = archive.model._archive.archived_at
    types = {column.name: column.type for column in relation.columns}
    # A bare QuerySet, and no manager: rows that a default manager hides count as well.
    query = QuerySet(archive.model, using=alias).filter(**{f"{name}__lt": kept(cutoff)}).query
    try:
        sql, params = query.get_compiler(using=alias).compile(query.where)
    except EmptyResultSet:
        sql, params = "1 = 0", ()
    return Selection(
        table=archive.archive_table,
        key=tuple(KeyColumn(name=key, type=types[key]) for key in key_columns(archive.model)),
        where=Predicate(sql=sql, params=tuple(params)),
        timestamp=column_of(archive.model, name),
    )

"""What can be wrong with a policy's ``purge_after``, as Django check messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.db import models

from dbhealth.archive.indexing import leads_an_index, line_of_index
from dbhealth.archive.policy import reaches_a_time
from dbhealth.archive.registry import Archive


def purge_problems(archive: Archive, others: Iterable[models.Index]) -> Iterator[CheckMessage]:
    """Yield what is wrong with how long the archive is to keep its rows.

    ``others`` are indexes of the archive that its model does not declare.
    """
    policy = archive.model._archive.policy
    # Any: what a project writes into a policy has not been checked by anybody.
    keeps: Any = None if policy is None else policy.purge_after
    if keeps is None:
        return
    label = archive.model._meta.label
    if not isinstance(keeps, timedelta) or keeps <= timedelta(0):
        yield Error(
            f"The purge_after of {label} must be a timedelta of more than zero.",
            hint="purge_after=timedelta(days=3650) keeps ten years; leave it out to keep all.",
            obj=archive.model,
            id="dbhealth.E117",
        )
    elif not reaches_a_time(keeps):
        yield Error(
            f"The purge_after of {label} reaches back before the year 1.",
            hint="An archive that keeps its rows for ever needs no purge_after.",
            obj=archive.model,
            id="dbhealth.E117",
        )
    else:
        yield from _index(archive, label, others)


def _index(archive: Archive, label: str, others: Iterable[models.Index]) -> Iterator[CheckMessage]:
    field = archive.model._archive.archived_at
    if not leads_an_index(archive.model, field, others):
        yield Warning(
            f"No index of {label} helps to find the rows to purge by {field}: every purge reads "
            "the whole archive to find them.",
            hint=f"Add {line_of_index(archive.model, field)} to Meta.indexes of {label}.",
            obj=archive.model,
            id="dbhealth.W104",
        )

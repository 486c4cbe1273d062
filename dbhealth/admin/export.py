"""A changelist as CSV: the same columns, filters and order, all pages of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.http import StreamingHttpResponse
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

_CHUNK = 2_000
"""Rows that are read at a time."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula.
https://owasp.org/www-community/attacks/CSV_Injection"""


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        """Return the line."""
        return text


def as_csv(changelist: Any, model_admin: Any, name: str) -> StreamingHttpResponse:
    """Return all rows of a changelist as a download.

    A column is a method or a field; a method may have an attribute ``csv_value``, the name of
    what stands in the file instead, or ``csv = False`` where it is a picture; ``csv_more`` names
    fields that stand behind it in the file.
    """
    response = StreamingHttpResponse(
        _lines(changelist, model_admin), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _lines(changelist: Any, model_admin: Any) -> Iterator[str]:
    columns = [
        each
        for name in changelist.list_display
        if _is_wanted(name, model_admin)
        for each in (name, *getattr(getattr(model_admin, name, None), "csv_more", ()))
    ]
    writer = csv.writer(_Echo())
    model = changelist.model
    yield writer.writerow([str(label_for_field(name, model, model_admin)) for name in columns])
    for row in changelist.queryset.iterator(chunk_size=_CHUNK):
        yield writer.writerow([_cell(name, row, model_admin) for name in columns])


def _is_wanted(name: str, model_admin: Any) -> bool:
    method = getattr(model_admin, name, None)
    return name != "action_checkbox" and getattr(method, "csv", True)


def _cell(name: str, row: Any, model_admin: Any) -> Any:
    method = getattr(model_admin, name, None)
    if (instead := getattr(method, "csv_value", None)) is not None:
        return _safe(getattr(row, instead))
    try:
        return _safe(lookup_field(name, row, model_admin)[2])
    except ObjectDoesNotExist:
        return ""


def _safe(value: Any) -> Any:
    """Return a value as it stands in the file; text never begins as a formula does."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    if isinstance(value, SafeString):  # made for the page; other text keeps what it holds
        value = unescape(strip_tags(value)).strip()
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text

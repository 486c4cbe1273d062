"""Missing indexes: what the code declares and what searches ask for, and nobody has made."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dbhealth.admin.base import HealthAdmin
from dbhealth.admin.filters import AppFilter
from dbhealth.admin.format import UNKNOWN, as_of, badge, number
from dbhealth.admin.index_deeds import Create
from dbhealth.admin.index_filters import LackFilter, LevelFilter, TableFilter
from dbhealth.admin.index_plans import making
from dbhealth.admin.words import CONFIDENCES, LACKS, level
from dbhealth.indexes.models import MissingIndex
from dbhealth.saying import translated


class MissingAdmin(HealthAdmin):
    """The indexes that one database lacks, the gravest first."""

    list_display = ("title", "table", "owner", "row_count", "missed_by", "reason")
    list_filter: ClassVar = (LackFilter, LevelFilter, AppFilter, TableFilter)
    search_fields = ("table", "what", "owner")
    ordering = ("-gravity", Coalesce("rows", Value(-1)).desc(), "table", "what")
    as_of_field = "looked_at"
    empty_hint = gettext_lazy(
        "No index is missed, or nobody has looked yet: “manage.py index_usage --snapshot” does."
    )
    deeds = (Create(),)
    detail_template = "admin/dbhealth/missing.html"

    @admin.display(description=gettext_lazy("index or columns"), ordering="what")
    def title(self, row: MissingIndex) -> str:
        """Return its name, or what it would be on."""
        return row.what or _("to be found out")

    title.csv_value = "what"  # type: ignore[attr-defined]

    @admin.display(
        description=gettext_lazy("rows of the table"), ordering=Coalesce("rows", Value(-1))
    )
    def row_count(self, row: MissingIndex) -> str:
        """Return how many rows a search without it reads."""
        return number(row.rows)

    row_count.csv_value = "rows"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("missed by"), ordering="gravity")
    def missed_by(self, row: MissingIndex) -> str | SafeString:
        """Return why it is missed."""
        return badge(str(LACKS.get(row.code, row.code)), row.level)

    @admin.display(description=gettext_lazy("why"))
    def reason(self, row: MissingIndex) -> str:
        """Return what it costs that it is not there."""
        return translated(row.why)

    reason.csv_value = "why"  # type: ignore[attr-defined]

    def detail(self, request: HttpRequest, obj: MissingIndex) -> dict[str, Any]:
        """Return why it is missed, how one comes by it, and what making it would do."""
        return {
            "figures": [
                (_("Table"), obj.table),
                (_("Columns"), ", ".join(obj.columns) or UNKNOWN),
                (_("Model"), obj.owner or _("none")),
                (_("Rows"), number(obj.rows)),
                (_("Missed by"), LACKS.get(obj.code, obj.code)),
                (_("Level"), level(obj.level)),
                (_("Confidence"), CONFIDENCES.get(obj.confidence, obj.confidence)),
                (_("As of"), as_of(obj.looked_at)),
            ],
            "plan": making(obj),
        }

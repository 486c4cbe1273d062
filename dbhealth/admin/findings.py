"""Findings: what the health checks have seen, what to do, and who knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dbhealth.admin.actions import Action, Options
from dbhealth.admin.base import HealthAdmin
from dbhealth.admin.format import as_of, code_line
from dbhealth.admin.permissions import Permission
from dbhealth.admin.words import CONFIDENCES, level, measured
from dbhealth.clock import kept, now
from dbhealth.health.finding import Level
from dbhealth.health.life import acknowledge, withdraw
from dbhealth.health.models import FindingRecord

RANKS = Case(
    *(When(level=level.value, then=Value(level.rank)) for level in Level),
    default=Value(0),
    output_field=IntegerField(),
)
"""The gravity of a row, as a number to sort by."""


def unacknowledged() -> Q:
    """Return the condition of a finding that nobody has acknowledged as it is now."""
    moment = kept(now())
    graver = Q(rank__gt=_acknowledged_rank())
    return Q(acknowledged_at__isnull=True) | Q(acknowledged_until__lte=moment) | graver


def _acknowledged_rank() -> Case:
    return Case(
        *(When(acknowledged_level=level.value, then=Value(level.rank)) for level in Level),
        default=Value(len(Level)),
        output_field=IntegerField(),
    )


def ranked(rows: QuerySet[FindingRecord]) -> QuerySet[FindingRecord]:
    """Return findings with their ``rank``, the gravest first."""
    return rows.annotate(rank=RANKS).order_by("-rank", "check_id", "object")


class StandingFilter(admin.SimpleListFilter):
    """Chooses between what is wrong now, what somebody knows of, and what is over."""

    title = gettext_lazy("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices; without one, all that is open."""
        return [
            ("new", _("nobody knows of it")),
            ("acknowledged", _("acknowledged")),
            ("resolved", _("resolved")),
            ("all", _("all")),
        ]

    def choices(self, changelist: Any) -> Any:
        """Yield the choices, "open" first."""
        first, *_others = super().choices(changelist)
        yield {**first, "display": _("open")}
        yield from _others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the findings that stand like that."""
        if self.value() == "all":
            return queryset
        if self.value() == "resolved":
            return queryset.filter(resolved_at__isnull=False)
        still = queryset.filter(resolved_at__isnull=True)
        if self.value() == "new":
            return still.filter(unacknowledged())
        if self.value() == "acknowledged":
            return still.exclude(unacknowledged())
        return still


class AcknowledgeForm(forms.Form):
    """Until when, and why."""

    days = forms.TypedChoiceField(
        label=gettext_lazy("For how long"),
        coerce=int,
        choices=[
            (0, gettext_lazy("until it is resolved")),
            (7, gettext_lazy("a week")),
            (30, gettext_lazy("a month")),
            (90, gettext_lazy("a quarter")),
        ],
        initial=30,
    )
    note = forms.CharField(
        label=gettext_lazy("Note"), required=False, max_length=500, widget=forms.Textarea
    )


class Acknowledge(Action):
    """Say that somebody knows of a finding."""

    name = "acknowledge"
    label = gettext_lazy("Acknowledge")
    permission = Permission.ACKNOWLEDGE
    form_class = AcknowledgeForm

    def question(self, objects: Sequence[Any]) -> str:
        """Return what is acknowledged."""
        if len(objects) == 1:
            title = str(objects[0])
            return _("Somebody knows of this, and it counts no more: %s") % title
        said = ngettext(
            "Somebody knows of %d finding, and it counts no more.",
            "Somebody knows of %d findings, and they count no more.",
            len(objects),
        )
        return said % len(objects)

    def why_not(self, obj: Any) -> str:
        """Return why one that is over cannot be acknowledged."""
        return _("It is resolved.") if obj.resolved_at else ""

    def carry_out(
        self,
        page: HealthAdmin,
        request: HttpRequest,
        alias: str,
        objects: Sequence[Any],
        options: Options,
    ) -> str:
        """Acknowledge, and return the address of the list."""
        days = options["days"]
        until = now() + timedelta(days=days) if days else None
        user = request.user.get_username()
        for record in objects:
            acknowledge(record.key, by=user, until=until, note=options["note"])
            page.log(request, record, f"{self.label}: {options['note']}")
        messages.success(request, _("Acknowledged: %d.") % len(objects))
        return page.list_link(alias)


class Withdraw(Action):
    """Take an acknowledgement back."""

    name = "withdraw"
    label = gettext_lazy("Take the acknowledgement back")
    permission = Permission.ACKNOWLEDGE

    def question(self, objects: Sequence[Any]) -> str:
        """Return what counts again."""
        return _("These count again: %s") % ", ".join(str(record) for record in objects)

    def why_not(self, obj: Any) -> str:
        """Return why there is nothing to take back."""
        return "" if obj.acknowledged_at and not obj.resolved_at else _("Nobody acknowledged it.")

    def carry_out(
        self,
        page: HealthAdmin,
        request: HttpRequest,
        alias: str,
        objects: Sequence[Any],
        options: Options,
    ) -> str:
        """Take it back, and return the address of the list."""
        for record in objects:
            withdraw(record.key)
            page.log(request, record, str(self.label))
        messages.success(request, _("These count again: %d.") % len(objects))
        return page.list_link(alias)


class FindingAdmin(HealthAdmin):
    """The findings of one database, the gravest first."""

    list_display = ("sentence", "gravity", "check_id", "since", "known")
    list_filter: ClassVar = (StandingFilter, "level", "check_id")
    search_fields = ("title", "object", "check_id")
    as_of_field = "last_seen"
    empty_hint = gettext_lazy(
        "No finding is on record. Either nothing is wrong, or nobody has looked: "
        "“manage.py db_health” looks, and belongs into cron."
    )
    deeds = (Acknowledge(), Withdraw())
    detail_template = "admin/dbhealth/finding.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the findings with the gravest first."""
        return ranked(super().get_queryset(request))

    @admin.display(description=gettext_lazy("title"), ordering="title")
    def sentence(self, record: FindingRecord) -> str:
        """Return its title."""
        return str(record)

    sentence.csv_value = "title"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("level"), ordering="rank")
    def gravity(self, record: FindingRecord) -> str | SafeString:
        """Return the level in a box."""
        return level(record.level)

    gravity.csv_value = "level"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("since"), ordering="first_seen")
    def since(self, record: FindingRecord) -> str | SafeString:
        """Return how long it has been there."""
        return as_of(record.first_seen)

    since.csv_value = "first_seen"  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("acknowledged by"), ordering="acknowledged_by")
    def known(self, record: FindingRecord) -> str:
        """Return who knows of it."""
        return record.acknowledged_by

    def detail(self, request: HttpRequest, obj: FindingRecord) -> dict[str, Any]:
        """Return what is known of a finding."""
        facts = obj.facts
        confidence = facts.get("confidence", "")
        figures = [
            (_("Level"), level(obj.level)),
            (_("Check"), obj.check_id),
            (_("Object"), obj.object or _("the database")),
            (_("Measured"), measured(facts.get("value"), facts.get("unit", ""))),
            (_("Threshold"), measured(facts.get("threshold"), facts.get("unit", ""))),
            (_("Confidence"), CONFIDENCES.get(confidence, confidence)),
            (_("First seen"), as_of(obj.first_seen)),
            (_("Last seen"), as_of(obj.last_seen)),
        ]
        if obj.resolved_at:
            figures.append((_("Resolved"), as_of(obj.resolved_at)))
        if obj.acknowledged_at:
            figures.append((_("Acknowledged by"), obj.acknowledged_by))
            figures.append((_("Until"), as_of(obj.acknowledged_until)))
        place = f"{facts['file']}:{facts['line']}" if facts.get("line") else facts.get("file", "")
        return {"figures": figures, "facts": facts, "place": code_line(place)}

"""The part of a run's page that moves: made here for the page and for whoever asks again."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from dbhealth.admin import format as formats
from dbhealth.admin import run_pace
from dbhealth.admin.run_state import OVER_DATABASE, Standing
from dbhealth.clock import aware

_STEP = 10
"""Percent between two announcements to people who hear the page."""


def live(standing: Standing) -> dict[str, Any]:
    """Return what the moving part shows; its template has the same names."""
    run = standing.run
    part, whole = run_pace.share(run), run_pace.goal(run)
    return {
        "standing": standing,
        "run": run,
        "percent": None if part is None else round(100 * part, 1),
        "holding_back": run.holding_back if standing.is_working else "",
        "doing": run.doing if standing.is_working else "",
        "figures": _figures(standing, whole),
        "charts": run_pace.pictures(standing),
    }


def _figures(standing: Standing, whole: int | None) -> list[tuple[str, Any]]:
    run = standing.run
    is_stepped = run.operation in OVER_DATABASE
    done = formats.number(run.rows_done)
    if whole is not None:
        done = _("%(done)s of %(whole)s") % {"done": done, "whole": formats.number(whole)}
    found = [
        (_("Steps") if is_stepped else _("Rows"), done),
        (_("Running for") if standing.is_working else _("Took"), _time(standing)),
    ]
    if not is_stepped:
        per_second = run_pace.rate(standing)
        rate = formats.UNKNOWN if per_second is None else formats.number(round(per_second))
        found += [(_("Rows per second"), rate), (_("Batches"), formats.number(run.batches))]
    if standing.is_working:
        if not is_stepped:
            found.append((_("Left, at this rate"), formats.duration(run_pace.left(standing))))
        found.append((_("Last sign of life"), _sign(standing)))
    return found


def _time(standing: Standing) -> str:
    return formats.duration(standing.seconds)


def _sign(standing: Standing) -> str:
    sign = standing.run.heartbeat_at
    if sign is None:
        return formats.UNKNOWN
    return _("%s ago") % formats.duration(max(0.0, (standing.now - aware(sign)).total_seconds()))


def answer(standing: Standing) -> dict[str, Any]:
    """Return the facts for whoever polls, and the moving part as HTML.

    ``say`` is for people who hear the page: it changes with the state, with what is waited for,
    and every ten percent, and not with every figure.
    """
    run, shown = standing.run, live(standing)
    return {
        "id": run.pk,
        "state": run.state,
        "dead": standing.is_dead,
        "ended": standing.has_ended,
        "rows_done": run.rows_done,
        "rows_expected": run_pace.goal(run),
        "percent": shown["percent"],
        "per_second": run_pace.rate(standing),
        "seconds_left": run_pace.left(standing),
        "holding_back": shown["holding_back"],
        "ask_again": standing.ask_again,
        "say": _said(standing, shown),
        "live": render_to_string("admin/dbhealth/run_live.html", shown),
    }


def _said(standing: Standing, shown: dict[str, Any]) -> str:
    parts = [standing.label]
    if shown["percent"] is not None and standing.is_working:
        parts.append(f"{int(shown['percent'] // _STEP * _STEP)} %")
    if shown["holding_back"]:
        parts.append(shown["holding_back"])
    return ", ".join(parts)

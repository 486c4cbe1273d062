"""How quickly a run goes: rows per second, what is left, and the pictures of it."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dbhealth.admin.charts import bars, line
from dbhealth.admin.format import duration, number
from dbhealth.admin.run_state import OVER_DATABASE, Standing
from dbhealth.runs.models import MaintenanceRun
from dbhealth.runs.pace import MOST_POINTS, Piece, pieces, recent_rate
from dbhealth.saying import say, translated


def goal(run: MaintenanceRun) -> int | None:
    """Return how many rows or steps the run is to do, None where nobody has counted them."""
    if run.rows_expected is None:
        return None
    bound = run.options.get("max_rows")
    return min(run.rows_expected, bound) if bound else run.rows_expected


def share(run: MaintenanceRun) -> float | None:
    """Return which part of it is done, at most 1; None where nobody knows."""
    whole = goal(run)
    if whole is None:
        return None
    return min(1.0, run.rows_done / whole) if whole else 1.0


def rate(standing: Standing) -> float | None:
    """Return the rows per second: of the last half minute at work, else of all its time at work.

    None where nothing was done yet, and for a run in steps, which take each its own time.
    """
    run = standing.run
    if run.operation in OVER_DATABASE:
        return None
    if standing.is_working:
        return recent_rate(run.pace, standing.seconds or 0.0)
    took = sum(piece.seconds for piece in pieces(run.pace) if piece.batches)
    return run.rows_done / took if took else None


def left(standing: Standing) -> float | None:
    """Return the seconds that are left at this rate; None where that cannot be told."""
    whole, per_second = goal(standing.run), rate(standing)
    if not standing.is_working or whole is None or not per_second:
        return None
    return max(0, whole - standing.run.rows_done) / per_second


def pictures(standing: Standing) -> list[SafeString]:
    """Return the rows over time, with where that leads to, and the speed of the batches."""
    run = standing.run
    if run.operation in OVER_DATABASE:
        return _steps(run)
    known = pieces(run.pace)
    return [_rows(standing, known), _speed(known)] if len(known) > 1 else []


def _steps(run: MaintenanceRun) -> list[SafeString]:
    """Return how long each step took, the longest where there are many; in the order of the run."""
    steps = [step for step in run.result.get("steps", ()) if step["seconds"]]
    if len(steps) < 2:
        return []
    least = sorted((step["seconds"] for step in steps), reverse=True)[:MOST_POINTS][-1]
    shown = [step for step in steps if step["seconds"] >= least][:MOST_POINTS]
    longest = max(shown, key=lambda step: float(step["seconds"]))
    said = {"step": title_of(longest), "time": duration(longest["seconds"])}
    return [
        bars(
            [(f"{title_of(step)}: {duration(step['seconds'])}", step["seconds"]) for step in shown],
            title=_("How long the steps took"),
            text=_("The longest was %(step)s with %(time)s.") % said,
            labels=(duration(longest["seconds"]), "0", _("first"), _("last")),
        )
    ]


def title_of(step: dict[str, Any]) -> str:
    """Return what a step of a run's result was about."""
    deed = translated(say(step["deed"]))  # one of Deed, whose words are marked
    return f"{deed} {step['index'] or step['table']}".strip()


def _rows(standing: Standing, known: list[Piece]) -> SafeString:
    run, whole, rest = standing.run, goal(standing.run), left(standing)
    points = [(0.0, 0.0), *((point[0], float(point[1])) for point in run.pace)]
    end, ahead = points[-1][0], []
    if rest is not None and whole is not None and whole > run.rows_done:
        end = (standing.seconds or 0.0) + rest
        ahead = [(end, float(whole))]
    top = max(points[-1][1], float(whole or 0) if ahead else 0.0)
    said = {"rows": number(run.rows_done), "time": duration(points[-1][0])}
    return line(
        points,
        ahead=ahead,
        title=_("Rows over time"),
        text=_("%(rows)s rows after %(time)s.") % said,
        labels=(number(int(top)), "0", _("start"), duration(end)),
    )


def _speed(known: list[Piece]) -> SafeString:
    rates = [piece.per_second or 0.0 for piece in known if piece.batches]
    shown = [(_told(piece), piece.per_second or 0.0) for piece in known]
    said = {
        "batches": number(sum(piece.batches for piece in known)),
        "low": number(round(min(rates, default=0.0))),
        "high": number(round(max(rates, default=0.0))),
    }
    return bars(
        shown,
        title=_("Speed of the batches (rows per second)"),
        text=_("%(batches)s batches, between %(low)s and %(high)s rows per second.") % said,
        labels=(said["high"], "0", _("start"), duration(known[-1].ended)),
    )


def _told(piece: Piece) -> str:
    said: dict[str, Any] = {
        "at": duration(piece.ended),
        "batches": ngettext("%d batch", "%d batches", piece.batches) % piece.batches,
        "rows": number(piece.rows),
        "rate": number(round(piece.per_second or 0.0)),
    }
    if not piece.batches:
        return _("until %(at)s: a pause") % said
    return _("until %(at)s: %(rows)s rows in %(batches)s, %(rate)s per second") % said

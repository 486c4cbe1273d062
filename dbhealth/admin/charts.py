"""Pictures: SVG in the page, without a script and without a style of its own.

Colours are classes, so that they follow the admin's light and dark look. Each picture has a title
and says in words what it shows, for who does not see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Point = tuple[float, float]
"""Where and how much; the first is a time in seconds, or any other number that grows."""

_WIDTH, _HEIGHT, _EDGE = 640, 160, 4
_SPARK_WIDTH, _SPARK_HEIGHT = 100, 20

_ids = count(1)


def sparkline(
    values: Sequence[float | None], label: str, *, floor: float | None = None
) -> SafeString:
    """Return a line as high as a line of text; None are gaps that are left out.

    At the ground lies ``floor``, or with None the lowest value.
    """
    known = [(float(place), value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return SafeString("")
    scaled = _scaled(known, _SPARK_WIDTH, _SPARK_HEIGHT, 1, floor=floor)
    line = format_html('<polyline class="dbh-line" points="{}"/>', _text(scaled))
    return _svg(line, label, "", _SPARK_WIDTH, _SPARK_HEIGHT, "dbh-spark")


def line(
    points: Sequence[Point],
    *,
    title: str,
    text: str,
    ahead: Sequence[Point] = (),
    labels: tuple[str, str, str, str] = ("", "", "", ""),
) -> SafeString:
    """Return a curve over time, filled below, from zero up.

    ``text`` says in words what is to be seen; ``ahead`` goes on with it as a guess. ``labels``
    stand at the top and the bottom of the height, and at the beginning and the end of the time.
    """
    everything = [*points, *ahead]
    if len(everything) < 2:
        return SafeString("")
    scaled = _scaled(everything, _WIDTH, _HEIGHT, _EDGE, floor=0.0)
    known, guess = scaled[: len(points)], scaled[max(0, len(points) - 1) :]
    parts = [SafeString("")]
    if len(known) > 1:
        ground = _HEIGHT - _EDGE
        area = [(known[0][0], ground), *known, (known[-1][0], ground)]
        parts.append(format_html('<polygon class="dbh-area" points="{}"/>', _text(area)))
        parts.append(format_html('<polyline class="dbh-line" points="{}"/>', _text(known)))
    if ahead:
        parts.append(format_html('<polyline class="dbh-ahead" points="{}"/>', _text(guess)))
    return _figure(_join(parts), title, text, labels)


def bars(
    values: Sequence[tuple[str, float]],
    *,
    title: str,
    text: str,
    labels: tuple[str, str, str, str] = ("", "", "", ""),
) -> SafeString:
    """Return bars beside each other, from zero up; each says its label when pointed at."""
    highest = max((value for _, value in values), default=0)
    if not highest:
        return SafeString("")
    each = (_WIDTH - 2 * _EDGE) / len(values)
    room = _HEIGHT - 2 * _EDGE
    shapes = format_html_join(
        "",
        '<rect class="dbh-bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (
                f"{_EDGE + place * each + each * 0.1:.1f}",
                f"{_EDGE + room * (1 - value / highest):.1f}",
                f"{each * 0.8:.1f}",
                f"{room * value / highest:.1f}",
                label,
            )
            for place, (label, value) in enumerate(values)
        ),
    )
    return _figure(shapes, title, text, labels)


def _figure(
    shapes: SafeString, title: str, text: str, labels: tuple[str, str, str, str]
) -> SafeString:
    top, bottom, begin, end = labels
    return format_html(
        '<figure class="dbh-chart"><figcaption>{}</figcaption>'
        '<div class="dbh-canvas"><div class="dbh-scale" aria-hidden="true"><span>{}</span>'
        '<span>{}</span></div>{}</div><div class="dbh-times" aria-hidden="true"><span>{}</span>'
        "<span>{}</span></div></figure>",
        title,
        top,
        bottom,
        _svg(shapes, title, text, _WIDTH, _HEIGHT, "dbh-svg"),
        begin,
        end,
    )


def _svg(
    shapes: SafeString, title: str, text: str, width: int, height: int, kind: str
) -> SafeString:
    number = next(_ids)
    return format_html(
        '<svg class="{}" role="img" viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'aria-labelledby="dbh-t{}{}" focusable="false"><title id="dbh-t{}">{}</title>{}{}</svg>',
        kind,
        width,
        height,
        number,
        f" dbh-d{number}" if text else "",
        number,
        title,
        format_html('<desc id="dbh-d{}">{}</desc>', number, text) if text else "",
        shapes,
    )


def _scaled(
    points: Sequence[Point], width: int, height: int, edge: int, floor: float | None
) -> list[Point]:
    """Return points as places of a picture; ``floor`` None: the lowest value lies at the ground."""
    left, right = points[0][0], points[-1][0]
    values = [value for _, value in points]
    low, high = min(values) if floor is None else min(floor, *values), max(values)
    across = (width - 2 * edge) / ((right - left) or 1)
    up = (height - 2 * edge) / ((high - low) or 1)
    return [(edge + (x - left) * across, height - edge - (value - low) * up) for x, value in points]


def _text(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _join(parts: Sequence[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))

"""How fast rows move, beside the fastest and the usual way to move them, and in what memory.

(a) one transaction of INSERT … SELECT and DELETE; (b) dbhealth, with the checksum of every batch
and without it; (c) slice, bulk_create, delete; on SQLite (d) bare statements in batches as large as
ours, which record nothing and check nothing. (a), (c) and (d) prove nothing, so what is held to a
limit is the move without a checksum; the price of the proof has a limit of its own.

What limits (b) differs. On PostgreSQL a transaction costs little, and (b) is held to (a); of
200,000 rows it spends a sixth of the time on what a run does once, such as counting the rows. On
SQLite with its default journal each COMMIT waits for the disk four times with every page that the
batch has changed. An index that does not follow the key has one for nearly every row of a batch,
and the more so the larger it is. So from 200,000 rows on (d) itself is about as fast as (a), and
slower with the table: (b) is held to (d), and to a part of (a), which no tuning makes faster. A
twelfth of so short a run are the pauses in which others may write; (d) makes none.
"""

from statistics import median
from typing import Any

import pytest

from tests.benchmarks.conftest import Workshop
from tests.servers.engine import postgres_major

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]

SMALL, LARGE = 200_000, 2_000_000
REPEATS = {SMALL: 15, LARGE: 3}
LOOP_ROWS = 20_000
"""The usual way is measured on so many rows only; its speed does not depend on the table."""

ON_SQLITE = postgres_major() is None
WAYS = ("unbatched", *(["batched"] if ON_SQLITE else []), "counted", "proved", "loop")
RATIOS = [("counted", other) for other in ("unbatched", "batched", "loop")] + [
    ("proved", "counted")
]
MEBIBYTE = 1024 * 1024


def rate(result: dict[str, Any]) -> float:
    return float(result["rows"] / result["seconds"])


def compare(workshop: Workshop, rows: int) -> dict[str, Any]:
    """Measure the ways by turns; medians of rates, ratios within each turn."""
    workshop.fill("filled", rows)
    found: dict[str, list[dict[str, Any]]] = {what: [] for what in WAYS}
    for turn in range(REPEATS[rows]):
        for what in WAYS:
            name = f"turn_{turn}_{what}"
            workshop.copy("filled", name)
            wanted = LOOP_ROWS if what == "loop" else rows
            result = workshop.measure(name, what, wanted)
            assert abs(result["rows"] - wanted) <= 1_000
            found[what].append(result)
            workshop.drop(name)
    workshop.drop("filled")
    turns = [
        dict(zip(WAYS, map(rate, turn), strict=True)) for turn in zip(*found.values(), strict=True)
    ]
    return {
        **{what: median(map(rate, results)) for what, results in found.items()},
        "peak": max(result["peak_bytes"] for result in found["counted"] + found["proved"]),
        "ratios": {
            f"{one}/{other}": median(turn[one] / turn[other] for turn in turns)
            for one, other in RATIOS
            if other in WAYS
        },
    }


def report(rows: int, found: dict[str, Any]) -> None:
    rates = ", ".join(f"{what} {found[what]:,.0f}" for what in WAYS)
    ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in found["ratios"].items())
    print(  # noqa: T201
        f"\n{rows:,} rows, {REPEATS[rows]} turns: {rates} rows/s; {ratios}; "
        f"peak memory {found['peak'] / MEBIBYTE:.0f} MiB"
    )


def test_the_move_is_near_the_limit_and_does_not_slow_down_with_the_table(
    workshop: Workshop,
) -> None:
    small, large = compare(workshop, SMALL), compare(workshop, LARGE)
    report(SMALL, small)
    report(LARGE, large)
    growth = large["counted"] / small["counted"]
    print(f"ten times the rows: {growth:.2f} of the speed")  # noqa: T201
    for found in (small, large):
        assert found["ratios"]["proved/counted"] >= 0.6
        assert found["peak"] < 80 * 1000 * 1000
        if ON_SQLITE:
            assert found["ratios"]["counted/batched"] >= 0.75
            assert found["ratios"]["counted/unbatched"] >= 0.65
        else:
            assert found["ratios"]["counted/loop"] >= 15
    if ON_SQLITE:
        assert growth >= 0.85 * large["batched"] / small["batched"]
    else:
        assert small["ratios"]["counted/unbatched"] >= 0.75
        assert large["ratios"]["counted/unbatched"] >= 0.8
        assert growth >= 0.85

"""How fast rows move, beside the fastest and the usual way to move them, and in what memory.

(a) one transaction of INSERT … SELECT and DELETE; (b) dbhealth, with the checksum of every batch
and without it; (c) slice, bulk_create, delete. (a) and (c) prove nothing, so what is held to a
limit is the move without a checksum; the price of the proof has a limit of its own.
"""

from statistics import median
from typing import Any

import pytest

from tests.benchmarks.conftest import Workshop
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.benchmark

SMALL, LARGE = 200_000, 2_000_000
REPEATS = {SMALL: 5, LARGE: 3}
LOOP_ROWS = 20_000
"""The usual way is measured on so many rows only; its speed does not depend on the table."""

MEBIBYTE = 1024 * 1024


def rate(result: dict[str, Any]) -> float:
    return float(result["rows"] / result["seconds"])


def compare(workshop: Workshop, rows: int) -> dict[str, Any]:
    """Measure the three ways by turns; medians of rates, ratios within each turn."""
    workshop.fill("filled", rows)
    found: dict[str, list[dict[str, Any]]] = {
        "unbatched": [],
        "counted": [],
        "proved": [],
        "loop": [],
    }
    for turn in range(REPEATS[rows]):
        for what in found:
            name = f"turn_{turn}_{what}"
            workshop.copy("filled", name)
            wanted = LOOP_ROWS if what == "loop" else rows
            result = workshop.measure(name, what, wanted)
            assert abs(result["rows"] - wanted) <= 1_000
            found[what].append(result)
            workshop.drop(name)
    workshop.drop("filled")
    turns = [
        dict(zip(found, map(rate, turn), strict=True)) for turn in zip(*found.values(), strict=True)
    ]
    return {
        **{what: median(map(rate, results)) for what, results in found.items()},
        "to_limit": median(turn["counted"] / turn["unbatched"] for turn in turns),
        "to_loop": median(turn["counted"] / turn["loop"] for turn in turns),
        "proof": median(turn["proved"] / turn["counted"] for turn in turns),
        "peak": max(result["peak_bytes"] for result in found["counted"] + found["proved"]),
    }


def report(rows: int, found: dict[str, Any]) -> None:
    print(  # noqa: T201
        f"\n{rows:,} rows, {REPEATS[rows]} turns: unbatched {found['unbatched']:,.0f}, "
        f"ours {found['counted']:,.0f}, with proof {found['proved']:,.0f}, "
        f"loop {found['loop']:,.0f} rows/s; ours/unbatched {found['to_limit']:.2f}, "
        f"ours/loop {found['to_loop']:.1f}, with/without proof {found['proof']:.2f}; "
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
    on_sqlite = postgres_major() is None
    for found in (small, large):
        assert found["to_limit"] >= (1.5 if on_sqlite else 0.8)
        if not on_sqlite:
            assert found["to_loop"] >= 15
        assert found["proof"] >= 0.6
        assert found["peak"] < 80 * 1000 * 1000
    assert growth >= 0.85

"""What a product at work feels of an archive run beside it, under default settings."""

from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.benchmarks.conftest import Workshop

pytestmark = [pytest.mark.benchmark, pytest.mark.postgresql]

ROWS, TURNS, SECONDS = 1_000_000, 3, 15


def beside(workshop: Workshop, name: str, stop: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the load until an archive run beside it has ended; return what both say."""
    with workshop.load(name, stop, seconds=600) as load:
        result = workshop.measure(name, "proved", ROWS)
        stop.touch()
        return load(), result


def test_a_product_at_work_hardly_feels_an_archive_run(workshop: Workshop, tmp_path: Path) -> None:
    workshop.fill("filled", ROWS)
    ratios: list[dict[str, float]] = []
    for turn in range(TURNS):
        workshop.copy("filled", name := f"turn_{turn}")
        with workshop.load(name, tmp_path / "never", seconds=SECONDS) as load:
            alone = load()
        together, run = beside(workshop, name, tmp_path / f"stop_{turn}")
        workshop.drop(name)
        assert run["rows"] >= ROWS * 0.99
        assert together["transactions"] > 200
        ratios.append({key: together[key] / alone[key] for key in ("p50", "p99", "max")})
        print(  # noqa: T201
            f"\nalone {shown(alone)}; beside an archive run of {run['rows']:,} rows in "
            f"{run['seconds']:.0f} s {shown(together)}; p99 ratio {ratios[-1]['p99']:.2f}"
        )
    workshop.drop("filled")
    middle = {key: median(ratio[key] for ratio in ratios) for key in ratios[0]}
    print(f"medians of {TURNS} turns: p50 {middle['p50']:.2f}, p99 {middle['p99']:.2f}")  # noqa: T201
    assert middle["p99"] <= 1.5


def shown(found: dict[str, Any]) -> str:
    return (
        f"p50 {found['p50']:.1f} ms, p99 {found['p99']:.1f} ms, max {found['max']:.0f} ms "
        f"({found['transactions']:,} transactions)"
    )

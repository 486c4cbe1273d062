"""What a product at work feels of an archive run beside it, under default settings.

A run takes a core for as long as it works, and where the load, the server and the run share two of
them, any other query that computes does so too: a part of what the load feels is that. So each turn
has three measurements: the load alone, beside a query that only computes, and beside a run.

The run's own part is its write-ahead log: a COMMIT waits until what others have written before it
is on disk as well. A run that holds back for others is later work.

A file of SQLite has one write lock. There the same load is beside batches that take it again at
once, and beside a run, which leaves it to others now and then.
"""

from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.benchmarks.conftest import Workshop

pytestmark = pytest.mark.benchmark

ROWS, TURNS, SECONDS = 1_000_000, 7, 10
COMPUTED = 40_000_000
"""Rows that a query makes up in about the time of the run."""

FILE_ROWS, FILE_TURNS = 500_000, 3


def beside(workshop: Workshop, name: str, stop: Path, what: str, rows: int) -> dict[str, Any]:
    """Run the load until the work beside it has ended; return what it says."""
    with workshop.load(name, stop, seconds=600) as load:
        result = workshop.measure(name, what, rows)
        stop.touch()
        found = load()
    assert result["rows"] >= rows * 0.99
    return found | {"seconds": result["seconds"]}


def turn(workshop: Workshop, name: str, directory: Path) -> dict[str, dict[str, Any]]:
    """Measure the load in the three ways."""
    workshop.copy("filled", name)
    with workshop.load(name, directory / "never", seconds=SECONDS) as load:
        alone = load() | {"seconds": SECONDS}
    computing = beside(workshop, name, directory / f"{name}_busy", "busy", COMPUTED)
    archiving = beside(workshop, name, directory / f"{name}_run", "proved", ROWS)
    assert min(found["transactions"] for found in (alone, computing, archiving)) > 200
    workshop.drop(name)
    return {"alone": alone, "computing": computing, "archiving": archiving}


@pytest.mark.postgresql
def test_what_a_product_at_work_feels_of_an_archive_run(workshop: Workshop, tmp_path: Path) -> None:
    workshop.fill("filled", ROWS)
    turns = []
    for number in range(TURNS):
        turns.append(turn(workshop, f"turn_{number}", tmp_path))
        print(f"\n{'; '.join(f'{way} {shown(found)}' for way, found in turns[-1].items())}")  # noqa: T201
    workshop.drop("filled")
    felt = ratios(turns, "archiving", "alone")
    beyond = ratios(turns, "archiving", "computing")
    ratios(turns, "computing", "alone")
    assert felt["p50"] <= 1.5
    assert felt["p99"] <= 3
    assert beyond["p99"] <= 2.5


@pytest.mark.sqlite
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_who_writes_a_file_beside_an_archive_run_is_not_kept_out(
    workshop: Workshop, tmp_path: Path, mode: str
) -> None:
    workshop.fill("filled", FILE_ROWS)
    turns = []
    for number in range(FILE_TURNS):
        found = {}
        for what in ("batched", "proved"):
            name = f"{what}_{number}"
            workshop.copy("filled", name)
            workshop.set_journal(name, mode)
            found[what] = beside(workshop, name, tmp_path / name, what, FILE_ROWS)
            print(f"\n{mode}, {what}: {shown(found[what])}")  # noqa: T201
            workshop.drop(name)
        assert found["proved"]["refused"] == 0
        turns.append(found)
    workshop.drop("filled")
    ratios(turns, "proved", "batched")
    served = median(served_by(turn["proved"]) / served_by(turn["batched"]) for turn in turns)
    print(f"{mode}: {served:.1f} times as many transactions a second")  # noqa: T201
    assert served >= 1.3


def served_by(found: dict[str, Any]) -> float:
    return float(found["transactions"] / found["seconds"])


def ratios(turns: list[dict[str, dict[str, Any]]], way: str, other: str) -> dict[str, float]:
    """Return how much longer transactions took, medians of the turns, and print it."""
    found = {
        key: median(turn[way][key] / turn[other][key] for turn in turns)
        for key in ("p50", "p99", "max")
    }
    said = ", ".join(f"{key} {ratio:.2f}" for key, ratio in found.items())
    print(f"{way}/{other}, medians of {len(turns)} turns: {said}")  # noqa: T201
    return found


def shown(found: dict[str, Any]) -> str:
    return (
        f"p50 {found['p50']:.1f} ms, p99 {found['p99']:.1f} ms, max {found['max']:.0f} ms "
        f"({found['transactions']:,} transactions in {found['seconds']:.0f} s, "
        f"{found['refused']} refused)"
    )

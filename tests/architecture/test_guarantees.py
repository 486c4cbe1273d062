"""What the manual says a test shows, a test of that name is there to show."""

import ast
import re
from functools import cache

import pytest

from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs" / "guarantees.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
ROWS = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", PAGE, re.M)


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 100


@pytest.mark.parametrize("path, name", NAMED, ids=lambda part: part.rpartition("/")[2])
def test_every_test_that_the_manual_names_exists(path: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in names_in(path)


def test_every_hazard_has_its_row_in_order() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= 45


def test_every_hazard_has_a_test_or_says_why_there_can_be_none() -> None:
    bare = [number for number, _, _, shown in ROWS if "`tests/" not in shown]
    assert [n for n in bare if not re.search(rf"^\| {n} \|.*\| cannot happen: ", PAGE, re.M)] == []


def test_no_test_is_named_in_another_way() -> None:
    assert PAGE.count("::") == len(re.findall(r"`tests/[\w/]+\.py::\w+`", PAGE))

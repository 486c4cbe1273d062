"""Sentences name the values that they are given, and no other."""

import ast
from pathlib import Path
from string import Formatter

import pytest

PACKAGE = Path(__file__).parents[2] / "dbhealth"
SAYING = {"_": 1, "say": 1, "ngettext": 2}
"""The functions, each with how many patterns it takes."""

OF_ITSELF = {"_": set(), "say": set(), "ngettext": {"number"}}
"""Values that nobody has to name."""

MODULES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "from dbhealth.saying import" in path.read_text()
]


def fields(pattern):
    return {name for _text, name, *_how in Formatter().parse(pattern) if name is not None}


def wrong(text):
    """Return the calls whose patterns and values do not belong together."""
    found = []
    for call in ast.walk(ast.parse(text)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        patterns = call.args[: SAYING.get(call.func.id, 0)]
        given = {keyword.arg for keyword in call.keywords}
        constant = all(isinstance(pattern, ast.Constant) for pattern in patterns)
        if not patterns or not (given or call.func.id == "ngettext"):
            continue
        named = fields("".join(pattern.value for pattern in patterns)) if constant else None
        if named is None or named - OF_ITSELF[call.func.id] != given:
            found.append(f"line {call.lineno}: {ast.unparse(call)[:100]}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_patterns_and_values_belong_together(path):
    assert wrong(path.read_text()) == []


def test_what_does_not_belong_together_is_seen():
    assert wrong('_("{a} and {b}", a=1)\nngettext("{number} x", "{many} xs", 2)') == [
        "line 1: _('{a} and {b}', a=1)",
        "line 2: ngettext('{number} x', '{many} xs', 2)",
    ]
    assert wrong('_("{a} {a:,}", a=1)\n_("{a}")\nngettext("one", "{number} {b}", 2, b=1)') == []

"""Records that are tuples are made by the names of their fields, as all others have to be."""

import ast
from pathlib import Path

import dbhealth

TUPLES = {"Index", "IndexUse", "TableUse"}
"""Of backends/index_records.py: many fields of one type stand beside each other."""


def test_records_of_indexes_are_made_by_name():
    seen, wrong = 0, []
    for path in Path(dbhealth.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id not in TUPLES:
                    continue
                seen += 1
                if node.args:
                    wrong.append(f"{path.name}:{node.lineno}")
    assert seen > 3
    assert wrong == []

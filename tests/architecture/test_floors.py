"""The floors of the package hold: who imports whom, who opens cursors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGE, ROOT, label, python_files

ABOVE_BACKENDS = [path for path in python_files(PACKAGE) if "backends" not in path.parts]


def test_the_import_contracts_are_kept():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", ABOVE_BACKENDS, ids=label)
def test_only_backends_open_a_cursor_or_ask_for_the_vendor(path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    assert "cursor" not in {call.attr for call in calls if isinstance(call, ast.Attribute)}
    assert "vendor" not in {node.attr for node in nodes if isinstance(node, ast.Attribute)}

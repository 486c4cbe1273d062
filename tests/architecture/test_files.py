"""Every file is small, documented, finished, and free of the machine it was written on."""

import ast
import re

import pytest

from tests.architecture.tree import PACKAGE, ROOT, label, python_files, tracked_files

MODULES = python_files(PACKAGE)
OURS = python_files(PACKAGE, ROOT / "tests", ROOT / "example_project")
LONGEST = 400

# Written so that this file does not match itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
A_HOME = re.compile(r"(?<![\w.])/(root|home/\w+|work/\w+|Users/\w+)/")
A_REGISTRY = re.compile(
    r"(files\.pythonhosted|registry\.npmjs|deb\.debian)\.org|\bpypi\.org/simple"
)


@pytest.mark.parametrize("path", OURS, ids=label)
def test_no_module_is_longer_than_one_sitting(path):
    assert len(path.read_text().splitlines()) < LONGEST


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_every_module_says_what_it_is_for(path):
    if path.name == "__init__.py" and not path.read_text().strip():
        return
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_nothing_is_left_unfinished_and_nothing_names_this_machine():
    found = []
    for path in tracked_files():
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:  # a picture
            continue
        for number, line in enumerate(lines, 1):
            if any(pattern.search(line) for pattern in (UNFINISHED, A_HOME, A_REGISTRY)):
                found.append(f"{label(path)}:{number}: {line.strip()}")
    assert not found

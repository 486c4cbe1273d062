"""What users install: the wheel's contents, and the commands that the README promises."""

import os
import re
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import dbhealth
from tests.architecture.tree import PACKAGE, ROOT, tracked_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Build the wheel with the backend that pyproject.toml names."""
    target = tmp_path_factory.mktemp("wheel")
    [path] = WheelBuilder(str(ROOT)).build(directory=str(target), versions=["standard"])
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel):
    package = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {str(path.relative_to(ROOT)) for path in tracked_files() if PACKAGE in path.parents}
    assert package == expected
    assert {"dbhealth/py.typed", "dbhealth/migrations/__init__.py"} <= package


def test_the_wheel_says_what_it_is(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = wheel.read(name).decode()
    assert "Name: django-dbhealth\n" in metadata
    assert f"Version: {dbhealth.__version__}\n" in metadata
    assert "License-Expression: MIT\n" in metadata
    assert "Framework :: Django :: 5.2\n" in metadata


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="Only tox installs the wheel.")
def test_tox_tests_the_installed_wheel_and_not_the_checkout():
    assert "site-packages" in Path(dbhealth.__file__).parts
    assert version("django-dbhealth") == dbhealth.__version__


def test_ci_runs_the_command_that_the_readme_gives():
    script = (ROOT / ".ci" / "run").read_text()
    [command] = re.findall(r"^\s*(python3 -m venv .*tox)$", script, flags=re.MULTILINE)
    assert command in (ROOT / "README.md").read_text()

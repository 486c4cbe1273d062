"""The manual says everything that the code promises, and nothing that it does not."""

import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from django.core.management import load_command_class

from dbhealth.conf import Settings
from dbhealth.health.registry import registry
from dbhealth.health.report import OF_CHECKS
from dbhealth.health.thresholds import THRESHOLDS
from dbhealth.indexes.missing import Lack
from dbhealth.indexes.verdict_records import Code
from tests.architecture.tree import ROOT

DOCS = ROOT / "docs"


def sources() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "dbhealth").rglob("*.py"))


def test_every_check_has_a_section_and_every_section_a_check() -> None:
    given = set(re.findall(r'id="(dbhealth\.[EW]\d+)"', sources()))
    told = set(re.findall(r"^## (dbhealth\.[EW]\d+)$", (DOCS / "checks.md").read_text(), re.M))
    assert given == told


def test_every_setting_is_in_the_manual_with_its_default() -> None:
    table = (DOCS / "settings.md").read_text()
    for item in fields(Settings):
        row = re.search(
            rf'^\| `{item.name.upper()}` \| ([\d.]+|True|False|{{}}|"\w+")', table, re.M
        )
        assert row, f"docs/settings.md lacks {item.name.upper()}"
        if item.default is MISSING:
            assert row[1] == "{}"
            continue
        if isinstance(item.default, (bool, str)):
            assert row[1].strip('"') == str(item.default)
            continue
        told = float(row[1]) * (1024**2 if "MiB" in table[row.start() : row.end() + 5] else 1)
        assert told == item.default


def test_every_finding_has_a_section_and_every_section_a_finding() -> None:
    given = set(re.findall(r'"(dbhealth\.[ADHILSV]\d{3})"', sources()))
    told = re.findall(r"^## (dbhealth\.[ADHILSV]\d{3})$", (DOCS / "health.md").read_text(), re.M)
    assert given == set(told)
    assert len(told) == len(set(told))
    own = {check.id for check in registry if check.id.startswith("dbhealth.")}
    assert own | set(OF_CHECKS) == given


def test_every_threshold_is_in_the_manual_with_its_default_and_unit() -> None:
    text = (DOCS / "health.md").read_text()
    for item in THRESHOLDS.values():
        default = "-" if item.default is None else f"{item.default:,g}"
        if item.unit == "bytes" and item.default:
            default = f"{item.default / 1024**2:,g} MiB"
        row = f"| `{item.name}` | {default} | {item.unit} | {item.text} | {item.source} |"
        assert row in text, f"docs/health.md lacks {row}"


COMMANDS = {
    "archive": "archiving",
    "db_health": "health",
    "db_stats": "stats",
    "index_usage": "indexes",
    "init_indexes": "indexes",
    "maintenance_runs": "runs",
    "purge_archive": "purging",
    "restore_archive": "restoring",
    "vacuum": "vacuum",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_in_the_manual(command: str) -> None:
    text = (DOCS / f"{COMMANDS[command]}.md").read_text()
    parser = load_command_class("dbhealth", command).create_parser("manage.py", command)
    base = load_command_class("django.core", "check").create_parser("manage.py", "check")
    known = {name for action in base._actions for name in action.option_strings}
    own = {name for action in parser._actions for name in action.option_strings} - known
    own.discard("--skip-checks")  # Django's, where a command runs the checks
    assert own
    assert {name for name in own if f"`{name}" not in text} == set()


def test_every_refusal_is_in_the_manual() -> None:
    source = (ROOT / "dbhealth" / "archive" / "refusals.py").read_text()
    codes = set(re.findall(r'code="([a-z-]+)"', source)) | {"run-active"}
    text = (DOCS / "archiving.md").read_text()
    assert {code for code in codes if f"`{code}`" not in text} == set()


def test_every_conflict_and_refusal_of_restoring_is_in_the_manual() -> None:
    source = (ROOT / "dbhealth" / "archive" / "restore_refusals.py").read_text()
    codes = set(re.findall(r'code="([a-z-]+)"|^    "([a-z-]+)": \($', source, re.M))
    text = (DOCS / "restoring.md").read_text()
    names = {name for pair in codes for name in pair if name}
    assert "key-taken" in names
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_every_refusal_of_a_purge_is_in_the_manual() -> None:
    source = (ROOT / "dbhealth" / "archive" / "purge_refusals.py").read_text()
    codes = set(re.findall(r'code="([a-z-]+)"', source)) | {"run-active", "acts-on-delete"}
    text = (DOCS / "purging.md").read_text()
    assert {code for code in codes if f"`{code}`" not in text} == set()


def test_every_refusal_of_an_index_is_in_the_manual() -> None:
    source = (ROOT / "dbhealth" / "indexes" / "build_refusals.py").read_text()
    source += (ROOT / "dbhealth" / "runs" / "step_refusals.py").read_text()
    codes = set(re.findall(r'code="([a-z-]+)"', source)) | {"run-active"}
    text = (DOCS / "indexes.md").read_text()
    assert {code for code in codes if f"`{code}`" not in text} == set()


def test_every_verdict_on_an_index_has_its_section() -> None:
    text = (DOCS / "indexes.md").read_text()
    assert {code for code in (*Code, *Lack) if f"#### {code}\n" not in text} == set()


def test_every_refusal_of_a_vacuum_is_in_the_manual() -> None:
    folders = (ROOT / "dbhealth" / "maintenance", ROOT / "dbhealth" / "runs")
    files = (folders[0] / "refusals.py", folders[1] / "step_refusals.py")
    codes = {code for f in files for code in re.findall(r'code="([a-z-]+)"', f.read_text())}
    text = (DOCS / "vacuum.md").read_text()
    assert {code for code in codes | {"run-active"} if f"`{code}`" not in text} == set()


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} points at {target}"


def test_the_version_is_in_the_changelog_or_unreleased() -> None:
    assert "## Unreleased" in Path(ROOT / "CHANGELOG.md").read_text()

"""A baseline: the findings that a project lives with, so that only new ones fail its build."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from dbhealth.exceptions import UsageError
from dbhealth.health.finding import Finding
from dbhealth.health.registry import registry
from dbhealth.health.report import OF_CHECKS

_VERSION = 1


def write_baseline(path: str, findings: Iterable[Finding]) -> int:
    """Write the keys of findings to a file, and return how many there are.

    Sorted and without figures: the file changes only when findings come or go. Raises UsageError
    when it cannot be written.
    """
    titles = {check.id: check.title for check in registry} | OF_CHECKS
    rows = {finding.key: titles.get(finding.id, finding.id) for finding in findings}
    document = {
        "version": _VERSION,
        "findings": [{"key": key, "title": rows[key]} for key in sorted(rows)],
    }
    try:
        Path(path).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The baseline cannot be written: {error}.") from error
    return len(rows)


def read_baseline(path: str) -> frozenset[str]:
    """Return the keys in a baseline. Raises UsageError when the file is none."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            raise UsageError(f"{path} is a baseline of version {document['version']!r}, not 1.")
        return frozenset(str(row["key"]) for row in document["findings"])
    except OSError as error:
        raise UsageError(f"The baseline cannot be read: {error}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no baseline: write one with db_health --write-baseline {path}."
        ) from error

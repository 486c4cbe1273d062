"""Where the tree is, and which files it holds."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "dbhealth"


def python_files(*folders: Path) -> list[Path]:
    """Return the Python files below the folders, sorted, without migrations."""
    found = (path for folder in folders for path in folder.rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def tracked_files() -> list[Path]:
    """Return every file of the project that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def label(path: Path) -> str:
    """Name a file in a test's id."""
    return str(path.relative_to(ROOT))

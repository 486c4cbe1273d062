"""What is wrong with the example project: what it shows on purpose, and nothing else."""

import json

from tests.example.conftest import Project
from tests.servers.engine import postgres_major

# Indexes that the longer one beside them covers. SQLite has no INCLUDE, so that there the covering
# index is the same as the plain one.
COVERED = {
    "dbhealth.I003:default:index idx_messages_session_id",
    "dbhealth.I003:default:index idx_sessions_user_id",
    "dbhealth.I003:default:index idx_uploaded_files_user_id",
}
ON_SQLITE = {"dbhealth.I002:default:index idx_chunks_document_id"}
ON_POSTGRESQL = {"dbhealth.I003:default:index idx_chunks_document_id"}

# No migration makes it; manage.py init_indexes does.
REGISTERED = "dbhealth.I011:default:index idx_admin_log_action_time"

# The server of the tests risks its data for speed, and has an extension that no database asked for.
OF_SERVER = {"dbhealth.S011", "dbhealth.S012"}


def found(project: Project) -> tuple[int, set[str]]:
    """Return the exit code for warnings and the keys of findings."""
    done = project.manage(
        *("db_health", "--all", "--no-history", "--format", "json", "--fail-level", "warning")
    )
    [database] = json.loads(done.stdout)["databases"].values()
    assert database["failed"] == []
    findings = [item for item in database["findings"] if item["id"] not in OF_SERVER]
    return done.returncode, {item["key"] for item in findings}


def test_the_example_with_rows_has_no_findings_but_those_of_its_own_indexes(demo: Project) -> None:
    code, keys = found(demo)
    of_engine = ON_SQLITE if postgres_major() is None else ON_POSTGRESQL
    assert keys == COVERED | of_engine | {REGISTERED}
    assert code == 1

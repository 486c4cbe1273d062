"""Archiving: old rows leave their table for an archive table, and nothing is lost.

from dbhealth.archive import ArchiveModel, ArchivePolicy

class FeedbackLogArchive(ArchiveModel, source=FeedbackLog):
    policy = ArchivePolicy(timestamp_field="created_at", retention=timedelta(days=90))
"""

from dbhealth.archive.api import archive_all_tables, archive_table
from dbhealth.archive.models import ArchiveModel
from dbhealth.archive.policy import ArchivePolicy
from dbhealth.archive.purge_api import purge
from dbhealth.archive.restore_api import restore
from dbhealth.archive.stats import get_archival_stats
from dbhealth.archive.verify import verify_run

__all__ = [
    "ArchiveModel",
    "ArchivePolicy",
    "archive_all_tables",
    "archive_table",
    "get_archival_stats",
    "purge",
    "restore",
    "verify_run",
]

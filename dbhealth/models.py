"""The models of dbhealth's topics, where Django looks for them."""

from dbhealth.archive.tracked import TrackedArchive
from dbhealth.health.models import DatabaseHealth, FindingRecord
from dbhealth.indexes.models import IndexCount, IndexSnapshot, MissingIndex, TrackedIndex
from dbhealth.maintenance.models import SizeChange, SizedRelation, SizeSnapshot, TrackedTable
from dbhealth.queries.models import RecordedStatement, RecordedUse
from dbhealth.runs.models import MaintenanceRun

__all__ = [
    "DatabaseHealth",
    "FindingRecord",
    "IndexCount",
    "IndexSnapshot",
    "MaintenanceRun",
    "MissingIndex",
    "RecordedStatement",
    "RecordedUse",
    "SizeChange",
    "SizeSnapshot",
    "SizedRelation",
    "TrackedArchive",
    "TrackedIndex",
    "TrackedTable",
]

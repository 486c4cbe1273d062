"""The models of dbhealth's topics, where Django looks for them."""

from dbhealth.health.models import FindingRecord
from dbhealth.indexes.models import IndexCount, IndexSnapshot, TrackedIndex
from dbhealth.maintenance.models import SizeChange, SizedRelation, SizeSnapshot
from dbhealth.queries.models import RecordedStatement, RecordedUse
from dbhealth.runs.models import MaintenanceRun

__all__ = [
    "FindingRecord",
    "IndexCount",
    "IndexSnapshot",
    "MaintenanceRun",
    "RecordedStatement",
    "RecordedUse",
    "SizeChange",
    "SizeSnapshot",
    "SizedRelation",
    "TrackedIndex",
]

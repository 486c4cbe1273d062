"""SQLite 3.37 and newer, through Python's sqlite3."""

from dbhealth.backends.absent import absent
from dbhealth.backends.base import Backend
from dbhealth.backends.executor import Executor
from dbhealth.backends.purging import Purging
from dbhealth.backends.sqlite.catalog import SqliteCatalog
from dbhealth.backends.sqlite.condition import SqliteConditions
from dbhealth.backends.sqlite.ddl import SqliteDdl
from dbhealth.backends.sqlite.digest import SqliteDigest
from dbhealth.backends.sqlite.errors import SqliteErrors
from dbhealth.backends.sqlite.features import FEATURES
from dbhealth.backends.sqlite.file import SqliteFile
from dbhealth.backends.sqlite.index_use import SqliteIndexUses
from dbhealth.backends.sqlite.indexes import SqliteIndexes
from dbhealth.backends.sqlite.plans import SqlitePlans
from dbhealth.backends.sqlite.restoring import SqliteRestoring
from dbhealth.backends.sqlite.rows import SqliteRows
from dbhealth.backends.sqlite.session import SqliteSession
from dbhealth.backends.sqlite.statistics import SqliteStatistics
from dbhealth.backends.sqlite.timeouts import SqliteTimeouts
from dbhealth.backends.sqlite.upkeep import SqliteUpkeep
from dbhealth.backends.statement import Lock
from dbhealth.backends.tally import Tally
from dbhealth.saying import say as _


def build(alias: str) -> Backend:
    """Return the backend of one alias; connects to nothing."""
    executor = Executor(alias, SqliteTimeouts())
    rows = SqliteRows(executor)
    return Backend(
        alias=alias,
        features=FEATURES,
        executor=executor,
        session=SqliteSession(executor),
        catalog=SqliteCatalog(executor),
        rows=rows,
        digest=SqliteDigest(executor),
        restoring=SqliteRestoring(executor, rows),
        statistics=SqliteStatistics(executor),
        errors=SqliteErrors(),
        ddl=SqliteDdl(executor),
        server=absent(_("SQLite has no server: no sessions, roles or settings of one.")),
        file=SqliteFile(executor),
        upkeep=SqliteUpkeep(executor),
        purging=Purging(rows, writing=Lock.RESERVED),
        indexes=SqliteIndexes(executor),
        conditions=SqliteConditions(executor),
        use=SqliteIndexUses(executor),
        plans=SqlitePlans(executor),
        tally=Tally(executor, greatest="max", writing=Lock.RESERVED),
    )

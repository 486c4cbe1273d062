"""PostgreSQL 15 to 18, through psycopg 3."""

from dbhealth.backends.absent import absent
from dbhealth.backends.base import Backend
from dbhealth.backends.executor import Executor
from dbhealth.backends.postgresql.catalog import PostgresCatalog
from dbhealth.backends.postgresql.condition import PostgresConditions
from dbhealth.backends.postgresql.ddl import PostgresDdl
from dbhealth.backends.postgresql.digest import PostgresDigest
from dbhealth.backends.postgresql.errors import PostgresErrors
from dbhealth.backends.postgresql.features import FEATURES
from dbhealth.backends.postgresql.index_use import PostgresIndexUses
from dbhealth.backends.postgresql.indexes import PostgresIndexes
from dbhealth.backends.postgresql.plans import PostgresPlans
from dbhealth.backends.postgresql.restoring import PostgresRestoring
from dbhealth.backends.postgresql.rows import PostgresRows
from dbhealth.backends.postgresql.server import PostgresServer
from dbhealth.backends.postgresql.session import PostgresSession
from dbhealth.backends.postgresql.statistics import PostgresStatistics
from dbhealth.backends.postgresql.timeouts import PostgresTimeouts
from dbhealth.backends.postgresql.upkeep import PostgresUpkeep
from dbhealth.backends.purging import Purging
from dbhealth.backends.statement import Lock
from dbhealth.backends.tally import Tally
from dbhealth.saying import say as _


def build(alias: str) -> Backend:
    """Return the backend of one alias; connects to nothing."""
    executor = Executor(alias, PostgresTimeouts())
    rows = PostgresRows(executor)
    return Backend(
        alias=alias,
        features=FEATURES,
        executor=executor,
        session=PostgresSession(executor),
        catalog=PostgresCatalog(executor),
        rows=rows,
        digest=PostgresDigest(executor),
        restoring=PostgresRestoring(executor, rows),
        statistics=PostgresStatistics(executor),
        errors=PostgresErrors(),
        ddl=PostgresDdl(executor),
        server=PostgresServer(executor),
        file=absent(
            _("PostgreSQL is a server: it has no file of its own that could be looked at.")
        ),
        upkeep=PostgresUpkeep(executor),
        purging=Purging(rows, writing=Lock.ROW_EXCLUSIVE),
        indexes=PostgresIndexes(executor),
        conditions=PostgresConditions(executor),
        use=PostgresIndexUses(executor),
        plans=PostgresPlans(executor),
        tally=Tally(executor, greatest="greatest", writing=Lock.ROW_EXCLUSIVE),
    )

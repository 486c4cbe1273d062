"""Real database servers for tests, benchmarks and crash suites.

The chosen engine's server is started once per test session by `tests.servers.plugin`. A test that
needs a server of its own (other settings, real durability, one to kill) starts it itself:

    with PostgresServer(major=18, durable=True, settings={"work_mem": "64MB"}) as server:
        psycopg.connect(server.dsn)
"""

from tests.servers.binaries import EngineMissing
from tests.servers.postgres import CALM_SETTINGS, PostgresServer

__all__ = ["CALM_SETTINGS", "EngineMissing", "PostgresServer"]

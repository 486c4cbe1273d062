"""The commands of this test process, and archive tables that refuse to take rows."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as project_settings
from django.db import connection

from tests.commands.tools import Runner, only_the_shop
from tests.health.conftest import register, told  # noqa: F401 - fixtures of the tests here

MODULE = project_settings.SETTINGS_MODULE


@pytest.fixture(autouse=True)
def _surroundings(settings, monkeypatch) -> None:
    """All tables are the shop's, and nobody has said how wide a pipe is (pytest-xdist does)."""
    only_the_shop(settings)
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def process_environment(process_environment) -> Callable[[], dict[str, str]]:
    """Name the settings, which are no module any more while a test has changed them."""
    return lambda: process_environment() | {"DJANGO_SETTINGS_MODULE": MODULE}


@pytest.fixture
def manage(capsys) -> Runner:
    """Run a command as manage.py does."""
    return Runner(capsys)


@pytest.fixture
def a_full_archive(db) -> Iterator[None]:
    """Let every insert into the archive of the parcels fail."""
    make, drop = _TRIGGERS[connection.vendor]
    with connection.cursor() as cursor:
        for sql in make:
            cursor.execute(sql)
    yield
    with connection.cursor() as cursor:
        for sql in drop:
            cursor.execute(sql)


_TRIGGERS = {
    "sqlite": (
        [
            "CREATE TRIGGER full_up BEFORE INSERT ON shop_parcels_archive "
            "BEGIN SELECT RAISE(ABORT, 'the archive is full'); END"
        ],
        ["DROP TRIGGER full_up"],
    ),
    "postgresql": (
        [
            "CREATE FUNCTION full_up() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RAISE EXCEPTION 'the archive is full'; END$$",
            "CREATE TRIGGER full_up BEFORE INSERT ON shop_parcels_archive "
            "FOR EACH ROW EXECUTE FUNCTION full_up()",
        ],
        ["DROP TRIGGER full_up ON shop_parcels_archive", "DROP FUNCTION full_up"],
    ),
}

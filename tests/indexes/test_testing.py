"""assert_uses_index: it passes where the index is used, and says everything where it is not."""

import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from dbhealth.exceptions import UsageError
from dbhealth.indexes import testing
from dbhealth.indexes.testing import assert_uses_index
from dbhealth.pytest_plugin import assert_uses_index as fixture  # noqa: F401
from dbhealth.queries.models import RecordedUse
from tests.architecture.tree import ROOT
from tests.servers.engine import postgres_major

pytestmark = pytest.mark.django_db

BY_DATE = "django_session_expire_date_a5c62663"
PRIMARY = "sqlite_autoindex_django_session_1" if postgres_major() is None else "django_session_pkey"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Between the two indexes of a text key on PostgreSQL an "=" would leave the choice open.
LAST = Session.objects.filter(session_key__gt="k998")
SOON = Session.objects.filter(expire_date__lt=NOW + timedelta(minutes=5))


@pytest.fixture(scope="module", autouse=True)
def sessions(django_db_setup, django_db_blocker):
    """Load three thousand sessions once, and take them back at the end."""
    with django_db_blocker.unblock():
        Session.objects.bulk_create(
            Session(session_key=f"k{n}", session_data="", expire_date=NOW + timedelta(minutes=n))
            for n in range(3000)
        )
        analyze()
        yield
        Session.objects.all().delete()
        analyze()


def analyze():
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django_session")


@pytest.fixture
def few_sessions():
    Session.objects.filter(expire_date__gt=NOW + timedelta(minutes=20)).delete()
    analyze()


def failure(*arguments, **options):
    with pytest.raises(AssertionError) as caught:
        assert_uses_index(*arguments, **options)
    return str(caught.value)


def test_a_queryset_that_uses_the_index_passes_and_is_not_executed(django_assert_num_queries):
    queryset = SOON.all()
    assert_uses_index(queryset, BY_DATE)
    assert queryset._result_cache is None


def test_a_failure_names_what_is_missing_what_is_used_and_shows_statement_and_plan():
    text = failure(LAST, BY_DATE)
    first, sql, plan = text.split("\n\n")[:3]
    assert first.startswith(f"'{BY_DATE}' is not used by this query on ")
    assert first.endswith(f"(database 'default'); it uses '{PRIMARY}'.")
    assert sql.startswith('SELECT "django_session"."session_key"')
    assert f"{PRIMARY}" in plan
    assert plan.startswith("-> ")


def test_a_failure_without_any_index_says_that():
    text = failure(Session.objects.filter(session_data="none"), BY_DATE)
    assert "it uses no index." in text
    assert "few_rows" not in text


def test_several_names_must_all_be_there():
    either = SOON | LAST
    assert_uses_index(either, BY_DATE, PRIMARY)
    text = failure(either, BY_DATE, "no_such_index", "nor_this")
    assert text.startswith("'no_such_index', 'nor_this' are not used")


def test_a_constraint_is_known_by_its_own_name_whatever_its_index_is_called():
    later = RecordedUse.objects.filter(database="default", table="t")
    assert_uses_index(later, "dbhealth_one_use_a_day", few_rows=True)
    assert "'dbhealth_use_day' is not used" in failure(later, "dbhealth_use_day", few_rows=True)


def test_a_function_is_executed_and_its_statements_count_together():
    def work():
        SOON.count()
        list(LAST)

    assert_uses_index(work, BY_DATE, PRIMARY)
    assert_uses_index(lambda: SOON.update(session_data="x"), BY_DATE)
    assert_uses_index(lambda: SOON._raw_delete("default"), BY_DATE)
    assert failure(lambda: SOON.count(), PRIMARY).count("SELECT COUNT(*)") == 1


def test_a_function_that_asks_nothing_is_refused():
    with pytest.raises(UsageError, match="no statement"):
        assert_uses_index(lambda: None, BY_DATE)


def test_no_name_is_refused():
    with pytest.raises(UsageError, match="the name of the index"):
        assert_uses_index(SOON)


@pytest.mark.parametrize(
    "queryset", [Session.objects.none(), Session.objects.filter(session_key__in=[])]
)
def test_a_queryset_that_django_answers_by_itself_is_refused(queryset):
    with pytest.raises(UsageError, match="without asking the database"):
        assert_uses_index(queryset, BY_DATE)


@pytest.mark.django_db(databases=["default", "other"])
def test_the_alias_is_the_querysets_own_or_the_one_that_is_named():
    few = {"few_rows": True}
    assert "'other'" in failure(SOON.using("other"), "no_such_index", **few)
    assert "'other'" in failure(SOON, "no_such_index", using="other", **few)
    assert_uses_index(SOON.using("other"), BY_DATE, **few)


def test_few_rows_are_read_whole_by_postgresql_and_the_failure_says_what_to_do(few_sessions):
    if postgres_major() is None:
        assert_uses_index(SOON, BY_DATE)
        return
    text = failure(SOON, BY_DATE)
    assert "it uses no index" in text
    assert "The index can serve: the planner takes it with few_rows=True." in text
    assert "can serve" not in failure(SOON, PRIMARY)


def test_few_rows_can_be_asked_about_as_if_they_were_many(few_sessions):
    assert_uses_index(SOON, BY_DATE, few_rows=True)
    assert "it uses no index" in failure(
        Session.objects.filter(session_data="none"), BY_DATE, few_rows=True
    )


def test_the_tests_own_transaction_goes_on_afterwards():
    with transaction.atomic():
        assert_uses_index(SOON, BY_DATE)
        Session.objects.create(session_key="after", session_data="", expire_date=NOW)
    assert Session.objects.filter(session_key="after").exists()


def test_the_fixture_is_the_function(request):
    # Where dbhealth is not installed but only in sight, it comes from the import above.
    name = "assert_uses_index" if installed(request) else "fixture"
    assert request.getfixturevalue(name) is testing.assert_uses_index


def installed(request):
    return request.config.pluginmanager.hasplugin("dbhealth.pytest_plugin")


def test_pytest_finds_the_fixture_by_an_entry_point_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [(name, module)] = project["entry-points"]["pytest11"].items()
    assert name == module
    assert hasattr(import_module(module), "assert_uses_index")


def test_the_plugin_imports_nothing_heavy():
    code = "import sys, dbhealth.pytest_plugin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "dbhealth.pytest_plugin" in loaded
    assert not {name for name in loaded if name.split(".")[0] == "django"}
    assert {name for name in loaded if name.startswith("dbhealth")} == {
        "dbhealth",
        "dbhealth.pytest_plugin",
    }

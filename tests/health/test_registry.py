"""Registering checks, as other apps do, and what a check is given."""

import pytest

from dbhealth import health
from dbhealth.exceptions import ConfigurationError, UsageError
from dbhealth.health.report import run_checks


def nothing(context):
    return []


def test_another_app_registers_a_check_and_its_finding_is_in_the_report(register, db):
    @health.register("shop.H001", title="Orders without a customer")
    def orphans(context: health.Context):
        """Find one."""
        yield context.finding(
            health.Level.INFO, f"One in {context.alias}.", why="why", instead="instead"
        )

    (finding,) = run_checks("default").findings
    assert (finding.id, finding.title) == ("shop.H001", "One in default.")


@pytest.mark.parametrize("name", ["shop", "shop.h001", "shop.H1", ".H001", "shop.H001 ", "H001"])
def test_an_id_is_an_app_a_letter_and_a_number(register, name):
    with pytest.raises(ConfigurationError, match="is no id of a health check"):
        register(name, title="Nothing")


def test_an_id_belongs_to_one_function(register):
    register("shop.H001", title="Nothing")(nothing)
    register("shop.H001", title="Nothing")(nothing)  # a module that is imported again
    with pytest.raises(ConfigurationError, match=r"already tests\.health\.test_registry\.nothing"):
        register("shop.H001", title="Something")(lambda context: [])


def test_a_feature_that_no_engine_knows_is_refused(register):
    with pytest.raises(ConfigurationError, match="unknown feature 'has_session'"):
        register("shop.H001", title="Nothing", feature="has_session")


@pytest.mark.django_db
def test_a_check_runs_where_the_engine_has_what_it_is_about(register):
    register("try.X001", title="Of a server", feature="has_sessions")(nothing)
    register("try.X002", title="Of a file", feature="is_a_file")(nothing)
    report = run_checks("default")
    assert len(report.run) == len(report.skipped) == 1


@pytest.mark.django_db
def test_an_expensive_check_runs_where_it_is_asked_for(register):
    register("try.X001", title="Dear", expensive=True)(nothing)
    register("try.X002", title="Cheap")(nothing)
    assert run_checks("default").run == ("try.X002",)
    assert run_checks("default", expensive=True).run == ("try.X001", "try.X002")
    assert run_checks("default", ids=["try.X001"]).run == ("try.X001",)
    assert run_checks("default", ignore=["try.X002"]).run == ()


@pytest.mark.django_db
def test_checks_share_a_reading_within_a_report_only(register):
    readings = []

    def read():
        readings.append(1)
        return len(readings)

    def look(context):
        assert context.memo("it", read) == len(readings)
        return []

    for name in ("try.X001", "try.X002"):
        register(name, title="Reads")(look)
    run_checks("default")
    assert len(readings) == 1
    run_checks("default")
    assert len(readings) == 2


@pytest.mark.django_db
def test_a_reading_that_failed_is_not_tried_again_by_the_next_check(register):
    tries = []

    def read():
        tries.append(1)
        raise ValueError("It cannot be read.")

    for name in ("try.X001", "try.X002"):
        register(name, title="Reads")(lambda context: context.memo("it", read))
    report = run_checks("default")
    assert report.failed == ("try.X001", "try.X002")
    assert all("It cannot be read." in finding.title for finding in report.findings)
    assert len(tries) == 1


@pytest.mark.django_db
def test_an_id_that_does_not_exist_is_wrong_usage(register):
    register("try.X001", title="Nothing")(nothing)
    for wrong in ({"ids": ["try.X009"]}, {"ignore": ["try.X009"]}):
        with pytest.raises(UsageError, match=r"no health check try\.X009\. Did you mean try\."):
            run_checks("default", **wrong)
    with pytest.raises(UsageError, match=r"no health check q\. The manual lists all"):
        run_checks("default", ids=["q"])
    assert run_checks("default", ignore=["dbhealth.H001"]).run == ("try.X001",)

"""A look at all archives at once sees what a look at each would, whatever is declared wrong."""

import pytest

from dbhealth.archive.behind import behind
from dbhealth.archive.knowing import knowing
from dbhealth.archive.obstacles import structural_refusals
from dbhealth.archive.registry import Archive
from dbhealth.backends import get_backend
from dbhealth.health.report import run_checks
from tests.shopapp.models import Parcel, ParcelArchive
from tests.testapp.policies import archived, empty_registry, meta, source  # noqa: F401

pytestmark = pytest.mark.django_db


def test_what_is_known_of_an_archive_is_what_its_tables_are(django_assert_num_queries):
    here, archive = get_backend("default"), Archive(ParcelArchive)
    known = knowing(here, [archive])
    with django_assert_num_queries(0):
        assert structural_refusals(archive, known) == ()
        links = known.catalog.referencing(Parcel._meta.db_table)
    assert links == here.catalog.referencing(Parcel._meta.db_table)


def test_a_source_without_a_table_keeps_nobody_from_looking_at_the_others():
    nowhere = archived(source("Nowhere", meta=meta(abstract=True)), "NowhereArchive")
    top = archived(source("Top"), "TopArchive", children=[nowhere])
    told = behind(["default"])
    assert {problem.id for problem in told} == {"dbhealth.E111"}
    assert {problem.obj for problem in told} == {top}
    report = run_checks("default", ids=["dbhealth.A001", "dbhealth.A002"])
    assert report.failed == ()
    assert [found.object for found in report.findings] == [
        f"table {top._meta.db_table}",
        f"table {top._meta.db_table} (archive-missing)",
    ]

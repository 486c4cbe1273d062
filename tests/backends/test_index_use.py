"""What is said of the use of indexes is what the engine's own views and pages say."""

import pytest
from django.db import connection

from dbhealth.backends.index_records import UseReport


def use_of(report: UseReport, name: str):
    return next(use for use in report.indexes if use.name == name)


def table_of(report: UseReport, name: str):
    return next(table for table in report.tables if table.table == name)


@pytest.mark.django_db
def test_every_index_and_every_table_is_in_the_report(backend):
    report = backend.use.report()
    assert {use.table for use in report.indexes} <= {table.table for table in report.tables}
    assert {table.table for table in report.tables} == set(backend.catalog.tables())
    assert len({(use.table, use.name) for use in report.indexes}) == len(report.indexes)
    assert report.left_out == ()

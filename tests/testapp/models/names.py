"""Names of tables and columns that have to be quoted, and names that the archive wants itself."""
# Shapes are what counts here, whatever one may think of their style.
# ruff: noqa: DJ008

from django.db import models

from dbhealth.archive import ArchiveModel

from .base import POLICY, Aged


class MixedCase(models.Model):
    id = models.BigAutoField(primary_key=True, db_column="Order Id")
    created_at = models.DateTimeField(null=True, db_column="createdAt", db_index=True)
    kind = models.CharField(max_length=20, db_column="select")
    remark = models.TextField(db_column="Größe in 'cm'")

    class Meta:
        db_table = "Mixed Case Orders"


class MixedCaseArchive(ArchiveModel, source=MixedCase):
    policy = POLICY


class LongName(Aged):
    class Meta:
        db_table = "testapp_a_table_with_a_name_as_long_as_postgresql_lets_it_beeee"


class LongNameArchive(ArchiveModel, source=LongName):
    policy = POLICY


class TakenNames(Aged):
    archived_at = models.CharField(max_length=20)
    archive_run = models.IntegerField(null=True)
    policy = models.CharField(max_length=20)


class TakenNamesArchive(ArchiveModel, source=TakenNames):
    policy = POLICY


class TakenColumns(Aged):
    filed = models.DateTimeField(null=True, db_column="archived_at")
    run = models.BigIntegerField(null=True, db_column="archive_run_id")


class TakenColumnsArchive(ArchiveModel, source=TakenColumns):
    policy = POLICY

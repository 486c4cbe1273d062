"""The columns of an archive model, and what makemigrations makes of a change of its source."""

from datetime import timedelta

import pytest
from django.apps import apps as installed
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.models.functions import Upper
from django.test.utils import isolate_apps

from dbhealth.archive import ArchiveModel, ArchivePolicy
from dbhealth.archive.fields import ArchivedKeyField
from dbhealth.archive.models import archive_table_name
from dbhealth.archive.registry import archives
from dbhealth.runs.models import MaintenanceRun
from tests.testapp import models as shapes

POLICY = ArchivePolicy(timestamp_field="created_at", retention=timedelta(days=1))


class Silent(MigrationQuestioner):
    """Answers as --noinput does, and fails where a person would be asked."""

    def ask_rename(self, model_name, old_name, new_name, field_instance):
        return False

    def ask_rename_model(self, old_model_state, new_model_state):
        return False

    def _asked(self, *args):
        raise AssertionError(f"makemigrations would ask about {args}")

    ask_not_null_addition = ask_not_null_alteration = ask_auto_now_add_addition = _asked
    ask_unique_callable_default_addition = _asked


def build(fields=None, *, meta=None, archive=None, archive_meta=None, label="testapp"):
    """Return (apps, source, archive model) of a source with these fields beside its own."""
    with isolate_apps("tests.testapp", "dbhealth") as apps:
        for model in (MaintenanceRun, User, shapes.Owner):
            apps.register_model(model._meta.app_label, model)
        own = {"created_at": models.DateTimeField(db_index=True), **(fields or {})}
        source = type(
            "Source",
            (models.Model,),
            {
                "__module__": __name__,
                "Meta": type("Meta", (), {"app_label": label, **(meta or {})}),
                **{name: field for name, field in own.items() if field is not None},
            },
        )
        body = {
            "__module__": __name__,
            "Meta": type("Meta", (), {"app_label": "testapp", **(archive_meta or {})}),
            "policy": POLICY,
            **(archive or {}),
        }
        model = type(ArchiveModel)("SourceArchive", (ArchiveModel,), body, source=source)
    return apps, source, model


def detect(before, after):
    """Return the operations on the archive that lead from one project to the other.

    Applied to the first project they must lead to where nothing more is to be done.
    """
    changes = _changes(ProjectState.from_apps(before[0]), after)
    operations = [o for migration in changes.get("testapp", []) for o in migration.operations]
    state = ProjectState.from_apps(before[0])
    for operation in operations:
        operation.state_forwards("testapp", state)
    assert not _changes(state, after), "makemigrations is not clean afterwards"
    mine = [o for o in operations if "sourcearchive" in _names(o)]
    return [operation.describe() for operation in mine]


def _changes(old, after):
    # A new state each time: the autodetector takes pieces out of it.
    new = ProjectState.from_apps(after[0])
    return MigrationAutodetector(old, new, Silent())._detect_changes(graph=MigrationGraph())


def _names(operation):
    return {
        str(getattr(operation, name, "")).lower()
        for name in ("model_name", "name", "old_name", "new_name")
    }


NUMBER = models.IntegerField


def test_a_new_source_comes_with_its_archive():
    with isolate_apps("tests.testapp", "dbhealth") as empty:
        empty.register_model("dbhealth", MaintenanceRun)
        for model in (User, shapes.Owner):
            empty.register_model(model._meta.app_label, model)
    assert detect((empty,), build()) == ["Create model SourceArchive"]


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ({}, {"x": NUMBER(null=True)}, "Add field x to sourcearchive"),
        ({}, {"x": NUMBER(default=5)}, "Add field x to sourcearchive"),
        ({}, {"x": NUMBER(db_default=5)}, "Add field x to sourcearchive"),
        ({"x": NUMBER()}, {}, "Remove field x from sourcearchive"),
        (
            {"x": models.CharField(max_length=5)},
            {"x": models.CharField(max_length=9)},
            "Alter field x on sourcearchive",
        ),
        ({"x": NUMBER()}, {"x": models.BigIntegerField()}, "Alter field x on sourcearchive"),
        ({"x": NUMBER()}, {"x": NUMBER(db_column="y")}, "Alter field x on sourcearchive"),
        (
            {"id": models.AutoField(primary_key=True)},
            {"id": models.BigAutoField(primary_key=True)},
            "Alter field id on sourcearchive",
        ),
        (
            {"x": models.DecimalField(max_digits=5, decimal_places=1)},
            {"x": models.DecimalField(max_digits=5, decimal_places=2)},
            "Alter field x on sourcearchive",
        ),
        (
            {},
            {"x": models.ForeignKey(User, models.CASCADE, default=1)},
            "Add field x to sourcearchive",
        ),
        (
            {"x": models.ForeignKey(User, models.CASCADE)},
            {"x": models.ForeignKey(shapes.Owner, models.CASCADE)},
            "Alter field x on sourcearchive",
        ),
    ],
)
def test_a_changed_column_changes_the_archive(old, new, expected):
    assert detect(build(old), build(new)) == [expected]


@pytest.mark.parametrize(
    "old, new",
    [
        (NUMBER(), NUMBER(null=True)),
        (NUMBER(null=True), NUMBER(default=1)),
        (NUMBER(default=1), NUMBER(default=2)),
        (NUMBER(default=1), NUMBER(db_default=2)),
        (NUMBER(), NUMBER(db_index=True)),
        (models.DateField(), models.DateField(auto_now=True)),
        (NUMBER(default=0), NUMBER(default=0, validators=[print])),
    ],
)
def test_what_the_archive_does_not_have_does_not_change_it(old, new):
    assert detect(build({"x": old}), build({"x": new})) == []


def test_an_index_or_a_check_of_the_source_is_not_the_archive_s():
    after = build(
        meta={
            "indexes": [models.Index(fields=["id", "created_at"], name="i")],
            "constraints": [models.CheckConstraint(condition=models.Q(id__gt=0), name="c")],
        }
    )
    assert detect(build(), after) == []


@pytest.mark.parametrize(
    "meta",
    [
        {"unique_together": [("x", "created_at")]},
        {"constraints": [models.UniqueConstraint(fields=["x", "created_at"], name="u")]},
    ],
)
def test_what_becomes_unique_gets_a_plain_index(meta):
    (done,) = detect(build({"x": NUMBER()}), build({"x": NUMBER()}, meta=meta))
    assert done.startswith("Create index ")
    assert done.endswith("on field(s) x, created_at of model sourcearchive")


def test_a_unique_column_gets_a_plain_index_and_loses_it_again():
    plain, unique = build({"x": NUMBER()}), build({"x": NUMBER(unique=True)})
    (done,) = detect(plain, unique)
    assert done.startswith("Create index ")
    (done,) = detect(unique, plain)
    assert done.startswith("Remove index ")


def test_a_column_that_the_archive_declares_itself_outlives_the_source_s():
    keeps = {"x": models.IntegerField(null=True)}
    assert detect(build({"x": NUMBER()}), build(archive=keeps)) == [
        "Alter field x on sourcearchive"
    ]
    assert detect(build({"x": NUMBER()}, archive=keeps), build(archive=keeps)) == []


def test_the_archive_s_table_follows_the_source_s():
    after = build(meta={"db_table": "elsewhere"})
    assert detect(build(), after) == ["Rename table for sourcearchive to elsewhere_archive"]
    assert detect(build(), build(archive_meta={"db_table": "testapp_source_archive"})) == []


def test_a_name_in_another_app_means_what_it_meant_there():
    fields = {
        "other": models.ForeignKey("Something", models.CASCADE),
        "parent": models.ForeignKey("self", models.CASCADE),
        "user": models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE),
    }
    _apps, source, model = build(fields, label="auth")
    targets = {name: model._meta.get_field(name).remote_field.model for name in fields}
    assert targets["other"] == "auth.Something"
    assert targets["parent"] is source
    assert targets["user"] is User


@pytest.mark.parametrize("archive", archives(), ids=lambda archive: archive.label)
def test_every_column_has_the_name_and_type_of_the_source_s(archive):
    for field in archive.source._meta.local_concrete_fields:
        twin = archive.model._meta.get_field(field.name)
        assert (twin.column, twin.attname) == (field.column, field.attname)
        assert twin.db_type(connection) == _plain_type(field)
        assert twin.primary_key == field.primary_key
        assert twin.null or twin.primary_key or twin in archive.model._meta.pk_fields
        assert not twin.unique or twin.primary_key
        assert not twin.generated
        assert not isinstance(twin, models.AutoField | models.BigAutoField)
    pairs = zip(archive.source._meta.pk_fields, archive.model._meta.pk_fields, strict=True)
    assert all(ours.name == theirs.name for theirs, ours in pairs)


def _plain_type(field):
    return getattr(field, "output_field", field).db_type(connection)


@pytest.mark.django_db
def test_the_archive_s_checks_are_clean():
    problems = [p for archive in archives() for p in archive.model.check(databases=["default"])]
    assert not problems


def test_the_user_s_meta_is_kept_and_filled_up():
    index = models.Index(fields=["archived_at"], name="mine")
    own = models.Index(fields=["x"], name="mine_too")
    _apps, _source, model = build(
        {"x": NUMBER(unique=True), "y": NUMBER(unique=True)},
        archive_meta={"indexes": [index, own], "ordering": ["-id"], "verbose_name": "Old"},
    )
    names = [tuple(index.fields) for index in model._meta.indexes]
    assert names == [("archived_at",), ("x",), ("y",)], "the user's index on x is enough"
    assert (model._meta.ordering, model._meta.verbose_name) == (["-id"], "Old")
    assert not model._meta.abstract


@pytest.mark.parametrize(
    "table, expected",
    [
        ("shop_order", "shop_order_archive"),
        ("Orders", "Orders_archive"),
        ('"Orders"', '"Orders_archive"'),
        ('place"."orders', 'place"."orders_archive'),
        ('"place"."orders"', '"place"."orders_archive"'),
    ],
)
def test_the_default_name_of_the_table(table, expected):
    assert archive_table_name(table) == expected


def test_long_names_are_cut_so_that_two_of_them_stay_two():
    names = [f"{'x' * 60}_{number}" for number in range(3)]
    cut = [archive_table_name(name) for name in names]
    assert len(set(cut)) == 3
    assert {len(name) for name in cut} == {63}
    assert len(archive_table_name(f'{"y" * 63}"."{names[0]}')) == 63 + 3 + 63


def test_an_archived_key_tells_a_migration_what_it_was():
    field = ArchivedKeyField(of="SmallAutoField", primary_key=True)
    name, path, args, kwargs = field.deconstruct()
    assert path == "dbhealth.archive.fields.ArchivedKeyField"
    assert kwargs["of"] == "SmallAutoField"
    again = ArchivedKeyField(*args, **kwargs)
    assert again.db_type(connection) == models.SmallAutoField().db_type(connection).split()[0]
    assert name is None


class Encrypted(models.TextField):
    """A field with an argument of its own and values that differ from what is stored."""

    def __init__(self, key, **kwargs):
        self.key = key
        super().__init__(**kwargs)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, [self.key, *args], kwargs

    def from_db_value(self, value, expression, connection):
        return value and Upper.function + value


def test_a_field_of_somebody_else_s_class_keeps_its_class_and_arguments():
    _apps, _source, model = build({"secret": Encrypted("k", default="x", unique=True)})
    field = model._meta.get_field("secret")
    assert type(field) is Encrypted
    assert field.key == "k"
    assert field.null
    assert not field.unique
    assert not field.has_default()


def test_an_image_loses_the_columns_that_it_would_fill():
    _apps, _source, model = build(
        {
            "width": NUMBER(),
            "height": NUMBER(),
            "image": models.ImageField(width_field="width", height_field="height"),
        }
    )
    field = model._meta.get_field("image")
    assert (field.width_field, field.height_field) == (None, None)


def test_the_shapes_are_installed():
    """Else the tests above would run over nothing."""
    assert len([a for a in archives() if a.model._meta.app_label == "testapp"]) >= 30
    assert installed.is_installed("tests.testapp")

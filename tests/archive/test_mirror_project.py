"""A project that changes its source, and the archive that follows by makemigrations."""

import pytest

from tests.testapp.project import new_project

pytestmark = pytest.mark.django_db

FIRST = """
    class Order(models.Model):
        id = models.AutoField(primary_key=True)
        created_at = models.DateTimeField(db_index=True)
        code = models.CharField(max_length=20, unique=True)
        note = models.CharField(max_length=20)
        old = models.IntegerField(default=7)

    class OrderArchive(ArchiveModel, source=Order):
        policy = POLICY
"""

SECOND = """
    class Order(models.Model):
        id = models.BigAutoField(primary_key=True)
        created_at = models.DateTimeField(db_index=True)
        code = models.CharField(max_length=20, unique=True)
        note = models.CharField(max_length=40)
        state = models.CharField(max_length=5, default="new")
        amount = models.DecimalField(max_digits=9, decimal_places=2, db_default=1)
        parent = models.ForeignKey("self", models.CASCADE, null=True)

        class Meta:
            constraints = [models.UniqueConstraint(fields=["note", "state"], name="one_note")]

    class OrderArchive(ArchiveModel, source=Order):
        policy = POLICY
        old = models.IntegerField(null=True)
"""

THIRD = """
    class Order(models.Model):
        id = models.BigAutoField(primary_key=True)
        created_at = models.DateTimeField(db_index=True)
        code = models.CharField(max_length=20)
        note = models.TextField(null=True)

        class Meta:
            db_table = "Orders"

    class OrderArchive(ArchiveModel, source=Order):
        policy = POLICY
"""

# No question may be asked: --noinput answers none, and a database must not be needed either.
MAKE = "makemigrations shop --noinput -v1"
CLEAN = "makemigrations --check --dry-run --noinput"
LOOK = "check --database default --fail-level WARNING"

INSERT = (
    "INSERT INTO shop_order (id, created_at, code, note, {columns}) "
    "VALUES (%s, %s, %s, %s, {values})"
)


@pytest.fixture
def project(tmp_path):
    with new_project(tmp_path) as made:
        yield made


def insert(project, rows, **more):
    sql = INSERT.format(columns=", ".join(more), values=", ".join(map(repr, more.values())))
    for key, day in rows.items():
        project.execute(sql, key, f"{day} 12:00:00", f"code {key}", f"note {key}")


def test_the_archive_follows_its_source_with_rows_already_in_it(project):
    project.models(FIRST)
    project.manage(MAKE, CLEAN, "migrate -v0", LOOK)
    insert(project, {-5: "2001-02-03", 1: "2016-02-29", 2: "9999-01-01"}, old=42)
    project.manage("archive --no-progress", CLEAN)
    assert project.execute("SELECT id, old FROM shop_order_archive ORDER BY id") == [
        (-5, 42),
        (1, 42),
    ]

    project.models(SECOND)
    made = project.manage(MAKE, CLEAN, "migrate -v0", CLEAN, LOOK)
    for line in (
        "Add field state to orderarchive",
        "Add field amount to orderarchive",
        "Add field parent to orderarchive",
        "Alter field id on orderarchive",
        "Alter field note on orderarchive",
        "Alter field old on orderarchive",
        "Remove field old from order",
    ):
        assert line in made
    assert "Remove field old from orderarchive" not in made
    kept = "SELECT id, old, state, amount, parent_id, code FROM shop_order_archive ORDER BY id"
    assert project.execute(kept) == [
        (-5, 42, None, None, None, "code -5"),
        (1, 42, None, None, None, "code 1"),
    ]
    key = 2**40
    insert(project, {key: "2003-04-05"}, state="new", amount=2)
    project.manage("archive --no-progress", LOOK)
    assert project.execute(kept)[-1] == (key, None, "new", 2, None, f"code {key}")

    project.models(THIRD)
    made = project.manage(MAKE, CLEAN, "migrate -v0", CLEAN, LOOK)
    assert "Rename table for orderarchive to Orders_archive" in made
    assert "Remove field old from orderarchive" in made
    project.execute("INSERT INTO \"Orders\" VALUES (7, '2000-01-01 00:00:00', 'again', NULL)")
    project.manage("archive --no-progress")
    assert project.execute('SELECT id, code, note FROM "Orders_archive" ORDER BY id') == [
        (-5, "code -5", "note -5"),
        (1, "code 1", "note 1"),
        (7, "again", None),
        (key, f"code {key}", f"note {key}"),
    ]
    assert project.execute('SELECT id FROM "Orders"') == [(2,)]


def test_the_migrations_can_be_taken_back(project):
    project.models(FIRST)
    project.manage(MAKE, "migrate -v0")
    project.models(SECOND)
    project.manage(MAKE, "migrate -v0")
    project.models(FIRST)
    insert(project, {1: "2001-02-03"}, amount=1, state="new")
    project.manage(f"migrate shop {project.migrations()[0]} -v0", "check")
    assert project.execute("SELECT old FROM shop_order") == [(7,)]


def test_E111_names_what_the_archive_lacks_and_lets_migrate_mend_it(project):
    project.models(FIRST)
    project.manage(MAKE, "migrate -v0")
    project.execute("ALTER TABLE shop_order_archive DROP COLUMN note")
    found = project.run("check --database default")
    assert found.returncode == 1
    assert "ERRORS:\nshop.OrderArchive: (dbhealth.E111)" in found.stderr
    assert "shop_order_archive does not keep what shop_order holds: note (missing)" in found.stderr
    assert "manage.py makemigrations shop" in found.stderr
    assert project.run("check").returncode == 0, "without --database no database is asked"

    # What mends it is a migration, and migrate checks before it starts.
    path = project.folder / "shop" / "migrations" / "0002_mend.py"
    path.write_text(
        "from django.db import migrations\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [migrations.RunSQL(\n"
        "        'ALTER TABLE shop_order_archive ADD COLUMN note varchar(20)')]\n"
    )
    waiting = project.manage("check --database default")
    assert "ERRORS" not in waiting
    assert "shop.OrderArchive: (dbhealth.E111)" in waiting.partition("WARNINGS:")[2]
    project.manage("migrate -v0", LOOK)


def test_E111_does_not_stand_in_the_way_of_the_first_migrate(project):
    project.models(FIRST)
    project.manage(MAKE)
    assert "E111" not in project.manage("check --database default", "migrate -v0")
    project.manage(LOOK)


def test_a_column_added_to_the_source_alone_stops_archive_until_migrate(project):
    """Between the two halves of a change nothing moves and nothing is lost."""
    project.models(FIRST)
    project.manage(MAKE, "migrate -v0")
    insert(project, {1: "2001-02-03", 2: "9999-01-01"}, old=1)
    project.execute("ALTER TABLE shop_order ADD COLUMN extra integer")
    done = project.run("archive --no-progress")
    assert done.returncode == 1
    assert "extra (missing)" in " ".join((done.stdout + done.stderr).split())
    assert project.execute("SELECT count(*) FROM shop_order") == [(2,)]


WRONG = FIRST.replace("policy = POLICY", "policy = {}")


def test_a_policy_error_stops_archive_and_changes_nothing(project):
    project.models(FIRST)
    project.manage(MAKE, "migrate -v0")
    insert(project, {1: "2001-02-03", 2: "9999-01-01"}, old=1)
    for code, policy in {
        "E102": "None",
        "E103": "replace(POLICY, timestamp_field='nope')",
        "E105": "replace(POLICY, retention=timedelta(0))",
        "E106": "replace(POLICY, where=Q(nope=1))",
        "E112": "POLICY; gone = models.IntegerField()",
    }.items():
        project.models(WRONG.format(policy))
        done = project.run("archive --no-progress")
        assert done.returncode == 1
        assert f"dbhealth.{code}" in done.stderr
        assert "Traceback" not in done.stderr
    assert project.execute("SELECT count(*) FROM shop_order") == [(2,)]
    assert project.execute("SELECT count(*) FROM shop_order_archive") == [(0,)]
    assert project.execute("SELECT count(*) FROM dbhealth_maintenancerun") == [(0,)]


def test_a_settings_error_stops_archive_and_changes_nothing(project):
    project.models(FIRST)
    project.manage(MAKE, "migrate -v0")
    insert(project, {1: "2001-02-03", 2: "9999-01-01"}, old=1)
    project.settings("DBHEALTH = {'ARCHIVE_BATCHSIZE': 5}")
    done = project.run("archive --no-progress")
    assert done.returncode == 1
    assert "dbhealth.E001" in done.stderr
    assert "Did you mean 'ARCHIVE_BATCH_SIZE'?" in done.stderr
    assert project.execute("SELECT count(*) FROM shop_order") == [(2,)]

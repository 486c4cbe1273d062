"""The one question of all shapes: did exactly the right rows move, and every byte of them?"""

from collections import Counter
from datetime import UTC, datetime, timedelta

from django.db.models.query import QuerySet

from dbhealth.archive import archive_table
from dbhealth.archive.registry import find
from dbhealth.runs.models import MaintenanceRun
from tests.testapp import raw

NOW = datetime.now(tz=UTC)
OLD = NOW - timedelta(days=1000, microseconds=1)
YOUNG = NOW - timedelta(days=1, microseconds=999_999)

# Moments that lie past every retention of the shapes, and moments that do not.
PAST = (
    OLD,
    datetime(2016, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(1, 1, 1, 0, 0, 0, 0, tzinfo=UTC),
)
NOT_PAST = (
    YOUNG,
    NOW - timedelta(days=14) + timedelta(hours=1),
    NOW + timedelta(days=4000),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)

AWKWARD = (
    "",
    " ",
    "NULL",
    "0",
    "00",
    "1e3",
    "\x01\t\r\n\x1b\x7f",
    'O\'Brien "said" 100 %, %s %% \\ \\x00 $1 ?',
    "Ünïcödé 漢字 עברית \u202e",
    "🦖👩‍👩‍👧‍👦",
    "\ufeff\u200b\U0010ffff",
)


class Move:
    """Watches a source and its archive while rows are put in and moved.

    Rows that leave and rows that stay are told apart by what their writing adds to the table, so
    that no key has to be compared. ``readable`` False: the rows hold values that Python has no
    equal of, so they are compared in the database alone.
    """

    def __init__(self, source, *, readable=True):
        self.readable = readable
        self.archive = find(source)
        self.source, self.target = source, self.archive.model
        self.names = list(raw.columns(self.archive.table))
        self.leaving, self.staying = Counter(), Counter()

    def in_source(self):
        return raw.rows(self.archive.table, self.names)

    def in_archive(self):
        return raw.rows(self.archive.archive_table, self.names)

    def add(self, *, leaving=(), staying=()):
        """Save instances and take down the rows that they became."""
        for kind, instances in ((self.staying, staying), (self.leaving, leaving)):
            before = self.in_source()
            for instance in instances:
                # Not save(): it would change what auto_now and a manager have to say.
                QuerySet(self.source).bulk_create([instance])
            kind.update(self.in_source() - before)
            assert self.in_source().total() == before.total() + len(instances)

    def settle(self):
        """Take the rows as they are now for those that leave, except for the ones that stay."""
        self.leaving = self.in_source() - self.staying

    def run(self, **options):
        """Archive, and compare everything."""
        assert self.leaving, "a move of nothing shows nothing"
        assert self.staying, "a table that is emptied shows nothing of what stays"
        loaded = self.loaded(self.source)
        result = archive_table(self.source, **{"batch_size": 2, **options})
        assert result["state"] == "succeeded"
        assert result["rows"] == self.leaving.total()
        assert self.in_source() == self.staying
        assert self.in_archive() == self.leaving
        self.compare_columns()
        self.compare_stamps(result["run"])
        self.compare_loaded(loaded)
        again = archive_table(self.source)
        assert (again["state"], again["rows"]) == ("succeeded", 0)
        return result

    def compare_columns(self):
        theirs, ours = raw.columns(self.archive.table), raw.columns(self.archive.archive_table)
        assert {name: ours.get(name) for name in theirs} == theirs

    def compare_stamps(self, run):
        options = self.target._archive
        stamps = QuerySet(self.target).values_list(options.archived_at, options.archive_run)
        for archived_at, number in stamps:
            assert NOW - timedelta(minutes=5) < archived_at < NOW + timedelta(hours=2)
            assert number == run
        if self.readable:
            row = QuerySet(self.target).select_related(options.archive_run).first()
            assert getattr(row, options.archive_run) == MaintenanceRun.objects.get(pk=run)

    def loaded(self, model):
        if not self.readable:
            return {}
        names = [field.attname for field in self.source._meta.local_concrete_fields]
        return {
            _hashable(row.pk): [_plain(getattr(row, name)) for name in names]
            for row in QuerySet(model)
        }

    def compare_loaded(self, before):
        """The archive's model gives what the source's model gave."""
        archived, stayed = self.loaded(self.target), self.loaded(self.source)
        assert not archived.keys() & stayed.keys()
        assert archived | stayed == before


def _plain(value):
    # Each driver gives bytes in a wrapping of its own, and files compare by their field.
    if isinstance(value, memoryview):
        return bytes(value)
    return getattr(value, "name", value) if hasattr(value, "storage") else value


def _hashable(key):
    return tuple(map(_plain, key)) if isinstance(key, tuple) else _plain(key)

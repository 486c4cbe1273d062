"""There and back: every shape that is archived is restored, and compared to the byte."""

import inspect

from django.db import connection
from django.db.models import AutoField

from dbhealth.archive import restore
from tests.testapp import raw
from tests.testapp.moving import Move

archive_only = Move.run


def there_and_back(move, **options):
    """Archive, restore and compare, then archive again, for what the test says of the archive."""
    everything = move.in_source()
    result = archive_only(move, **options)
    keys = archived_numbers(move)
    back = restore(move.source, run=result["run"], batch_size=options.get("batch_size", 2))
    entry = back["tables"][result["table"]]
    assert (entry["state"], entry["rows"]) == ("succeeded", move.leaving.total()), entry
    assert move.in_source() == everything
    assert not move.in_archive()
    the_next_key_is_free(move, keys)
    again = restore(move.source, run=result["run"])
    assert again["summary"]["total_records_restored"] == 0
    return archive_only(move, **options)


def archived_numbers(move):
    """Return the keys in the archive that the database has given out by itself."""
    key = move.source._meta.pk
    if not isinstance(key, AutoField):
        return set()
    return set(move.target.objects.values_list(key.name, flat=True))


def the_next_key_is_free(move, keys):
    """The number that the next row is given is not one of those that have come back."""
    key = move.source._meta.pk
    if not keys:
        return
    table = move.archive.table
    if connection.vendor == "sqlite":
        ((given,),) = raw.fetch("SELECT seq FROM sqlite_sequence WHERE name = %s", table)
        assert max(keys) <= given
        return
    name = connection.ops.quote_name(table)
    ((sequence,),) = raw.fetch("SELECT pg_get_serial_sequence(%s, %s)", name, key.column)
    ((given,),) = raw.fetch("SELECT nextval(%s)", sequence)
    assert given not in keys


def shapes_of(*modules):
    """Return the tests that archive a shape, by their names."""
    found = {}
    for module in modules:
        for name, test in vars(module).items():
            if name.startswith("test_") and "move.run(" in inspect.getsource(test):
                found[name] = test
    assert found
    return found

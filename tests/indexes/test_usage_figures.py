"""What was read on a standby is added to the figures of its primary."""

from dbhealth.backends.index_records import IndexUse, TableUse, UseReport
from dbhealth.indexes.figures import add_standby
from tests.indexes.judging import NOW, the_source


def test_reads_of_a_standby_are_added_and_writes_are_not():
    own = IndexUse(table="goods", name="i", scans=1, rows_read=2, rows_fetched=None, bytes=8192)
    table = TableUse(table="goods", rows=9, index_scans=1, sequential_scans=5, inserts=70)
    theirs = UseReport(
        source=the_source(replica=True),
        indexes=(
            IndexUse(table="goods", name="i", scans=10, rows_read=20, bytes=1, last_scan=NOW),
            IndexUse(table="goods", name="of the standby only", scans=3),
        ),
        tables=(
            TableUse(table="goods", rows=8, index_scans=10, sequential_scans=None, inserts=70),
            TableUse(table="elsewhere", rows=1),
        ),
    )
    indexes, tables = {("goods", "i"): own}, {"goods": table}
    add_standby(indexes, tables, theirs)
    assert list(indexes) == [("goods", "i")]
    added = indexes["goods", "i"]
    assert (added.scans, added.rows_read, added.rows_fetched) == (11, 22, None)
    assert (added.bytes, added.last_scan) == (8192, NOW)
    assert list(tables) == ["goods"]
    assert tables["goods"].index_scans == 11
    assert tables["goods"].sequential_scans == 5
    assert (tables["goods"].inserts, tables["goods"].rows) == (70, 9)

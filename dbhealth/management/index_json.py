"""``index_usage --format json``: one document, made line by line.

Ten thousand indexes need no second copy in memory, and json.dumps is quick only where it does not
indent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dbhealth.indexes.usage import Usage
from dbhealth.management.index_selection import Chosen, head, index_row, missing_row

_CHUNK = 64 * 1024


def document(usages: Sequence[Usage], failed: Mapping[str, str], chosen: Chosen) -> Iterator[str]:
    """Yield the document in pieces: the databases by their aliases, a line for each index.

    ``failed`` are the databases that could not be read, with a sentence each.
    """
    kept: list[str] = []
    size = 0
    for part in _parts(usages, failed, chosen):
        kept.append(part)
        size += len(part)
        if size > _CHUNK:
            yield "".join(kept)
            kept, size = [], 0
    yield "".join(kept)


def _parts(usages: Sequence[Usage], failed: Mapping[str, str], chosen: Chosen) -> Iterator[str]:
    yield '{"databases": {'
    for place, usage in enumerate(usages):
        yield ",\n" if place else "\n"
        yield f"{json.dumps(usage.alias)}: {json.dumps(head(usage))[:-1]}"
        yield ', "indexes": ['
        yield from _lines(map(index_row, chosen.of(usage)))
        yield '], "missing": ['
        yield from _lines(map(missing_row, usage.missing if chosen.everything else ()))
        yield "]}"
    yield f'}}, "errors": {json.dumps(failed)}}}\n'


def _lines(rows: Iterable[dict[str, object]]) -> Iterator[str]:
    # Rows are made just above and hold no circles to look for.
    encode = json.JSONEncoder(check_circular=False).encode
    for place, row in enumerate(rows):
        yield ",\n" if place else "\n"
        yield encode(row)

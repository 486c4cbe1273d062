"""Which indexes ``index_usage`` shows, and their figures as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dbhealth.indexes.missing import Missing
from dbhealth.indexes.usage import Usage
from dbhealth.indexes.verdict_records import Code, Verdict
from dbhealth.indexes.verdicts import IndexUsage

_UNUSED = frozenset({Code.UNUSED, Code.RARELY_USED})
_DUPLICATES = frozenset({Code.DUPLICATE, Code.COVERED})


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is asked for; both together mean either."""

    unused: bool = False
    duplicates: bool = False

    @property
    def everything(self) -> bool:
        """Whether nothing is left away."""
        return not (self.unused or self.duplicates)

    def of(self, usage: Usage) -> Iterator[IndexUsage]:
        """Yield the indexes that are asked for, in order."""
        if self.everything:
            yield from usage.indexes
            return
        wanted = (_UNUSED if self.unused else frozenset()) | (
            _DUPLICATES if self.duplicates else frozenset()
        )
        for item in usage.indexes:
            if any(verdict.code in wanted for verdict in item.verdicts):
                yield item


def index_row(item: IndexUsage) -> dict[str, Any]:
    """Return an index for JSON. Sizes are bytes, shares 0 to 1, times ISO 8601."""
    subject = item.subject
    index, use, owner = subject.index, subject.use, subject.owner
    share, hits = subject.share, subject.hit_ratio
    place = owner.place if owner else None
    return {
        "table": index.table,
        "name": index.name,
        "definition": index.definition,
        "owner": owner
        and {
            "kind": owner.kind,
            "model": owner.model,
            "field": owner.field,
            "declaration": owner.text,
            "file": place and place.file,
            "line": place and place.line,
        },
        "bytes": use.bytes,
        "exact_bytes": use.exact_bytes,
        "scans": use.scans,
        "rows_read": use.rows_read,
        "rows_fetched": use.rows_fetched,
        "last_scan": use.last_scan and use.last_scan.isoformat(),
        "share": share and round(share, 4),
        "hit_ratio": hits and round(hits, 4),
        "valid": index.valid,
        "building": index.building,
        "stays": item.stays,
        "verdicts": [verdict_row(verdict) for verdict in item.verdicts],
    }


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict for JSON."""
    return verdict._asdict()


def missing_row(item: Missing) -> dict[str, Any]:
    """Return a missing index for JSON."""
    return item._asdict()


def head(usage: Usage) -> dict[str, Any]:
    """Return what JSON says of a database besides its indexes."""
    source = usage.source
    return {
        "alias": usage.alias,
        "engine": usage.engine,
        "statistics": {
            "source": source.name,
            "now": source.now.isoformat(),
            "since": source.since and source.since.isoformat(),
            "server_started": source.server_started and source.server_started.isoformat(),
            "replica": source.replica,
            "replicas": source.replicas,
        },
        "left_out": usage.left_out,
        "notes": usage.notes,
    }

"""The words for what is said of indexes."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

VERDICTS = {
    "invalid": _("invalid"),
    "duplicate": _("duplicate"),
    "covered": _("covered by another"),
    "unused": _("unused"),
    "rarely-used": _("rarely used"),
    "bloated": _("bloated"),
    "null-heavy": _("mostly NULL"),
    "low-cardinality": _("few values"),
}
"""The verdicts by their codes; docs/indexes.md has a section for each."""

LACKS = {
    "missing": _("declared, not there"),
    "pending": _("waits for a migration"),
    "unmigrated": _("has no migration yet"),
    "foreign-key": _("foreign key"),
    "sequential-reads": _("table read whole"),
    "selection": _("archive policy"),
}
"""Why an index is missed, by the codes of MissingIndex."""

CONFIDENCES = {"low": _("low"), "medium": _("medium"), "high": _("high")}

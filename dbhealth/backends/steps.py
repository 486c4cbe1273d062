"""Steps: what is done to one index, one table or the whole database, by statements of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dbhealth.backends.statement import Statement
from dbhealth.saying import say as _

WHOLE = _("the whole database")
"""Stands for the table in a step that is about all of them."""


class Deed(StrEnum):
    """What a step does."""

    CREATE = _("create")
    REBUILD = _("rebuild")
    ADOPT = _("make a constraint")
    DROP = _("drop leftover")
    CHECK = _("check integrity")
    CHECK_KEYS = _("check foreign keys")
    VACUUM = _("vacuum")
    SHRINK = _("give back free pages")
    ANALYZE = _("analyze")
    OPTIMIZE = _("optimize")
    CHECKPOINT = _("checkpoint")


BUILDS = frozenset({Deed.CREATE, Deed.REBUILD, Deed.ADOPT})
"""Steps after which the planner wants to know the table anew."""

SHRINKS = frozenset({Deed.VACUUM, Deed.SHRINK, Deed.REBUILD})
"""Steps before and after which sizes are worth a look."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do; its statements run one after the other, each by itself."""

    deed: Deed
    table: str
    index: str = ""
    statements: tuple[Statement, ...]

    @property
    def title(self) -> str:
        """What it is about, in few words."""
        return _("{deed} {object}", deed=_(self.deed.value), object=self.index or self.table)

    @property
    def key(self) -> list[str]:
        """What tells it from the other steps of a plan, for JSON."""
        return [str(self.deed), self.table, self.index]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the statements for JSON, each with what it is for."""
        of = {"deed": str(self.deed), "table": self.table, "index": self.index}
        return [of | statement.as_dict() for statement in self.statements]

"""Whether a declared index is what the applied migrations know: ``migrate`` comes before us.

The states are those that ``makemigrations`` compares (django.db.migrations.state), so nothing is
rendered and nothing is asked of the database but which migrations it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from dbhealth.backends import get_backend
from dbhealth.conf import get_settings
from dbhealth.indexes.declared import of_model
from dbhealth.indexes.kinds import Declared, Kind
from dbhealth.indexes.of_model import table_of

LOCK_TIMEOUT = 0.5
"""How long the table of applied migrations is waited for (seconds)."""


class Stand(Enum):
    """How far the declaration of an index has come on its way into the database."""

    APPLIED = auto()
    PENDING = auto()
    UNMIGRATED = auto()


@dataclass(frozen=True)
class Standing:
    """``migration`` is app_label.name of the one that is waiting for ``migrate``."""

    stand: Stand
    migration: str = ""


def loaded(alias: str) -> MigrationLoader:
    """Return the migrations of the project, with those that the database ``alias`` has.

    Raises Django's database errors, at the latest when LOCK_TIMEOUT has been waited for the lock
    of somebody who holds the table of applied ones, and OutOfTime.
    """
    bounds = {"lock": LOCK_TIMEOUT, "seconds": get_settings().statement_timeout}
    with get_backend(alias).executor.looking(**bounds):
        return MigrationLoader(connections[alias])


class Migrations:
    """The migrations of a project, and which of them one database has."""

    def __init__(self, alias: str) -> None:
        """Read the files and the table of applied migrations; raises what :func:`loaded` does."""
        self._loader = loaded(alias)
        applied = set(self._loader.applied_migrations or ())
        plan: dict[tuple[str, str], None] = {}
        for leaf in self._loader.graph.leaf_nodes():
            plan |= dict.fromkeys(self._loader.graph.forwards_plan(leaf))
        self._applied = [node for node in plan if node in applied]
        self._waiting = [node for node in plan if node not in applied]

    def standings(self, wanted: Sequence[Declared]) -> tuple[Standing, ...]:
        """Return how each declared index stands: applied, pending or in no migration at all.

        An app without migrations counts as applied: its tables come from ``migrate --run-syncdb``.
        """
        goals = [_mark(ModelState.from_model(item.owner.model), item) for item in wanted]
        found: list[Standing | None] = [
            Standing(Stand.APPLIED) if self._has_none(item) else None for item in wanted
        ]
        for standing, state in self._states():
            for number, item in enumerate(wanted):
                mark = _mark(state.models.get(_key(item)), item)
                if found[number] is None and mark == goals[number]:
                    found[number] = standing
            if None not in found:
                break
        return tuple(standing or Standing(Stand.UNMIGRATED) for standing in found)

    def declared(self, tables: Set[str], editor: Any) -> dict[tuple[str, str], Standing]:
        """Return what the applied migrations declare on ``tables``, by table and name.

        Each comes with the migration that changes it, or with UNMIGRATED where none does.
        """
        states = self._states()
        _applied, state = next(states)
        old = [
            item
            for model in state.clone().apps.get_models()
            if table_of(model) in tables
            for item in of_model(model, editor)
        ]
        marks = [_mark(state.models.get(_key(item)), item) for item in old]
        found = {(item.table, item.name): Standing(Stand.UNMIGRATED) for item in old}
        for standing, state in states:
            for item, mark in zip(old, marks, strict=True):
                place = (item.table, item.name)
                changed = _mark(state.models.get(_key(item)), item) != mark
                if changed and found[place].stand is Stand.UNMIGRATED:
                    found[place] = standing
        return found

    def _states(self) -> Iterator[tuple[Standing, ProjectState]]:
        """Return the state of the applied migrations, then that after each one that waits."""
        state = ProjectState(real_apps=self._loader.unmigrated_apps)
        for node in self._applied:
            state = self._loader.graph.nodes[node].mutate_state(state, preserve=False)
        yield Standing(Stand.APPLIED), state
        for node in self._waiting:
            state = self._loader.graph.nodes[node].mutate_state(state, preserve=False)
            yield Standing(Stand.PENDING, ".".join(node)), state

    def _has_none(self, item: Declared) -> bool:
        return item.owner.model._meta.app_label in self._loader.unmigrated_apps


def _key(item: Declared) -> tuple[str, str]:
    options = item.owner.model._meta
    return options.app_label, options.model_name or ""


def _mark(state: ModelState | None, item: Declared) -> Any:
    """Return what a state says of a declaration, equal for two states that say the same."""
    if state is None:
        return None
    table = state.options.get("db_table")
    owner = item.owner
    if item.kind is Kind.REGISTERED:
        columns = {name for name, _order in owner.item.fields_orders} | set(owner.item.include)
        return table, columns & set(state.fields)
    if owner.option == "unique_together":
        return table, owner.item in set(map(tuple, state.options.get("unique_together") or ()))
    if owner.option:
        entries = state.options.get(owner.option) or ()
        return table, next((entry for entry in entries if entry.name == item.name), None)
    field: Any = state.fields.get(owner.field)
    if field is None:
        return table, None
    return table, (
        field.deconstruct()[1],
        getattr(field, "db_column", None),
        field.primary_key,
        field.unique,
        field.db_index,
    )

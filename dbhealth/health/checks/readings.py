"""Readings of a server that several checks share, and the rights that they take."""

from __future__ import annotations

from collections.abc import Mapping

from dbhealth.backends.key_records import IntegerKey, IntegerReference, NumberSequence
from dbhealth.backends.server_records import (
    Prepared,
    Rights,
    ServerSession,
    Setting,
    Slot,
    Waiter,
)
from dbhealth.health.registry import Context
from dbhealth.saying import say as _


def rights(context: Context) -> Rights:
    """Return what the role may see."""
    return context.memo("server.rights", context.backend.server.rights)


def sessions(context: Context) -> tuple[ServerSession, ...]:
    """Return the sessions of the server; says so when the role cannot see what others do."""
    own = rights(context)
    if not own.sees_others:
        grant = context.backend.server.cures.see_sessions(own.role)
        context.lacks(grant, _("what the sessions of other roles do"))
    return context.memo("server.sessions", context.backend.server.sessions)


def settings(context: Context) -> Mapping[str, Setting]:
    """Return the settings that the checks know, and those that wait for a restart."""
    return context.memo("server.settings", context.backend.server.settings)


def waiters(context: Context) -> tuple[Waiter, ...]:
    """Return the sessions that wait for a lock."""
    return context.memo("server.waiters", context.backend.server.waiters)


def prepared(context: Context) -> tuple[Prepared, ...]:
    """Return the prepared transactions."""
    return context.memo("server.prepared", context.backend.server.prepared)


def slots(context: Context) -> tuple[Slot, ...]:
    """Return the replication slots."""
    return context.memo("server.slots", context.backend.server.slots)


def sequences(context: Context) -> tuple[NumberSequence, ...]:
    """Return the sequences; says so when the role may not see some, and which are locked."""
    found = context.memo("server.sequences", context.backend.server.sequences)
    cures = context.backend.server.cures
    for schema in dict.fromkeys(item.schema for item in found if not item.readable):
        grant = cures.see_sequences(schema, rights(context).role)
        what = _('how far the sequences of the schema "{schema}" are', schema=schema)
        context.lacks(grant, what)
    context.leave_out(item.table or item.name for item in found if item.locked)
    return found


def integer_keys(context: Context) -> tuple[IntegerKey, ...]:
    """Return the columns of whole numbers that are unique."""
    return context.memo("server.integer_keys", context.backend.server.integer_keys)


def references(context: Context) -> tuple[IntegerReference, ...]:
    """Return the foreign keys of whole numbers."""
    return context.memo("server.references", context.backend.server.integer_references)

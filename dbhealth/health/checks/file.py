"""How a database file is worked on: L001 to L005."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.file import FileFacts
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import listed, percent, size
from dbhealth.saying import say as _


def _on_connect(sql: str) -> str:
    """Return the setting by which each new connection begins with a statement."""
    return f"DATABASES[…]['OPTIONS']['init_command'] = '{sql}'"


def facts(context: Context) -> FileFacts:
    """Return what the file says of itself."""
    return context.memo("file.facts", context.backend.file.facts)


@register("dbhealth.L001", title=_("The journal mode is not WAL"), feature="is_a_file")
def journal_mode(context: Context) -> Iterator[Finding]:
    """Look at the journal: without one a crash can destroy the file."""
    found, wal = facts(context), context.backend.file.cures.wal
    if found.journal_mode == "wal" or not found.path:
        return
    is_unsafe = found.journal_mode in ("off", "memory")
    yield context.finding(
        Level.ERROR if is_unsafe else Level.INFO,
        _("The journal mode is {mode}, not WAL.", mode=found.journal_mode.upper()),
        why=_("A crash in the middle of a transaction can leave the file beyond repair.")
        if is_unsafe
        else _(
            "Readers keep a writer from its COMMIT, and it keeps them from reading: they get "
            "“database is locked” when it lasts."
        ),
        instead=_(
            "Switch to WAL; the file keeps that. Not on a network file system: there WAL does not "
            "work."
        ),
        sql=(wal,),
        change=_on_connect(wal),
    )


@register("dbhealth.L002", title=_("Nothing waits for the disk (synchronous)"), feature="is_a_file")
def synchronous(context: Context) -> Iterator[Finding]:
    """Look at synchronous: OFF hands over to the operating system and hopes."""
    found, cure = facts(context), context.backend.file.cures.full_synchronous
    if found.synchronous == "OFF" and found.path:
        yield context.finding(
            Level.ERROR,
            _("synchronous is OFF on this connection."),
            why=_("A power cut can leave the file beyond repair."),
            instead=_("With WAL, NORMAL is as quick and safe; without it leave FULL, the default."),
            sql=(cure,),
            change=_on_connect(cure),
        )


@register("dbhealth.L003", title=_("Foreign keys are not enforced"), feature="is_a_file")
def foreign_keys(context: Context) -> Iterator[Finding]:
    """Look at the pragma, which Django switches on and a project can switch off again."""
    cure = context.backend.file.cures.enforce_keys
    if not facts(context).foreign_keys:
        yield context.finding(
            Level.ERROR,
            _("Foreign keys are not enforced on this connection."),
            why=_("Rows can point at rows that are not there, and deletes cascade nowhere."),
            instead=_(
                "Find what switches them off (an init_command, a signal of new connections) and "
                "take it out; then look at dbhealth.L008."
            ),
            sql=(cure,),
            change=_("Django switches them on: take PRAGMA foreign_keys = OFF out of init_command"),
        )


@register("dbhealth.L004", title=_("The write-ahead log has grown"), feature="is_a_file")
def wal(context: Context) -> Iterator[Finding]:
    """Look at the size of the WAL, and at who has the file open."""
    found, bound = facts(context), context.thresholds["wal_bytes"]
    if not found.wal_bytes or not found.wal_bytes >= bound:
        return
    holders = [f"{item.command} ({item.pid})" for item in context.backend.file.holders()]
    reasons = [_("The file keeps the size that it had at its largest, until it is truncated.")]
    if holders:
        reasons.append(_("Other processes have the file open: {holders}.", holders=listed(holders)))
    if not found.checkpoint_pages:
        reasons.append(_("wal_autocheckpoint is 0: this connection never writes it back."))
    yield context.finding(
        Level.WARNING,
        _(
            "The write-ahead log is {wal_bytes} large; the database is {bytes}.",
            wal_bytes=size(found.wal_bytes),
            bytes=size(found.bytes),
        ),
        value=found.wal_bytes,
        threshold=bound,
        unit="bytes",
        confidence=Confidence.MEDIUM,
        reasons=tuple(reasons),
        why=_(
            "Every read searches it, and it takes up the disk. It grows as long as some reader is "
            "in a transaction that began before, or one transaction writes very much."
        ),
        instead=_(
            "Write it back and empty it. When that says busy (the first figure is 1), end the "
            "reader that is left over."
        ),
        sql=(context.backend.file.cures.checkpoint,),
    )


@register("dbhealth.L005", title=_("Much of the file is free pages"), feature="is_a_file")
def freelist(context: Context) -> Iterator[Finding]:
    """Look at the pages that deleted rows have left."""
    found, bound = facts(context), context.thresholds["freelist_share"]
    share = found.free_pages / found.pages if found.pages else 0.0
    if not share >= bound or not found.free_bytes >= context.thresholds["freelist_bytes"]:
        return
    if not found.free_pages:
        return
    cures = context.backend.file.cures
    yield context.finding(
        Level.WARNING,
        _(
            "{free_bytes} of the file ({share}) are free pages.",
            free_bytes=size(found.free_bytes),
            share=percent(share),
        ),
        value=share,
        threshold=bound,
        unit="share",
        reasons=(_("New rows use them up again; if as many come, leave them."),),
        why=_("Backups and copies take so much longer, and the disk is not freed."),
        instead=_(
            "manage.py vacuum gives them back; it needs free disk of twice the file's size, and "
            "keeps everybody from writing meanwhile."
        ),
        sql=(cures.shrink_a_little if found.auto_vacuum else cures.shrink,),
    )

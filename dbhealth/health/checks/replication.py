"""Standbys, slots and the archive of WAL: S007, S008, S009, S015."""

from __future__ import annotations

from collections.abc import Iterator

from dbhealth.backends.server_records import Replay, Slot, Standby
from dbhealth.health.checks.readings import rights, slots
from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Context, register
from dbhealth.health.words import duration, size
from dbhealth.saying import say as _

_BEHIND = _("Who reads from it sees old rows, and after a failover what it lacks is gone.")


@register("dbhealth.S007", title=_("A standby is behind"), feature="has_sessions")
def lag(context: Context) -> Iterator[Finding]:
    """Look at the standbys of this server, and at itself where it is one."""
    server, own = context.backend.server, rights(context)
    if not own.sees_others:
        context.lacks(server.cures.see_sessions(own.role), _("how far standbys are"))
    else:
        for standby in server.standbys():
            yield from _of_standby(context, standby)
    replay = server.replay()
    if replay is not None:
        yield from _of_itself(context, replay)


def _of_standby(context: Context, standby: Standby) -> Iterator[Finding]:
    seconds, most = standby.seconds or 0.0, context.thresholds["replica_lag"]
    behind, bytes_ = standby.bytes or 0, context.thresholds["replica_bytes"]
    if not (seconds >= most or behind >= bytes_):
        return
    by_time = seconds >= most
    yield context.finding(
        Level.WARNING,
        _(
            "The standby {name} ({state}) has {behind} of WAL to replay, and was {seconds} behind "
            "when it last did.",
            name=standby.name,
            state=standby.state,
            behind=size(behind),
            seconds=duration(seconds),
        ),
        object=f"standby {standby.name}",
        value=seconds if by_time else float(behind),
        threshold=most if by_time else bytes_,
        unit="seconds" if by_time else "bytes",
        reasons=(_("The primary knows no newer time as long as the standby replays nothing."),),
        why=_BEHIND,
        instead=_(
            "Look at the standby: its replay is paused, a long query holds it up "
            "(max_standby_streaming_delay), or its disk or the network is too slow."
        ),
        sql=(context.backend.server.cures.resume_replay(),),
    )


def _of_itself(context: Context, replay: Replay) -> Iterator[Finding]:
    seconds, most = replay.seconds or 0.0, context.thresholds["replica_lag"]
    bytes_ = context.thresholds["replica_bytes"]
    if not (seconds >= most or replay.bytes >= bytes_):
        return
    by_time = seconds >= most
    behind = size(replay.bytes)
    reasons = {
        _("Somebody has paused its replay."): replay.paused,
        _("It receives nothing: the primary may be idle, gone, or its WAL come by an archive."): (
            not replay.receiving
        ),
    }
    yield context.finding(
        Level.WARNING,
        _(
            "This server is a standby: the newest transaction it shows is from before its start, "
            "and it has {behind} of WAL to replay.",
            behind=behind,
        )
        if replay.seconds is None
        else _(
            "This server is a standby: the newest transaction it shows is {time} old, and it has "
            "{behind} of WAL to replay.",
            time=duration(seconds),
            behind=behind,
        ),
        value=seconds if by_time else float(replay.bytes),
        threshold=most if by_time else bytes_,
        unit="seconds" if by_time else "bytes",
        confidence=Confidence.HIGH if replay.receiving else Confidence.LOW,
        reasons=tuple(reason for reason, holds in reasons.items() if holds),
        why=_BEHIND,
        instead=_(
            "Let the replay go on if it is paused; else look whether it still receives "
            "(pg_stat_wal_receiver) and what its log says."
        ),
        sql=(context.backend.server.cures.resume_replay(),) if replay.paused else (),
    )


@register(
    "dbhealth.S008",
    title=_("A replication slot that nobody reads keeps WAL"),
    feature="has_sessions",
)
def idle_slots(context: Context) -> Iterator[Finding]:
    """Find slots without a reader, by the WAL that they keep."""
    bound = context.thresholds["slot_bytes"]
    for slot in slots(context):
        if slot.active or slot.lost or slot.bytes is None or not slot.bytes >= bound:
            continue
        yield context.finding(
            Level.ERROR,
            _idle(slot, size(slot.bytes)),
            object=f"slot {slot.name}",
            value=slot.bytes,
            threshold=bound,
            unit="bytes",
            reasons=(
                ()
                if slot.xmin_age is None
                else (
                    _(
                        "It keeps the rows of {xmin_age:,} transactions from VACUUM as well.",
                        xmin_age=slot.xmin_age,
                    ),
                )
            ),
            why=_("What it keeps grows until the disk is full, and then the server stops."),
            instead=_(
                "Start its reader again, or drop it if there is none any more. Bound what a slot "
                "may keep (max_slot_wal_keep_size): the slot is lost then, the server is not."
            ),
            sql=(context.backend.server.cures.drop_slot(slot.name),),
        )


def _idle(slot: Slot, kept: str) -> str:
    if slot.idle is None:
        return _(
            "Nobody reads from the {kind} replication slot {name}; it keeps {kept} of WAL.",
            kind=slot.kind,
            name=slot.name,
            kept=kept,
        )
    return _(
        "Nobody reads from the {kind} replication slot {name}, for {time}; it keeps {kept} of WAL.",
        kind=slot.kind,
        name=slot.name,
        time=duration(slot.idle),
        kept=kept,
    )


@register(
    "dbhealth.S009", title=_("A replication slot has lost what it needs"), feature="has_sessions"
)
def lost_slots(context: Context) -> Iterator[Finding]:
    """Find slots whose WAL has been removed."""
    for slot in slots(context):
        if slot.lost:
            yield context.finding(
                Level.ERROR,
                _(
                    "The WAL that the reader of the {kind} replication slot {name} needs next has "
                    "been removed.",
                    kind=slot.kind,
                    name=slot.name,
                ),
                object=f"slot {slot.name}",
                why=_("Its reader, a standby or a subscription, can never catch up."),
                instead=_("Drop the slot, and make the standby or the subscription anew."),
                sql=(context.backend.server.cures.drop_slot(slot.name),),
            )


@register("dbhealth.S015", title=_("WAL cannot be archived"), feature="has_sessions")
def archiving(context: Context) -> Iterator[Finding]:
    """Find out whether the last attempt to archive WAL failed."""
    archiver = context.backend.server.archiver()
    if archiver is None or archiver.failing is None:
        return
    yield context.finding(
        Level.ERROR,
        _(
            "No WAL has been archived for {failing}; the last attempt, with {file}, failed.",
            failing=duration(archiver.failing),
            file=archiver.file,
        ),
        value=archiver.failing,
        unit="seconds",
        reasons=(
            _(
                "{failed:,} attempts have failed since the statistics began.",
                failed=archiver.failed,
            ),
        ),
        why=_("Backups cannot be brought up to date, and the WAL that waits fills the disk."),
        instead=_(
            "The server's log has what archive_command said; mend it, and reload the configuration."
        ),
        sql=(context.backend.server.cures.reload(),),
    )

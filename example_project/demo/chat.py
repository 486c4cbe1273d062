"""Sessions with an assistant and what was said in them, uploads, and the newer conversations."""

import json
from collections.abc import Iterator

from example_project.chat.models import (
    ChatSession,
    Conversation,
    ConversationMessage,
    Message,
    UploadedFile,
)

from .timeline import DAY
from .words import documents, mix, texts, titles, token, uuid_hex
from .world import Row, Table, World

MODELS = mix({"swift-2": 40, "swift-2-mini": 35, "deep-1": 15, "deep-1-preview": 10})
FILES = mix(
    {
        ("application/pdf", "pdf"): 45,
        ("image/png", "png"): 22,
        ("image/jpeg", "jpg"): 18,
        ("text/csv", "csv"): 9,
        ("application/zip", "zip"): 4,
        ("audio/mpeg", "mp3"): 2,
    }
)
SESSION_COLUMNS = (
    "id", "user_id", "workspace_id", "title", "model_name", "parameters", "created_at", "updated_at"
)  # fmt: skip
MESSAGE_COLUMNS = ("id", "session_id", "parent_id", "role", "content", "token_count", "timestamp")
UPLOAD_COLUMNS = (
    "id", "user_id", "file", "original_name", "mime_type", "size_bytes", "checksum", "uploaded_at"
)  # fmt: skip
CONVERSATION_COLUMNS = (
    "id", "user_id", "title", "status", "message_count", "is_hidden", "created_at",
    "last_message_at", "last_opened_at", "archived_at",
)  # fmt: skip
CONVERSATION_MESSAGE_COLUMNS = (
    "id", "conversation_id", "role", "content", "msg_metadata", "created_at"
)  # fmt: skip


def tables(world: World) -> Iterator[Table]:
    """Yield the tables of the chat product."""
    rng = world.rng("sessions")
    opened = world.timeline.moments(rng, world.size("sessions"))
    threads = list(world.threads(rng, opened, world.size("messages")))
    yield Table(ChatSession, SESSION_COLUMNS, len(opened), _sessions(world, opened, threads))
    yield Table(Message, MESSAGE_COLUMNS, world.size("messages"), _messages(world, threads))
    yield Table(UploadedFile, UPLOAD_COLUMNS, world.size("uploaded_files"), _uploads(world))

    rng = world.rng("conversations")
    opened = world.timeline.moments(rng, world.size("conversations"))
    threads = list(world.threads(rng, opened, world.size("conversation_messages")))
    keys = [uuid_hex(rng) for _ in opened]
    yield Table(
        Conversation,
        CONVERSATION_COLUMNS,
        len(opened),
        _conversations(world, keys, opened, threads),
    )
    yield Table(
        ConversationMessage,
        CONVERSATION_MESSAGE_COLUMNS,
        world.size("conversation_messages"),
        _conversation_messages(world, keys, threads),
    )


def _sessions(world: World, opened: list[int], threads: list[list[int]]) -> Iterator[Row]:
    rng, timeline = world.rng("sessions/rows"), world.timeline
    workspaces = [None, None, *(uuid_hex(rng) for _ in range(40))]
    names = ["", "", *titles(rng, 800)]
    users = world.people.at(rng, opened)
    for pk, (user, moment, said) in enumerate(zip(users, opened, threads, strict=True), start=1):
        temperature = json.dumps({"temperature": rng.choice((0, 0.2, 0.7, 1))})
        yield (
            pk, user, workspaces[user % len(workspaces)], rng.choice(names), rng.choice(MODELS),
            temperature, timeline.text(moment), timeline.text(_last(said) or moment),
        )  # fmt: skip


def _is_notice(said: list[int], position: int) -> bool:
    """Whether a message is one that the product wrote itself, after months of silence."""
    return position > 0 and said[position] - said[position - 1] > 30 * DAY


def _last(said: list[int]) -> int | None:
    """Return when somebody last said something: a notice is not counted, and so may be younger."""
    return next((at for n, at in reversed([*enumerate(said)]) if not _is_notice(said, n)), None)


def _messages(world: World, threads: list[list[int]]) -> Iterator[Row]:
    """Yield the messages of all sessions in the order of time, each a reply to the one before."""
    rng, timeline = world.rng("messages"), world.timeline
    questions, answers = texts(rng, 1_500, median=90), texts(rng, 1_500, median=400)
    said = sorted(
        (moment, session, position)
        for session, moments in enumerate(threads, start=1)
        for position, moment in enumerate(moments)
    )
    last: dict[int, int] = {}
    for pk, (moment, session, position) in enumerate(said, start=1):
        is_notice = _is_notice(threads[session - 1], position)
        role = "system" if is_notice else "assistant" if position % 2 else "user"
        content = rng.choice(answers if position % 2 else questions)
        tokens = len(content) // 4 if position % 2 else None
        yield (pk, session, last.get(session), role, content, tokens, timeline.text(moment))
        last[session] = pk


def _uploads(world: World) -> Iterator[Row]:
    rng, timeline = world.rng("uploaded_files"), world.timeline
    names = titles(rng, 400, longest=60)
    for pk, user, moment in world.doings(rng, "uploaded_files"):
        mime_type, suffix = rng.choice(FILES)
        folder = timeline.date(moment)[:7].replace("-", "/")
        size = int(rng.lognormvariate(12, 1.8)) + 100
        yield (
            pk, user, f"uploads/{folder}/{token(rng, 12)}.{suffix}",
            f"{rng.choice(names)}.{suffix}",
            mime_type, size, f"{rng.getrandbits(256):064x}", timeline.text(moment),
        )  # fmt: skip


def _conversations(
    world: World, keys: list[str], opened: list[int], threads: list[list[int]]
) -> Iterator[Row]:
    """Yield conversations; half of those that have been silent for months are archived."""
    rng, timeline = world.rng("conversations/rows"), world.timeline
    names = titles(rng, 800)
    users = world.people.at(rng, opened)
    for key, user, moment, said in zip(keys, users, opened, threads, strict=True):
        last = _last(said)
        closed = timeline.later(last or moment, rng.uniform(30, 120) * DAY)
        archived = closed < timeline.end - 1 and rng.random() < 0.5
        looked = timeline.later(last or moment, rng.expovariate(1 / 6) * DAY)
        yield (
            key, user, rng.choice(names), "ARCHIVED" if archived else "ACTIVE", len(said),
            int(rng.random() < 0.06), timeline.text(moment), last and timeline.text(last),
            timeline.text(looked) if rng.random() < 0.8 else None,
            timeline.text(closed) if archived else None,
        )  # fmt: skip


def _conversation_messages(
    world: World, keys: list[str], threads: list[list[int]]
) -> Iterator[Row]:
    rng, timeline = world.rng("conversation_messages"), world.timeline
    questions, answers = texts(rng, 1_500, median=90), texts(rng, 1_500, median=500)
    answered = documents(
        rng,
        1_000,
        lambda r: {
            "request_id": uuid_hex(r),
            "tokens": r.randint(20, 2_400),
            "model_name": r.choice(MODELS),
            "latency_ms": int(r.lognormvariate(7, 0.6)),
        },
    )
    asked = documents(rng, 200, lambda r: {"request_id": uuid_hex(r)})
    said = sorted(
        (moment, number, position)
        for number, moments in enumerate(threads)
        for position, moment in enumerate(moments)
    )
    for moment, number, position in said:
        reply = position % 2
        is_system = (not position and number % 9 == 0) or _is_notice(threads[number], position)
        role = "system" if is_system else "assistant" if reply else "user"
        yield (
            uuid_hex(rng), keys[number], role, rng.choice(answers if reply else questions),
            rng.choice(answered if reply else asked), timeline.text(moment),
        )  # fmt: skip

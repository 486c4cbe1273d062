"""The two high-volume tables, column by column.

A million rows each leave no time for a decision per row, so a day's rows are made at once: every
column is drawn from a pool in which the shares are right already, and zip makes rows of them.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from example_project.life.models import FeedbackLog, StorySession

from .timeline import DAY, HOUR
from .words import documents, mix, text, texts, titles, token
from .world import Row, Table, World

FEEDBACK_COLUMNS = (
    "id", "user_id", "session_id", "feedback_type", "context_type", "context_id", "rating",
    "comment", "payload", "app_version", "created_at", "processed_at",
)  # fmt: skip
STORY_COLUMNS = (
    "id", "user_id", "title", "content_type", "summary_period", "processing_status", "story",
    "media", "duration_ms", "error_message", "created_at", "updated_at", "posted_at",
)  # fmt: skip
# type of feedback and rating: only "rating" has one
REACTIONS = mix(
    {
        ("implicit", None): 54, ("positive", None): 20, ("negative", None): 8,
        ("correction", None): 6, ("rating", 5): 6, ("rating", 4): 3, ("rating", 1): 2,
        ("rating", 3): 1,
    }
)  # fmt: skip
CONTEXTS = mix({"task": 38, "suggestion": 24, "goal": 14, "reminder": 12, "story": 8, "chat": 4})
CONTENT = mix({"text": 55, "image": 28, "video": 11, "audio": 6})
PERIODS = mix({"day": 70, "week": 22, "month": 7, "year": 1})
ERRORS = (
    "The model did not answer within 60 seconds.",
    "Too many requests; the quota of this hour is used up.",
    "The picture could not be read: unexpected end of file.",
    "ValueError: the summary has no paragraphs",
)


def tables(world: World) -> Iterator[Table]:
    """Yield the two high-volume tables."""
    yield Table(FeedbackLog, FEEDBACK_COLUMNS, world.rows, _feedback_logs(world))
    yield Table(StorySession, STORY_COLUMNS, world.rows, _story_sessions(world))


def _feedback_logs(world: World) -> Iterator[Row]:
    """Yield feedback in the order of time: what was never processed, or not yet, has a NULL."""
    rng, timeline, people = world.rng("feedback_logs"), world.timeline, world.people
    comments = ["", "", "", *texts(rng, 4_000, median=45, longest=12_000)]
    payloads = documents(rng, 3_000, _payload)
    versions = [f"{major}.{minor}.{patch}" for major in (3, 4) for minor in range(9)
                for patch in range(3)]  # fmt: skip
    subjects = [None, *range(1, world.size("tasks") + 1)]
    # Usually within the hour; one in eight hundred is forgotten.
    delays = [int(rng.expovariate(1 / 4) * HOUR) + 1 for _ in range(4_000)] + [None] * 5
    pk = 1
    for moments in timeline.days(rng, world.rows):
        count, choices = len(moments), rng.choices
        # A session gives some five reactions, all by one user.
        users = people.during(rng, moments[0], count // 5 + 1)
        visits = choices([(user, _session_id(rng, moments[0])) for user in users], k=count)
        reactions = choices(REACTIONS, k=count)
        yield from zip(
            range(pk, pk + count),
            [user for user, _ in visits],
            [session for _, session in visits],
            [kind for kind, _ in reactions],
            choices(CONTEXTS, k=count),
            choices(subjects, k=count),
            [rating for _, rating in reactions],
            choices(comments, k=count),
            choices(payloads, k=count),
            choices(versions, k=count),
            timeline.texts(moments),
            timeline.following(moments, choices(delays, k=count)),
            strict=True,
        )
        pk += count


def _session_id(rng: Random, moment: int) -> str:
    """Return a key that begins with its time, as a UUID of version 7 does."""
    return f"{moment:08x}-{rng.getrandbits(96):024x}"


def _payload(rng: Random) -> dict[str, Any]:
    payload = {
        "screen": rng.choice(("today", "inbox", "goal", "review")),
        "ms": rng.randint(9, 9999),
    }
    if rng.random() < 0.4:
        payload["device"] = {"os": rng.choice(("ios", "android", "web")), "id": token(rng, 16)}
    if rng.random() < 0.1:
        payload["before"], payload["after"] = text(rng, 60), text(rng, rng.randint(20, 200))
    if rng.random() < 0.004:
        payload["trail"] = [{"t": n, "event": token(rng, 12)} for n in range(rng.randint(50, 400))]
    return payload


def _story_sessions(world: World) -> Iterator[Row]:
    """Yield stories in the order of time; those of the last hours are not all finished yet."""
    rng, timeline, people = world.rng("story_sessions"), world.timeline, world.people
    names = titles(rng, 3_000)
    stories = texts(rng, 4_000, median=100, longest=30_000)
    media = documents(rng, 2_000, _media)
    outcomes = _outcomes(rng, stories)
    unfinished = [*outcomes[:600], *[("pending", "", None, None, 0, None)] * 300]
    unfinished += [("processing", "", None, None, 5, None)] * 100
    fresh, last = timeline.end - 8 * HOUR, timeline.end - 1
    pk = 1
    for moments in timeline.days(rng, world.rows):
        count, choices = len(moments), rng.choices
        old = sum(moment < fresh for moment in moments)
        drawn = choices(outcomes, k=old) + choices(unfinished, k=count - old)
        states, bodies, durations, errors, updates, posts = zip(*drawn, strict=True)
        yield from zip(
            range(pk, pk + count),
            people.during(rng, moments[0], count),
            choices(names, k=count),
            choices(CONTENT, k=count),
            choices(PERIODS, k=count),
            states,
            bodies,
            choices(media, k=count),
            durations,
            errors,
            timeline.texts(moments),
            timeline.texts([min(m + d, last) for m, d in zip(moments, updates, strict=True)]),
            timeline.following(moments, posts),
            strict=True,
        )
        pk += count


def _outcomes(rng: Random, stories: list[str]) -> list[Row]:
    """Return ends of a story: status, text, duration in ms, error, seconds to update and post."""
    ends = []
    for number in range(8_000):
        duration = int(rng.lognormvariate(8.3, 0.7))
        seconds = duration // 1_000 + 2
        if number % 25 == 24:
            ends.append(("failed", "", duration, rng.choice(ERRORS), seconds, None))
        else:
            posted = int(seconds + rng.expovariate(1 / 2) * DAY) if rng.random() < 0.4 else None
            ends.append(("completed", rng.choice(stories), duration, None, seconds, posted))
    return ends


def _media(rng: Random) -> list[dict[str, Any]]:
    return [
        {
            "url": f"media/{token(rng, 20)}.jpg",
            "width": rng.choice((640, 1080, 1920)),
            "alt": text(rng, 40),
        }
        for _ in range(int(rng.paretovariate(1.1)) % 40 if rng.random() < 0.2 else 0)
    ]

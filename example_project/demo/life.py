"""The smaller tables of the planning product: what people plan, attach, remember and prefer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from example_project.life.models import (
    Goal,
    LifeArea,
    MediaAttachment,
    MemoryItem,
    Task,
    UserPreference,
)

from .timeline import DAY
from .words import documents, listed, mix, texts, titles, token
from .world import Row, Table, World

AREAS = listed("Health Family Work Friends Money Learning Home Travel Music Garden Sport Reading")
PREFERENCES = listed(
    "theme locale timezone week_start digest reminders sounds currency start_page density beta"
)
# The one row that says: this database holds the demo, made of so many rows on such a day.
MARK_KEY = "demo"

AREA_COLUMNS = ("id", "user_id", "name", "icon", "position", "created_at", "updated_at")
GOAL_COLUMNS = (
    "id", "user_id", "life_area_id", "title", "description", "status", "target_date",
    "created_at", "updated_at",
)  # fmt: skip
TASK_COLUMNS = (
    "id", "user_id", "goal_id", "title", "notes", "status", "priority", "due_date",
    "completed_at", "created_at", "updated_at",
)  # fmt: skip
MEDIA_COLUMNS = (
    "id", "user_id", "goal_id", "task_id", "file", "file_type", "size_bytes", "caption",
    "created_at",
)  # fmt: skip
MEMORY_COLUMNS = ("id", "user_id", "content", "source", "importance", "details", "timestamp")
PREFERENCE_COLUMNS = ("id", "user_id", "key", "value", "created_at", "updated_at")


@dataclass(frozen=True)
class Owned:
    """A row that others hang on: whose it is and since when."""

    pk: int
    user: int
    moment: int


def tables(world: World) -> Iterator[Table]:
    """Yield the smaller tables of the planning product."""
    areas = _owned(world, "life_areas")
    goals = _owned(world, "goals")
    size = world.size
    yield Table(LifeArea, AREA_COLUMNS, size("life_areas"), _life_areas(world, areas))
    yield Table(Goal, GOAL_COLUMNS, size("goals"), _goal_rows(world, goals, areas))
    yield Table(Task, TASK_COLUMNS, size("tasks"), _task_rows(world, goals))
    yield Table(MediaAttachment, MEDIA_COLUMNS, size("media_attachments"), _media(world, goals))
    yield Table(MemoryItem, MEMORY_COLUMNS, size("memory_items"), _memory_items(world))
    yield Table(
        UserPreference, PREFERENCE_COLUMNS, size("user_preferences"), _user_preferences(world)
    )


def _owned(world: World, table: str) -> list[Owned]:
    """Return who makes the rows of `table`, and when, in the order of time."""
    rng = world.rng(f"{table}/owned")
    return [Owned(*doing) for doing in world.doings(rng, table)]


def _life_areas(world: World, areas: list[Owned]) -> Iterator[Row]:
    rng, timeline = world.rng("life_areas"), world.timeline
    for area in areas:
        name = rng.choice(AREAS)
        changed = timeline.later(area.moment, rng.expovariate(1 / 30) * DAY)
        yield (
            area.pk, area.user, name, name.lower() if rng.random() < 0.7 else "",
            rng.randrange(12), timeline.text(area.moment), timeline.text(changed),
        )  # fmt: skip


def _goal_rows(world: World, goals: list[Owned], areas: list[Owned]) -> Iterator[Row]:
    """Yield goals, each in an area that its user had at the time, where there is one."""
    rng, timeline = world.rng("goals"), world.timeline
    names, descriptions = titles(rng, 1_000), ["", *texts(rng, 800, median=160)]
    statuses = mix({"active": 38, "achieved": 34, "abandoned": 20, "paused": 8})
    by_user: dict[int, list[Owned]] = {}
    for area in areas:
        by_user.setdefault(area.user, []).append(area)
    for goal in goals:
        known = [a.pk for a in by_user.get(goal.user, ())[:20] if a.moment <= goal.moment]
        target = goal.moment + rng.randint(7, 400) * DAY if rng.random() < 0.6 else None
        changed = timeline.later(goal.moment, rng.expovariate(1 / 60) * DAY)
        yield (
            goal.pk, goal.user, rng.choice(known) if known else None, rng.choice(names),
            rng.choice(descriptions), rng.choice(statuses), target and timeline.date(target),
            timeline.text(goal.moment), timeline.text(changed),
        )  # fmt: skip


def _task_rows(world: World, goals: list[Owned]) -> Iterator[Row]:
    """Yield tasks: three of four serve a goal of their user, the others stand alone."""
    rng, timeline = world.rng("tasks"), world.timeline
    names, notes = titles(rng, 1_500), ["", "", *texts(rng, 800, median=120)]
    statuses = mix({"completed": 62, "open": 22, "in_progress": 6, "cancelled": 10})
    for pk, user, at in world.doings(rng, "tasks"):
        goal = rng.choice(goals) if rng.random() < 0.75 else None
        if goal:
            user, at = goal.user, timeline.later(goal.moment, rng.expovariate(1 / 40) * DAY)
        status = rng.choice(statuses)
        done = timeline.later(at, rng.expovariate(1 / 5) * DAY)
        due = at + rng.randint(1, 60) * DAY if rng.random() < 0.55 else None
        yield (
            pk, user, goal and goal.pk, rng.choice(names), rng.choice(notes), status,
            rng.randint(1, 5), due and timeline.date(due),
            timeline.text(done) if status == "completed" else None,
            timeline.text(at), timeline.text(done if status != "open" else at),
        )  # fmt: skip


def _media(world: World, goals: list[Owned]) -> Iterator[Row]:
    rng, timeline = world.rng("media_attachments"), world.timeline
    captions = ["", *titles(rng, 300)]
    kinds = mix({("image", "jpg"): 70, ("video", "mp4"): 8, ("audio", "m4a"): 10})
    kinds += mix({("document", "pdf"): 12})
    last_task = world.size("tasks")
    for pk, user, at in world.doings(rng, "media_attachments"):
        goal = rng.choice(goals) if rng.random() < 0.5 else None
        task = rng.randint(1, last_task) if goal is None and rng.random() < 0.7 else None
        kind, suffix = rng.choice(kinds)
        folder = timeline.date(at)[:7].replace("-", "/")
        yield (
            pk, goal.user if goal else user, goal and goal.pk, task,
            f"media/{folder}/{token(rng, 12)}.{suffix}", kind,
            int(rng.lognormvariate(13, 1.4)) + 100, rng.choice(captions), timeline.text(at),
        )  # fmt: skip


def _memory_items(world: World) -> Iterator[Row]:
    rng, timeline = world.rng("memory_items"), world.timeline
    contents = texts(rng, 1_000, median=140)
    sources = mix({"chat": 55, "story": 25, "import": 5, "manual": 15})
    details = documents(
        rng, 400, lambda r: {"tags": r.sample(AREAS, r.randint(0, 4)), "turn": r.randint(1, 80)}
    )
    for pk, user, at in world.doings(rng, "memory_items"):
        yield (
            pk, user, rng.choice(contents), rng.choice(sources),
            round(rng.betavariate(2, 3), 3), rng.choice(details), timeline.text(at),
        )  # fmt: skip


def _user_preferences(world: World) -> Iterator[Row]:
    """Yield the mark of the demo, then preferences; a user has each of them once."""
    rng, timeline = world.rng("user_preferences"), world.timeline
    made = json.dumps({"rows": world.rows, "day": world.day.isoformat(), "seed": world.seed})
    created = timeline.text(0)
    yield (1, world.mark_id, MARK_KEY, made, created, created)
    values = [json.dumps(v) for v in ("dark", "light", True, False, "de", "en", 0, 1, 30, None)]
    people, joined = world.people.ids, world.people.joined
    pairs = range(len(people) * len(PREFERENCES))
    chosen = rng.sample(pairs, min(world.size("user_preferences") - 1, len(pairs)))
    for pk, pair in enumerate(sorted(chosen), start=2):
        who, which = divmod(pair, len(PREFERENCES))
        at = timeline.text(timeline.later(joined[who], rng.expovariate(1 / 10) * DAY))
        yield (pk, people[who], PREFERENCES[which], rng.choice(values), at, at)

"""The document store: a few tenants own most documents, and most documents are short."""

import json
from collections.abc import Iterator
from itertools import accumulate

from example_project.documents.models import Branch, Document, DocumentChunk, Grove, Tenant

from .timeline import DAY, apportion
from .words import documents as json_pool
from .words import listed, mix, text, texts, titles, token
from .world import Row, Table, World

TENANT_COLUMNS = ("id", "name", "slug", "plan", "created_at")
DOCUMENT_COLUMNS = (
    "id", "tenant_id", "user_id", "title", "source_url", "status", "page_count", "labels",
    "created_at", "updated_at",
)  # fmt: skip
CHUNK_COLUMNS = ("id", "document_id", "chunk_index", "content", "token_count")
GROVE_COLUMNS = ("id", "client_app_id", "name", "config", "created_at")
BRANCH_COLUMNS = ("id", "grove_id", "name", "status", "head", "created_at")
LABELS = listed("contract invoice draft legal internal public 2024 2025 archive review")


def tables(world: World) -> Iterator[Table]:
    """Yield the tables of the document store."""
    size = world.size
    yield Table(Tenant, TENANT_COLUMNS, size("tenants"), _tenants(world))
    yield Table(Document, DOCUMENT_COLUMNS, size("documents"), _documents(world))
    yield Table(DocumentChunk, CHUNK_COLUMNS, size("document_chunks"), _chunks(world))
    yield Table(Grove, GROVE_COLUMNS, size("groves"), _groves(world))
    yield Table(Branch, BRANCH_COLUMNS, size("branches"), _branches(world))


def _tenants(world: World) -> Iterator[Row]:
    rng, timeline = world.rng("tenants"), world.timeline
    plans = mix({"free": 60, "team": 30, "enterprise": 10})
    for pk in range(1, world.size("tenants") + 1):
        name = text(rng, 24)
        created = timeline.text(rng.randrange(timeline.start))
        yield (pk, name, f"tenant-{pk}-{token(rng, 6)}", rng.choice(plans), created)


def _documents(world: World) -> Iterator[Row]:
    rng, timeline = world.rng("documents"), world.timeline
    count = world.size("tenants")
    bounds = list(accumulate(1 / rank for rank in range(1, count + 1)))
    names = titles(rng, 1_000)
    labels = json_pool(rng, 300, lambda r: r.sample(LABELS, r.choice((0, 0, 1, 1, 2, 5))))
    done, fresh = mix({"ready": 95, "failed": 5}), mix({"uploaded": 4, "indexing": 3, "ready": 3})
    moments = timeline.moments(rng, world.size("documents"))
    owners = rng.choices(range(1, count + 1), cum_weights=bounds, k=len(moments))
    users = world.people.at(rng, moments)
    for pk, (tenant, user, at) in enumerate(zip(owners, users, moments, strict=True), start=1):
        status = rng.choice(done if at < timeline.end - DAY else fresh)
        url = f"https://example.com/{token(rng, 16)}" if rng.random() < 0.3 else None
        pages = int(rng.paretovariate(1.1)) if status == "ready" else None
        changed = timeline.later(at, rng.expovariate(1 / 3_000))
        yield (
            pk, tenant, user, rng.choice(names), url, status, pages and min(pages, 3_000),
            rng.choice(labels), timeline.text(at), timeline.text(changed),
        )  # fmt: skip


def _chunks(world: World) -> Iterator[Row]:
    """Yield the chunks of each document: most documents have one or two, a few hundreds."""
    rng = world.rng("document_chunks")
    contents = texts(rng, 1_500, median=600, longest=4_000)
    weights = [rng.paretovariate(1.1) for _ in range(world.size("documents"))]
    pk = 0
    for document, number in enumerate(apportion(weights, world.size("document_chunks")), start=1):
        for index in range(number):
            pk += 1
            content = rng.choice(contents)
            yield (pk, document, index, content, len(content) // 4)


def _groves(world: World) -> Iterator[Row]:
    rng, timeline = world.rng("groves"), world.timeline
    apps = [f"app-{token(rng, 10)}" for _ in range(max(world.size("groves") // 12, 2))]
    names = titles(rng, 300, longest=60)
    for pk, at in enumerate(timeline.moments(rng, world.size("groves")), start=1):
        # The square of a chance favours the first applications.
        app = apps[int(rng.random() ** 2 * len(apps))]
        config = json.dumps({"depth": rng.randint(1, 9), "shared": rng.random() < 0.2})
        yield (pk, app, rng.choice(names), config, timeline.text(at))


def _branches(world: World) -> Iterator[Row]:
    rng, timeline = world.rng("branches"), world.timeline
    statuses = mix({"open": 22, "merged": 65, "closed": 13})
    last = world.size("groves")
    for pk, at in enumerate(timeline.moments(rng, world.size("branches")), start=1):
        head = f"{rng.getrandbits(160):040x}" if rng.random() < 0.9 else ""
        grove = int(rng.random() ** 2 * last) + 1
        yield (pk, grove, f"branch/{token(rng, 8)}", rng.choice(statuses), head, timeline.text(at))

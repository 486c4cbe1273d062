"""All tables of the families, and what has to have left them."""

from datetime import UTC, datetime, timedelta

from tests.famapp import models
from tests.testapp import raw

NOW = datetime.now(tz=UTC)
OLD = NOW - timedelta(days=1000)
YOUNG = NOW - timedelta(days=1)

PAIRS = (
    (models.Story, models.StoryArchive),
    (models.Chapter, models.ChapterArchive),
    (models.Line, models.LineArchive),
    (models.Picture, models.PictureArchive),
    (models.Story.tags.through, models.StoryTagArchive),
    (models.Case, models.CaseArchive),
    (models.Paper, models.PaperArchive),
)


def rows():
    """Return the rows of all sources, table by table, exactly as they are."""
    return {source: _rows(source, source) for source, _ in PAIRS}


def archived():
    """Return the rows of all archives without what the archive adds."""
    return {source: _rows(source, archive) for source, archive in PAIRS}


def _rows(source, model):
    names = [field.column for field in source._meta.local_concrete_fields]
    return raw.rows(model._meta.db_table, names)


def together():
    """Return the rows of sources and archives put together."""
    inside, outside = rows(), archived()
    return {source: inside[source] + outside[source] for source in inside}


def keys(model):
    """Return the keys of a model's rows."""
    return set(model._base_manager.values_list("pk", flat=True))


def story(created_at=OLD, *, chapters=(), tags=0, pictures=0):
    """Make a story; each chapter is (written_at, moments of its lines)."""
    made = models.Story.objects.create(created_at=created_at)
    for written_at, moments in chapters:
        chapter = models.Chapter.objects.create(story=made, written_at=written_at)
        for moment in moments:
            models.Line.objects.create(chapter=chapter, said_at=moment)
        models.Picture.objects.create(chapter=chapter, story=made)
    for number in range(tags):
        made.tags.add(models.Tag.objects.create(name=f"tag {number}"))
    for _ in range(pictures):
        models.Picture.objects.create(story=made)
    return made

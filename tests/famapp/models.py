"""Stories with chapters, lines that answer lines, pictures of either, and tags of many."""

from datetime import timedelta

from django.db import models

from dbhealth.archive import ArchiveModel, ArchivePolicy


class Tag(models.Model):
    name = models.CharField(max_length=20)

    def __str__(self) -> str:
        return self.name


class Story(models.Model):
    created_at = models.DateTimeField(db_index=True)
    title = models.CharField(max_length=40, blank=True)
    tags = models.ManyToManyField(Tag)

    def __str__(self) -> str:
        return self.title


class Chapter(models.Model):
    story = models.ForeignKey(Story, on_delete=models.CASCADE)
    written_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"chapter {self.pk}"


class Line(models.Model):
    chapter = models.ForeignKey(Chapter, on_delete=models.PROTECT)
    answers = models.ForeignKey("self", null=True, on_delete=models.CASCADE)
    said_at = models.DateTimeField()
    text = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.text


class Picture(models.Model):
    """Belongs to a story or to one of its chapters, and has no age of its own."""

    story = models.ForeignKey(Story, null=True, on_delete=models.SET_NULL)
    chapter = models.ForeignKey(Chapter, null=True, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return f"picture {self.pk}"


class Star(models.Model):
    """Nothing archives stars."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return f"star {self.pk}"


class LineArchive(ArchiveModel, source=Line):
    policy = ArchivePolicy(timestamp_field="said_at")


class PictureArchive(ArchiveModel, source=Picture):
    pass


class ChapterArchive(ArchiveModel, source=Chapter):
    policy = ArchivePolicy(timestamp_field="written_at", children=[LineArchive, PictureArchive])


class StoryTagArchive(ArchiveModel, source=Story.tags.through):
    pass


class StoryArchive(ArchiveModel, source=Story):
    policy = ArchivePolicy(
        timestamp_field="created_at",
        retention=timedelta(days=90),
        children=[ChapterArchive, PictureArchive, "famapp.StoryTagArchive"],
    )


class Case(models.Model):
    opened_at = models.DateTimeField(db_index=True)
    part_of = models.ForeignKey("self", null=True, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return f"case {self.pk}"


class Paper(models.Model):
    case = models.ForeignKey(Case, on_delete=models.CASCADE, db_constraint=False)
    filed_at = models.DateTimeField(db_index=True)
    is_sealed = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"paper {self.pk}"


class PaperArchive(ArchiveModel, source=Paper):
    policy = ArchivePolicy(
        timestamp_field="filed_at",
        retention=timedelta(days=365),
        where=models.Q(is_sealed=False),
    )


class CaseArchive(ArchiveModel, source=Case):
    policy = ArchivePolicy(
        timestamp_field="opened_at",
        retention=timedelta(days=90),
        children=[PaperArchive],
        children_newer="move",
    )

"""The tables of the document store.

Where an index begins with a foreign key, that key has db_index=False: the index that Django would
make for it by itself would only repeat the declared one.
"""

from django.conf import settings
from django.db import models


class Tenant(models.Model):
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    plan = models.CharField(max_length=16, default="free")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "tenants"

    def __str__(self) -> str:
        return self.name


class Document(models.Model):
    class Status(models.TextChoices):
        UPLOADED = "uploaded"
        INDEXING = "indexing"
        READY = "ready"
        FAILED = "failed"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="documents", db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="documents", db_index=False
    )
    title = models.CharField(max_length=300)
    # NULL: uploaded, not fetched
    source_url = models.URLField(max_length=500, null=True, blank=True)  # noqa: DJ001
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.UPLOADED)
    page_count = models.PositiveIntegerField(null=True, blank=True)
    labels = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "documents"
        indexes = [
            models.Index(fields=["tenant", "user"], name="idx_documents_tenant"),
            models.Index(fields=["user"], name="idx_documents_user_id"),
            models.Index(fields=["created_at"], name="idx_documents_created_at"),
            models.Index(fields=["status"], name="idx_documents_status"),
        ]

    def __str__(self) -> str:
        return self.title


class DocumentChunk(models.Model):
    document = models.ForeignKey(Document, models.CASCADE, related_name="chunks", db_index=False)
    chunk_index = models.PositiveIntegerField()
    content = models.TextField()
    token_count = models.PositiveIntegerField()

    class Meta:
        db_table = "document_chunks"
        indexes = [
            models.Index(fields=["document"], name="idx_chunks_document_id"),
            models.Index(fields=["chunk_index"], name="idx_chunks_chunk_index"),
            # Lists the chunks of a document without a look at the table, whose rows are long.
            models.Index(fields=["document"], include=["chunk_index"], name="idx_chunks_covering"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.chunk_index} of document {self.document_id}"


class Grove(models.Model):
    # The application that owns the grove, known to another service under this id.
    client_app_id = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    config = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "groves"
        indexes = [
            models.Index(fields=["client_app_id"], name="idx_groves_client_app_id"),
            models.Index(fields=["created_at"], name="idx_groves_created_at"),
        ]

    def __str__(self) -> str:
        return self.name


class Branch(models.Model):
    class Status(models.TextChoices):
        OPEN = "open"
        MERGED = "merged"
        CLOSED = "closed"

    grove = models.ForeignKey(Grove, models.CASCADE, related_name="branches", db_index=False)
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    head = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "branches"
        verbose_name_plural = "branches"
        indexes = [
            models.Index(fields=["grove"], name="idx_branches_grove_id"),
            models.Index(fields=["status"], name="idx_branches_status"),
        ]

    def __str__(self) -> str:
        return self.name

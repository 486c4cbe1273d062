"""The tables of the chat product, and the archives of its two families.

Where an index below begins with a foreign key, that key has db_index=False: the index that Django
would make for it by itself would only repeat the declared one.
"""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from dbhealth.archive import ArchiveModel, ArchivePolicy


class Role(models.TextChoices):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class ChatSession(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="chat_sessions", db_index=False
    )
    # NULL: not in any workspace
    workspace_id = models.CharField(max_length=36, null=True, blank=True)  # noqa: DJ001
    title = models.CharField(max_length=200, blank=True)
    model_name = models.CharField(max_length=64)
    parameters = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "sessions"
        indexes = [
            models.Index(fields=["user"], name="idx_sessions_user_id"),
            models.Index(fields=["workspace_id"], name="idx_sessions_workspace_id"),
            models.Index(fields=["created_at"], name="idx_sessions_created_at"),
            models.Index(fields=["updated_at"], name="idx_sessions_updated_at"),
            models.Index(fields=["user", "-updated_at"], name="idx_sessions_user_updated"),
        ]

    def __str__(self) -> str:
        return self.title or f"session {self.pk}"


class Message(models.Model):
    session = models.ForeignKey(
        ChatSession, models.CASCADE, related_name="messages", db_index=False
    )
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="replies", db_index=False
    )
    role = models.CharField(max_length=16, choices=Role.choices)
    content = models.TextField()
    token_count = models.PositiveIntegerField(null=True, blank=True)
    timestamp = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "messages"
        indexes = [
            models.Index(fields=["session"], name="idx_messages_session_id"),
            models.Index(fields=["timestamp"], name="idx_messages_timestamp"),
            models.Index(fields=["role"], name="idx_messages_role"),
            models.Index(fields=["parent"], name="idx_messages_parent_id"),
            models.Index(fields=["session", "timestamp"], name="idx_messages_session_timestamp"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"


class UploadedFile(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="uploads", db_index=False
    )
    file = models.FileField(upload_to="uploads/%Y/%m", max_length=255)
    original_name = models.CharField(max_length=255)
    mime_type = models.CharField(max_length=127)
    size_bytes = models.PositiveBigIntegerField()
    checksum = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "uploaded_files"
        indexes = [
            models.Index(fields=["user"], name="idx_uploaded_files_user_id"),
            models.Index(fields=["uploaded_at"], name="idx_uploaded_files_uploaded_at"),
            models.Index(fields=["mime_type"], name="idx_uploaded_files_mime_type"),
            # In full: idx_uploaded_files_user_uploaded
            models.Index(fields=["user", "-uploaded_at"], name="idx_uploaded_files_user_upload"),
        ]

    def __str__(self) -> str:
        return self.original_name


class Conversation(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        ARCHIVED = "ARCHIVED"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations", db_index=False
    )
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    message_count = models.PositiveIntegerField(default=0)
    is_hidden = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    last_opened_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "conversations"
        indexes = [
            models.Index(fields=["status"], name="idx_conv_status"),
            models.Index(fields=["user", "last_message_at"], name="idx_conv_last_message"),
            models.Index(
                fields=["user", "is_hidden", "last_opened_at", "last_message_at"],
                name="idx_conv_visibility",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ConversationMessage(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="messages", db_index=False
    )
    role = models.CharField(max_length=16, choices=Role.choices)
    content = models.TextField()
    # request_id, tokens, model_name, latency_ms
    msg_metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "conversation_messages"
        indexes = [
            models.Index(fields=["conversation", "created_at"], name="idx_conv_msg_created"),
            models.Index(fields=["role", "created_at"], name="idx_conv_msg_role_created"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:60]}"


class MessageArchive(ArchiveModel, source=Message):
    policy = ArchivePolicy(timestamp_field="timestamp")


class ChatSessionArchive(ArchiveModel, source=ChatSession):
    """A session leaves a year after its last change, unless a message in it is younger."""

    policy = ArchivePolicy(
        timestamp_field="updated_at",
        retention=timedelta(days=365),
        children=[MessageArchive],
    )


class ConversationMessageArchive(ArchiveModel, source=ConversationMessage):
    policy = ArchivePolicy(timestamp_field="created_at")


class ConversationArchive(ArchiveModel, source=Conversation):
    """Only what its user has put aside leaves; what is still in their list never does."""

    policy = ArchivePolicy(
        timestamp_field="last_message_at",
        retention=timedelta(days=180),
        where=Q(status=Conversation.Status.ARCHIVED),
        children=[ConversationMessageArchive],
    )

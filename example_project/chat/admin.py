"""The chat product in the admin.

show_full_result_count is off where a table grows: counting all rows would read all of them.
"""

from django.contrib import admin

from dbhealth.admin import ArchiveAdmin

from .models import (
    ChatSession,
    ChatSessionArchive,
    Conversation,
    ConversationArchive,
    ConversationMessage,
    ConversationMessageArchive,
    Message,
    MessageArchive,
    UploadedFile,
)


@admin.register(ChatSession)
class ChatSessionAdmin(admin.ModelAdmin):
    list_display = ("__str__", "user", "model_name", "created_at", "updated_at")
    list_select_related = ("user",)
    list_filter = ("model_name",)
    raw_id_fields = ("user",)
    show_full_result_count = False


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ("__str__", "session", "role", "timestamp")
    list_select_related = ("session",)
    list_filter = ("role",)
    raw_id_fields = ("session", "parent")
    show_full_result_count = False


@admin.register(UploadedFile)
class UploadedFileAdmin(admin.ModelAdmin):
    list_display = ("original_name", "user", "mime_type", "size_bytes", "uploaded_at")
    list_select_related = ("user",)
    list_filter = ("mime_type",)
    raw_id_fields = ("user",)


@admin.register(Conversation)
class ConversationAdmin(admin.ModelAdmin):
    list_display = ("title", "user", "status", "message_count", "last_message_at")
    list_select_related = ("user",)
    list_filter = ("status", "is_hidden")
    raw_id_fields = ("user",)


@admin.register(ConversationMessage)
class ConversationMessageAdmin(admin.ModelAdmin):
    list_display = ("__str__", "conversation", "role", "created_at")
    list_select_related = ("conversation",)
    list_filter = ("role",)
    raw_id_fields = ("conversation",)
    show_full_result_count = False


@admin.register(ChatSessionArchive)
class ChatSessionArchiveAdmin(ArchiveAdmin):
    list_display = ("id", "title", "user_id", "updated_at", "archived_at")


@admin.register(MessageArchive)
class MessageArchiveAdmin(ArchiveAdmin):
    list_display = ("id", "session_id", "parent_id", "role", "timestamp", "archived_at")


@admin.register(ConversationArchive)
class ConversationArchiveAdmin(ArchiveAdmin):
    # archived_at is the product's own column, of the moment at which a user put it aside.
    list_display = ("title", "user_id", "last_message_at", "archived_at", "dbhealth_archived_at")


@admin.register(ConversationMessageArchive)
class ConversationMessageArchiveAdmin(ArchiveAdmin):
    list_display = ("id", "conversation_id", "role", "created_at", "archived_at")

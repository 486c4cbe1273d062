"""The planning product in the admin.

show_full_result_count is off where a table grows: counting all rows would read all of them.
"""

from django.contrib import admin

from dbhealth.admin import ArchiveAdmin

from .models import (
    FeedbackLog,
    FeedbackLogArchive,
    Goal,
    GoalArchive,
    LifeArea,
    MediaAttachment,
    MediaAttachmentArchive,
    MemoryItem,
    StorySession,
    StorySessionArchive,
    Task,
    TaskArchive,
)


@admin.register(LifeArea)
class LifeAreaAdmin(admin.ModelAdmin):
    list_display = ("name", "user", "position", "created_at")
    list_select_related = ("user",)
    raw_id_fields = ("user",)


@admin.register(Goal)
class GoalAdmin(admin.ModelAdmin):
    list_display = ("title", "user", "status", "target_date", "created_at")
    list_select_related = ("user",)
    list_filter = ("status",)
    raw_id_fields = ("user", "life_area")


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin):
    list_display = ("title", "user", "status", "priority", "due_date", "created_at")
    list_select_related = ("user",)
    list_filter = ("status", "priority")
    raw_id_fields = ("user", "goal")
    show_full_result_count = False


@admin.register(MediaAttachment)
class MediaAttachmentAdmin(admin.ModelAdmin):
    list_display = ("__str__", "user", "file_type", "size_bytes", "created_at")
    list_select_related = ("user",)
    list_filter = ("file_type",)
    raw_id_fields = ("user", "goal", "task")


@admin.register(MemoryItem)
class MemoryItemAdmin(admin.ModelAdmin):
    list_display = ("__str__", "user", "source", "importance", "timestamp")
    list_select_related = ("user",)
    list_filter = ("source",)
    raw_id_fields = ("user",)


@admin.register(FeedbackLog)
class FeedbackLogAdmin(admin.ModelAdmin):
    list_display = ("created_at", "user", "feedback_type", "context_type", "rating", "processed_at")
    list_select_related = ("user",)
    list_filter = ("feedback_type", "context_type")
    raw_id_fields = ("user",)
    show_full_result_count = False


@admin.register(StorySession)
class StorySessionAdmin(admin.ModelAdmin):
    list_display = ("title", "user", "content_type", "processing_status", "created_at", "posted_at")
    list_select_related = ("user",)
    list_filter = ("processing_status", "content_type", "summary_period")
    raw_id_fields = ("user",)
    show_full_result_count = False


@admin.register(GoalArchive)
class GoalArchiveAdmin(ArchiveAdmin):
    list_display = ("title", "user_id", "status", "updated_at", "archived_at")


@admin.register(TaskArchive)
class TaskArchiveAdmin(ArchiveAdmin):
    list_display = ("title", "user_id", "goal_id", "status", "updated_at", "archived_at")


@admin.register(MediaAttachmentArchive)
class MediaAttachmentArchiveAdmin(ArchiveAdmin):
    list_display = ("file", "user_id", "goal_id", "task_id", "created_at", "archived_at")


@admin.register(FeedbackLogArchive)
class FeedbackLogArchiveAdmin(ArchiveAdmin):
    list_display = ("created_at", "user_id", "feedback_type", "context_type", "archived_at")


@admin.register(StorySessionArchive)
class StorySessionArchiveAdmin(ArchiveAdmin):
    list_display = ("title", "user_id", "content_type", "created_at", "archived_at")

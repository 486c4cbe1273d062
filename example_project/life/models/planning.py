"""What people plan: areas of life, goals in them, tasks towards a goal."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class LifeArea(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="life_areas", db_index=False
    )
    name = models.CharField(max_length=80)
    icon = models.CharField(max_length=32, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "life_areas"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="ix_life_areas_user_created"),
            models.Index(fields=["user", "name"], name="ix_life_areas_user_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Goal(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        ACHIEVED = "achieved"
        ABANDONED = "abandoned"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="goals", db_index=False
    )
    life_area = models.ForeignKey(
        LifeArea, models.SET_NULL, null=True, blank=True, related_name="goals", db_index=False
    )
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    target_date = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "goals"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="ix_goals_user_created"),
            models.Index(fields=["user", "status"], name="ix_goals_user_status"),
            models.Index(fields=["life_area", "-created_at"], name="ix_goals_life_area_created"),
        ]

    def __str__(self) -> str:
        return self.title


class Task(models.Model):
    class Status(models.TextChoices):
        OPEN = "open"
        IN_PROGRESS = "in_progress"
        COMPLETED = "completed"
        CANCELLED = "cancelled"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="tasks", db_index=False
    )
    goal = models.ForeignKey(
        Goal, models.CASCADE, null=True, blank=True, related_name="tasks", db_index=False
    )
    title = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    priority = models.PositiveSmallIntegerField(default=3)
    due_date = models.DateField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "tasks"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="ix_tasks_user_created"),
            models.Index(fields=["user", "status"], name="ix_tasks_user_status"),
            models.Index(fields=["goal", "-created_at"], name="ix_tasks_goal_created"),
            models.Index(
                fields=["user", "due_date"],
                name="ix_tasks_due_date",
                condition=Q(due_date__isnull=False),
            ),
            models.Index(
                fields=["user", "-created_at"],
                name="ix_tasks_completed",
                condition=Q(status="completed"),
            ),
        ]

    def __str__(self) -> str:
        return self.title

"""For each index of the example the query that it exists for, as the product would send it.

Runs in a process of the example project: see ``test_indexes_proved``.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max, Model, QuerySet

from dbhealth.indexes.testing import assert_uses_index
from example_project.accounts.models import User
from example_project.chat.models import (
    ChatSession,
    Conversation,
    ConversationMessage,
    Message,
    UploadedFile,
)
from example_project.demo import world
from example_project.demo.loading import load
from example_project.demo.making import tables
from example_project.documents.models import Branch, Document, DocumentChunk, Grove
from example_project.life.models import (
    FeedbackLog,
    Goal,
    LifeArea,
    MediaAttachment,
    MemoryItem,
    StorySession,
    Task,
    UserPreference,
)
from example_project.stock.models import Artikel, Charge, Lagerbewegung

DAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROWS = 6_000
FEWEST = 3_000


def fill() -> None:
    """Load the demo with as many rows in every table as it takes for an index to matter."""
    for table in set(world.SIZES) - {"tenants"}:
        world.SIZES[table] = (1, FEWEST, FEWEST)
    load(tables(world.World(ROWS, DAY)), lambda table, rows: None)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # As autovacuum leaves tables: it alone lets an index answer without the table.
            cursor.execute("VACUUM ANALYZE")


def busiest(model: type[Model], field: str, rank: int = 0) -> Any:
    """Return the value of a column that stands in the most rows, or one that comes after it."""
    values = model._base_manager.exclude(**{field: None}).values_list(field, flat=True)
    return Counter(values).most_common(rank + 1)[rank][0]


def ordinary(model: type[Model], field: str) -> Any:
    """Return a value of a column that stands in a middling number of rows."""
    counted = Counter(model._base_manager.exclude(**{field: None}).values_list(field, flat=True))
    return counted.most_common()[len(counted) // 2][0]


def newest(model: type[Model], field: str, share: int = 100) -> datetime:
    """Return the moment since which a hundredth of the rows have come."""
    moments = model._base_manager.exclude(**{field: None}).order_by(f"-{field}")
    return moments.values_list(field, flat=True)[moments.count() // share]


def queries() -> dict[str, QuerySet[Any] | Callable[[], object]]:
    """Return the query of each index."""
    return {**_accounts(), **_chat(), **_conversations(), **_plans(), **_events(), **_others()}


def prove() -> dict[str, str]:
    """Return for each index what is wrong with its proof; empty where it is used."""
    answer = {}
    for name, query in queries().items():
        try:
            assert_uses_index(query, name)
            answer[name] = ""
        except AssertionError as error:
            answer[name] = str(error)
    return answer


def whole_list(rows: QuerySet[Any]) -> Callable[[], object]:
    """Return what a page does with all rows of somebody: count them, list them as they came.

    A longer index that begins with the same column could serve as well. PostgreSQL counts in the
    narrower one, SQLite takes the one in which the rows of one key stand in the order of their ids.
    """
    return lambda: (rows.count(), list(rows.order_by("pk")))


def _accounts() -> dict[str, Any]:
    return {
        # the few administrators
        "idx_users_role": User.objects.filter(role=User.Role.ADMIN),
        # those who were shut out; written so because SQLite has no index for "NOT is_active", into
        # which Django turns is_active=False
        "idx_users_is_active": User.objects.filter(is_active__in=[False]),
        # a login by way of GitHub
        "idx_users_github_username": User.objects.filter(
            github_username=ordinary(User, "github_username")
        ),
        # who was here lately
        "idx_users_last_login": User.objects.filter(last_login__gte=newest(User, "last_login")),
    }


def _chat() -> dict[str, Any]:
    session = busiest(Message, "session_id")
    mine = ChatSession.objects.filter(user=busiest(ChatSession, "user_id"))
    yours = ChatSession.objects.filter(user=busiest(ChatSession, "user_id", 10))
    uploads = UploadedFile.objects.filter(user=busiest(UploadedFile, "user_id"))
    others = UploadedFile.objects.filter(user=busiest(UploadedFile, "user_id", 10))
    return {
        "idx_sessions_user_id": whole_list(mine),
        "idx_sessions_workspace_id": ChatSession.objects.filter(
            workspace_id=ordinary(ChatSession, "workspace_id")
        ),
        "idx_sessions_created_at": ChatSession.objects.order_by("-created_at")[:20],
        "idx_sessions_updated_at": ChatSession.objects.filter(
            updated_at__gte=newest(ChatSession, "updated_at")
        ),
        "idx_sessions_user_updated": yours.order_by("-updated_at")[:10],
        "idx_messages_session_id": whole_list(Message.objects.filter(session=session)),
        "idx_messages_timestamp": Message.objects.filter(
            timestamp__gte=newest(Message, "timestamp")
        ),
        "idx_messages_role": lambda: Message.objects.filter(role="system").count(),
        "idx_messages_parent_id": Message.objects.filter(parent=ordinary(Message, "parent_id")),
        "idx_messages_session_timestamp": Message.objects.filter(session=session).order_by(
            "-timestamp"
        )[:10],
        "idx_uploaded_files_user_id": whole_list(uploads),
        "idx_uploaded_files_uploaded_at": UploadedFile.objects.filter(
            uploaded_at__gte=newest(UploadedFile, "uploaded_at")
        ),
        "idx_uploaded_files_mime_type": UploadedFile.objects.filter(
            mime_type=Counter(
                UploadedFile.objects.values_list("mime_type", flat=True)
            ).most_common()[-1][0]
        ),
        "idx_uploaded_files_user_upload": others.order_by("-uploaded_at")[:10],
    }


def _conversations() -> dict[str, Any]:
    user = busiest(Conversation, "user_id")
    mine = Conversation.objects.filter(user=user)
    return {
        "idx_conv_status": lambda: Conversation.objects.filter(status="ARCHIVED").count(),
        "idx_conv_last_message": mine.order_by("last_message_at")[:20],
        "idx_conv_visibility": mine.filter(is_hidden=False).order_by(
            "last_opened_at", "last_message_at"
        )[:20],
        "idx_conv_msg_created": ConversationMessage.objects.filter(
            conversation=busiest(ConversationMessage, "conversation_id")
        ).order_by("created_at")[:50],
        "idx_conv_msg_role_created": ConversationMessage.objects.filter(
            role="assistant", created_at__gte=newest(ConversationMessage, "created_at")
        ),
    }


def _plans() -> dict[str, Any]:
    def of(model: Any) -> Any:
        return model.objects.filter(user=busiest(model, "user_id"))

    area = LifeArea.objects.order_by("pk")[LifeArea.objects.count() // 2]
    return {
        "ix_life_areas_user_created": of(LifeArea).order_by("-created_at")[:10],
        "ix_life_areas_user_name": LifeArea.objects.filter(user=area.user, name=area.name),
        "ix_goals_user_created": of(Goal).order_by("-created_at")[:20],
        "ix_goals_user_status": of(Goal).filter(status="paused"),
        "ix_goals_life_area_created": Goal.objects.filter(
            life_area=busiest(Goal, "life_area_id")
        ).order_by("-created_at")[:20],
        "ix_tasks_user_created": of(Task).order_by("-created_at")[:20],
        "ix_tasks_user_status": of(Task).filter(status="in_progress"),
        "ix_tasks_goal_created": Task.objects.filter(goal=busiest(Task, "goal_id")).order_by(
            "-created_at"
        )[:20],
        "ix_tasks_due_date": of(Task).filter(due_date__lte=DAY).order_by("due_date")[:10],
        "ix_tasks_completed": of(Task).filter(status="completed").order_by("-created_at")[:20],
        "ix_media_user_created": of(MediaAttachment).order_by("-created_at")[:20],
        "ix_media_user_type": of(MediaAttachment).filter(file_type="video"),
        "ix_media_goal": MediaAttachment.objects.filter(
            goal=busiest(MediaAttachment, "goal_id")
        ).order_by("-created_at")[:20],
        "ix_media_task": MediaAttachment.objects.filter(
            task=busiest(MediaAttachment, "task_id")
        ).order_by("-created_at")[:20],
        "ix_memory_user_timestamp": of(MemoryItem).order_by("-timestamp")[:20],
        "ix_user_prefs_user_created": of(UserPreference).order_by("-created_at")[:5],
    }


def _events() -> dict[str, Any]:
    feedback = FeedbackLog.objects.filter(user=busiest(FeedbackLog, "user_id"))
    stories = StorySession.objects.filter(user=busiest(StorySession, "user_id"))
    return {
        "ix_feedback_user_created": feedback.order_by("-created_at")[:20],
        "ix_feedback_user_type": lambda: feedback.filter(feedback_type="correction").count(),
        "ix_feedback_context": FeedbackLog.objects.filter(context_type="story").order_by(
            "-created_at"
        )[:20],
        "ix_feedback_session": FeedbackLog.objects.filter(
            session_id=busiest(FeedbackLog, "session_id")
        ).order_by("-created_at")[:20],
        # what nobody has processed yet, the work of a queue
        "ix_feedback_processed": FeedbackLog.objects.filter(processed_at__isnull=True)[:100],
        "ix_story_user_created": stories.order_by("-created_at")[:20],
        "ix_story_user_status": stories.filter(processing_status="failed"),
        "ix_story_user_period": lambda: stories.filter(summary_period="year").count(),
        "ix_story_posted_at": StorySession.objects.filter(
            posted_at__gte=newest(StorySession, "posted_at")
        ),
        "ix_story_content_type": StorySession.objects.filter(content_type="audio").order_by(
            "-created_at"
        )[:20],
    }


def _others() -> dict[str, Any]:
    chunks = DocumentChunk.objects.filter(document=busiest(DocumentChunk, "document_id"))
    author = busiest(Document, "user_id")
    tenant = Document.objects.filter(user=author).values_list("tenant_id", flat=True)[0]
    return {
        "idx_documents_tenant": Document.objects.filter(tenant=tenant, user=author),
        "idx_documents_user_id": Document.objects.filter(user=ordinary(Document, "user_id")),
        "idx_documents_created_at": Document.objects.order_by("-created_at")[:20],
        "idx_documents_status": Document.objects.filter(status="failed"),
        "idx_chunks_document_id": whole_list(chunks),
        "idx_chunks_chunk_index": DocumentChunk.objects.filter(
            chunk_index=DocumentChunk.objects.aggregate(most=Max("chunk_index"))["most"]
        ),
        "idx_chunks_covering": chunks.values_list("chunk_index", flat=True),
        "idx_groves_client_app_id": Grove.objects.filter(
            client_app_id=ordinary(Grove, "client_app_id")
        ),
        "idx_groves_created_at": Grove.objects.order_by("-created_at")[:20],
        "idx_branches_grove_id": Branch.objects.filter(grove=ordinary(Branch, "grove_id")),
        "idx_branches_status": lambda: Branch.objects.filter(status="closed").count(),
        "idx_artikel_kat_name": Artikel.objects.filter(
            kategorie=ordinary(Artikel, "kategorie")
        ).order_by("name")[:20],
        "idx_charge_art_date": Charge.objects.filter(
            artikel=busiest(Charge, "artikel_id")
        ).order_by("produktionsdatum")[:5],
        "idx_lagerbewegung_charge_datum": Lagerbewegung.objects.filter(
            charge=busiest(Lagerbewegung, "charge_id"), datum__lt=NOW - timedelta(days=30)
        ).order_by("datum"),
    }

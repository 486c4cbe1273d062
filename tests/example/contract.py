"""The tables of the example project and their indexes: name -> columns, `-` for descending.

Dashboards, documentation and other tests rely on these names.
"""

TABLES = {
    "users": {
        "idx_users_role": "role",
        "idx_users_is_active": "is_active",
        "idx_users_github_username": "github_username",
        "idx_users_last_login": "last_login",
    },
    "sessions": {
        "idx_sessions_user_id": "user_id",
        "idx_sessions_workspace_id": "workspace_id",
        "idx_sessions_created_at": "created_at",
        "idx_sessions_updated_at": "updated_at",
        "idx_sessions_user_updated": "user_id -updated_at",
    },
    "messages": {
        "idx_messages_session_id": "session_id",
        "idx_messages_timestamp": "timestamp",
        "idx_messages_role": "role",
        "idx_messages_parent_id": "parent_id",
        "idx_messages_session_timestamp": "session_id timestamp",
    },
    "uploaded_files": {
        "idx_uploaded_files_user_id": "user_id",
        "idx_uploaded_files_uploaded_at": "uploaded_at",
        "idx_uploaded_files_mime_type": "mime_type",
        # Two characters of idx_uploaded_files_user_uploaded did not fit.
        "idx_uploaded_files_user_upload": "user_id -uploaded_at",
    },
    "conversations": {
        "idx_conv_status": "status",
        "idx_conv_last_message": "user_id last_message_at",
        "idx_conv_visibility": "user_id is_hidden last_opened_at last_message_at",
    },
    "conversation_messages": {
        "idx_conv_msg_created": "conversation_id created_at",
        "idx_conv_msg_role_created": "role created_at",
    },
    "life_areas": {
        "ix_life_areas_user_created": "user_id -created_at",
        "ix_life_areas_user_name": "user_id name",
    },
    "goals": {
        "ix_goals_user_created": "user_id -created_at",
        "ix_goals_user_status": "user_id status",
        "ix_goals_life_area_created": "life_area_id -created_at",
    },
    "tasks": {
        "ix_tasks_user_created": "user_id -created_at",
        "ix_tasks_user_status": "user_id status",
        "ix_tasks_goal_created": "goal_id -created_at",
        "ix_tasks_due_date": "user_id due_date",
        "ix_tasks_completed": "user_id -created_at",
    },
    "media_attachments": {
        "ix_media_user_created": "user_id -created_at",
        "ix_media_user_type": "user_id file_type",
        "ix_media_goal": "goal_id -created_at",
        "ix_media_task": "task_id -created_at",
    },
    "memory_items": {"ix_memory_user_timestamp": "user_id -timestamp"},
    "user_preferences": {"ix_user_prefs_user_created": "user_id -created_at"},
    "feedback_logs": {
        "ix_feedback_user_created": "user_id -created_at",
        "ix_feedback_user_type": "user_id feedback_type",
        "ix_feedback_context": "context_type -created_at",
        "ix_feedback_session": "session_id -created_at",
        "ix_feedback_processed": "processed_at",
    },
    "story_sessions": {
        "ix_story_user_created": "user_id -created_at",
        "ix_story_user_status": "user_id processing_status",
        "ix_story_user_period": "user_id summary_period",
        "ix_story_posted_at": "posted_at",
        "ix_story_content_type": "content_type -created_at",
    },
    "tenants": {},
    "documents": {
        "idx_documents_tenant": "tenant_id user_id",
        "idx_documents_user_id": "user_id",
        "idx_documents_created_at": "created_at",
        "idx_documents_status": "status",
    },
    "document_chunks": {
        "idx_chunks_document_id": "document_id",
        "idx_chunks_chunk_index": "chunk_index",
        "idx_chunks_covering": "document_id",
    },
    "groves": {
        "idx_groves_client_app_id": "client_app_id",
        "idx_groves_created_at": "created_at",
    },
    "branches": {"idx_branches_grove_id": "grove_id", "idx_branches_status": "status"},
    "artikel": {"idx_artikel_kat_name": "kategorie name"},
    "charge": {"idx_charge_art_date": "artikel_id produktionsdatum"},
    "lagerbewegung": {"idx_lagerbewegung_charge_datum": "charge_id datum"},
}
PARTIAL = {"ix_tasks_due_date", "ix_tasks_completed"}
ARCHIVES = {
    "feedback_logs_archive",
    "story_sessions_archive",
    "django_admin_log_archive",
    "django_session_archive",
    "sessions_archive",
    "messages_archive",
    "conversations_archive",
    "conversation_messages_archive",
    "goals_archive",
    "tasks_archive",
    "media_attachments_archive",
}

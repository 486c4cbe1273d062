"""The composition root: the one place that knows every part of dbhealth."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DBHealthConfig(AppConfig):
    """The Django app. Its system checks are registered once all models are loaded."""

    name = "dbhealth"
    label = "dbhealth"
    verbose_name = _("Database health")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks and find the apps' indexes.py; no database is touched."""
        from dbhealth import checks
        from dbhealth.archive import backups, run_findings  # noqa: F401 - registers them
        from dbhealth.archive import findings as archive_findings  # noqa: F401 - registers them
        from dbhealth.health import checks as health_checks  # noqa: F401 - registers them
        from dbhealth.indexes import findings as index_findings  # noqa: F401 - registers them
        from dbhealth.indexes import lacking_findings  # noqa: F401 - registers them
        from dbhealth.indexes.registry import autodiscover
        from dbhealth.indexes.searching import register_searches
        from dbhealth.maintenance import findings as table_findings  # noqa: F401 - registers them
        from dbhealth.maintenance import trend_findings  # noqa: F401 - registers them
        from dbhealth.queries import capture
        from dbhealth.recipes import searched_by_policies
        from dbhealth.runs import background
        from dbhealth.tasks.choosing import choose

        checks.register()
        background.register(choose)
        register_searches(searched_by_policies)
        autodiscover()
        capture.listen()

"""A router as a project with a read-only database would have it."""


class KeptElsewhere:
    """Keeps dbhealth's tables on the alias `other`."""

    def db_for_write(self, model, **hints):
        return "other" if model._meta.app_label == "dbhealth" else None

    def allow_migrate(self, db, app_label, **hints):
        return db == "other" if app_label == "dbhealth" else None

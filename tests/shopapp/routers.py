"""A router, for tests that send some models to the second database."""

from typing import Any

ELSEWHERE = {"interaction", "interactionarchive"}


class InteractionsElsewhere:
    """Interactions and their archive live in `other`; tests name it in DATABASE_ROUTERS."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "other" if _elsewhere(model) else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "other" if _elsewhere(model) else None

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool | None:
        if app_label != "shopapp" or model_name not in ELSEWHERE:
            return None
        return db == "other"


def _elsewhere(model: Any) -> bool:
    return model._meta.app_label == "shopapp" and model._meta.model_name in ELSEWHERE

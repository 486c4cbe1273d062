"""What is wrong with a database, how sure that is, and what to do: checks and their findings.

    from dbhealth import health

    @health.register("shop.H001", title="Orders without a customer")
    def orphans(context: health.Context) -> Iterator[health.Finding]:
        ...

Call it where an app registers its system checks (``AppConfig.ready``). No models are imported
here, so that it is safe anywhere.
"""

from dbhealth.health.finding import Confidence, Finding, Level
from dbhealth.health.registry import Check, Context, register

__all__ = ["Check", "Confidence", "Context", "Finding", "Level", "register"]

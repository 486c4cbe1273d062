"""The program of a detached process: ``python -m dbhealth.tasks.detached ALIAS RUN DATABASE``."""

from __future__ import annotations

import sys

import django
from django.db import connections


def main(alias: str, pk: str, name: str) -> None:
    """Execute the queued run ``pk`` of the database ``alias``, which has to be named ``name``.

    The settings may make another database of the same alias, with runs of the same numbers: that
    of a project whose tests are running, or one that an environment variable has named.
    """
    own = str(connections[alias].settings_dict["NAME"])
    if own != name:
        sys.exit(
            f"The run is in the database {name!r}, and the settings of a new process name {own!r} "
            f"as {alias!r}. Nothing was done."
        )
    django.setup()
    # Not before: it needs the models.
    from dbhealth.tasks.execution import execute

    execute(alias, int(pk))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A process of a project with TASKS, as a web server is: orders two runs in one transaction.

It makes the table of the tasks first. Prints one JSON object: how the runs are executed, and their
ids.
"""

import json

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django_tasks_db.models import DBTaskResult  # noqa: E402

from dbhealth import starting  # noqa: E402
from dbhealth.archive.plan import Asked  # noqa: E402
from dbhealth.archive.registry import find  # noqa: E402
from dbhealth.runs.background import start  # noqa: E402

ADA = starting.Asker(name="ada")

with connection.schema_editor() as editor:
    editor.create_model(DBTaskResult)
with transaction.atomic():
    runs = [
        starting.vacuum("default", ADA, ["move_event"]),
        starting.archive("default", find("move_event"), ADA, Asked(batch_size=2)),
    ]
    hows = [start(run) for run in runs]
    inside = DBTaskResult.objects.count()
print(  # noqa: T201
    json.dumps(
        {
            "runs": [run.pk for run in runs],
            "names": [how.name for how in hows],
            "sentence": hows[0].sentence,
            "tasks": [inside, DBTaskResult.objects.count()],
            "queues": sorted({task.queue_name for task in DBTaskResult.objects.all()}),
        }
    )
)

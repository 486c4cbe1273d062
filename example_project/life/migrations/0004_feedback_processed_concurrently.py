# feedback_logs is large by the time this index is asked for: nobody has to wait for its build.
# Where it fails, it leaves an invalid index behind; DROP INDEX it and migrate again.

from django.db import migrations, models

from example_project.concurrently import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('life', '0003_purge_story_sessions'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='feedbacklog',
            index=models.Index(fields=['processed_at'], name='ix_feedback_processed'),
        ),
    ]

"""Indexes for tables of other apps; `manage.py init_indexes` makes them."""

from django.contrib.admin.models import LogEntry
from django.db import models

from dbhealth.indexes import register

# The admin lists its log newest first, the archive takes the oldest away.
register(LogEntry, models.Index(fields=["-action_time"], name="idx_admin_log_action_time"))

"""Signals around a recorded run, for projects that want to be told.

Both are sent with ``sender=MaintenanceRun`` and ``run=<the instance>``, outside of any
transaction of the run, so that a receiver which fails or waits cannot undo or block a batch.
What a receiver raises is logged by Django (django.dispatch) and goes no further.
"""

from django.dispatch import Signal

run_started = Signal()
"""A run was claimed and is about to do its first batch."""

run_finished = Signal()
"""A run has reached the state that ``run.state`` tells."""

"""What the application asks its database, recorded, and what the planner makes of it.

``capture.recording()`` is the context manager, ``workload.uses(alias)`` reads what was recorded.
Nothing is imported here: models come with Django's registry only.
"""

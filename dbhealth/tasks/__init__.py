"""Background execution: what takes queued runs, in a process or a task worker of its own."""

"""Runs: what was done to the database, by whom, how far it came and what became of it."""

"""Families: rows that leave their tables together."""

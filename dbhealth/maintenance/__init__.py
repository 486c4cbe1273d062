"""Upkeep of tables: what state they are in, and what keeps them well."""

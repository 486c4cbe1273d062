"""Tables with the indexes that only PostgreSQL has."""

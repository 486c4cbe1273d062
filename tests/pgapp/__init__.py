"""The shapes that only PostgreSQL has; installed only there."""

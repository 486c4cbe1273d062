"""A document store for several tenants."""

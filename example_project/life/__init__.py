"""A personal planning product, with the two tables that grow fastest."""

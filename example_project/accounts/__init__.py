"""Who uses the product, and the archives of two tables that belong to Django."""

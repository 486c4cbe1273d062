"""Tests that look at the admin's pages as people do: through a browser."""

"""Tests of the pages in Django's admin."""

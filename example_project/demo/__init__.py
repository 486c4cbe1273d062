"""Realistic data for the example project: `manage.py demo`."""

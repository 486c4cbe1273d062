"""Tests of the example project as its users meet it: through manage.py, in other processes."""

"""Tests of the tree itself: floors, file sizes, docstrings, what the wheel carries."""

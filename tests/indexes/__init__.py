"""Tests of the indexes that the code declares and the database has."""

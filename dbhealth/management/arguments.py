"""Argument types and options that several commands share."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management import CommandError, CommandParser
from django.db import connections


def positive_int(text: str) -> int:
    """Return a whole number of at least 1."""
    return int(_positive(text, int(text) if text.strip().lstrip("+-").isdigit() else None))


def positive_number(text: str) -> float:
    """Return a number of more than 0."""
    try:
        return _positive(text, float(text))
    except ValueError:
        return _positive(text, None)


def _positive(text: str, value: float | None) -> float:
    # "not >" and not "<=": NaN compares false both ways.
    if value is None or not value > 0 or value == float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of more than zero")
    return value


def database_alias(text: str) -> str:
    """Return an alias that DATABASES has."""
    if text not in connections:
        known = ", ".join(connections)
        raise argparse.ArgumentTypeError(f"there is no database {text!r}; there is {known}")
    return text


def add_output_options(parser: CommandParser) -> None:
    """Add --format."""
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="text for people, json for programs: one document on stdout and nothing else.",
    )


def add_database_option(parser: CommandParser) -> None:
    """Add --database."""
    parser.add_argument(
        "--database",
        type=database_alias,
        metavar="ALIAS",
        help="Work on this database. Default: each table in the one its model is routed to.",
    )


class WrongUsage(CommandError):
    """Wrong usage that argparse itself cannot see; ends the command with exit code 2."""

    def __init__(self, *args: Any) -> None:
        """Set the exit code."""
        super().__init__(*args, returncode=2)

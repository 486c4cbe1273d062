"""Argument types and options that several commands share."""

from __future__ import annotations

import argparse
from datetime import datetime

from django.core.management import CommandParser
from django.utils import timezone

from dbhealth.backends import check_alias
from dbhealth.exceptions import UsageError


def positive_int(text: str) -> int:
    """Return a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def positive_number(text: str) -> float:
    """Return a finite number of more than 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    # NaN compares false both ways.
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of more than zero")
    return value


def moment(text: str) -> datetime:
    """Return an ISO day or time, aware; one without a zone is in the project's own."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time such as 2026-11-22 or 2026-11-22T18:30"
        ) from None
    is_aware = timezone.is_aware(value)
    return value if is_aware else value.replace(tzinfo=timezone.get_default_timezone())


def database_alias(text: str) -> str:
    """Return an alias that DATABASES has."""
    try:
        check_alias(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
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

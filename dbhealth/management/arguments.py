"""Argument types and options that several commands share."""

from __future__ import annotations

import argparse
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

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


def span(days: int | None) -> timedelta | None:
    """Return days as a time; more than a timedelta holds are as many as it holds."""
    return None if days is None else timedelta(days=min(days, timedelta.max.days))


def fields_of(kind: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are named as a field of the dataclass ``kind``."""
    return {field.name: options[field.name] for field in fields(kind) if field.name in options}


def add_scope_options(parser: CommandParser, *, tables: str) -> None:
    """Add --dry-run and --table; ``tables`` is the help of the latter."""
    add = parser.add_argument
    add("--dry-run", action="store_true", help="Show what would be done; change nothing.")
    add("--table", action="append", metavar="NAME", help=tables)


def add_days_option(parser: CommandParser, name: str, text: str) -> None:
    """Add an option that takes a number of days; ``text`` is its help."""
    parser.add_argument(name, type=positive_int, metavar="N", help=text)


def add_bounds(
    parser: CommandParser, *, does: str = "Move", each: str = "table", then: str = "the next run"
) -> None:
    """Add the bounds of a verb that works in batches: --batch-size, --max-rows, --max-runtime.

    The words are those of their helps: it ``does`` rows of ``each``, and ``then`` goes on.
    """
    for name, kind, metavar, text in (
        ("--batch-size", positive_int, "N", f"{does} at most N rows in one transaction."),
        ("--max-rows", positive_int, "N", f"{does} at most N rows of each {each}; {then} goes on."),
        (
            "--max-runtime",
            positive_number,
            "SECONDS",
            f"Begin no batch after so long; {then} goes on.",
        ),
    ):
        parser.add_argument(name, type=kind, metavar=metavar, help=text)


def add_allowances(parser: CommandParser, **where: str) -> None:
    """Add an --allow-… for each refusal that may be overridden, and say ``where`` that is."""
    skew = {"clock_skew": "the clock of the database differs from this one"}
    for name, text in (where | skew).items():
        flag = f"--allow-{name.replace('_', '-')}"
        parser.add_argument(flag, action="store_true", help=f"Go ahead where {text}.")


def add_progress_option(parser: CommandParser) -> None:
    """Add --no-progress."""
    parser.add_argument("--no-progress", action="store_true", help="Show no progress on stderr.")


def add_output_options(parser: CommandParser, **more: str) -> None:
    """Add --format; ``more`` are formats beside text and json, with what they are for."""
    others = "".join(f" {name} {text}" for name, text in more.items())
    parser.add_argument(
        "--format",
        choices=("text", "json", *more),
        default="text",
        help="text for people, json for programs: one document on stdout and nothing else."
        + others,
    )


def add_database_option(parser: CommandParser) -> None:
    """Add --database."""
    parser.add_argument(
        "--database",
        type=database_alias,
        metavar="ALIAS",
        help="Work on this database. Default: each table in the one its model is routed to.",
    )

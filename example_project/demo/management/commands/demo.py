"""Fill an empty database with realistic data, archive it and show what came of it."""

import argparse
from datetime import UTC, date, datetime
from time import monotonic
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser, call_command

from example_project.demo.loading import load
from example_project.demo.making import tables
from example_project.demo.mark import demo_in_database, foreign_tables
from example_project.demo.progress import progress
from example_project.demo.world import World

NEXT_STEPS = """
To look further:
  python manage.py archive --dry-run --table feedback_logs   what the next run would do, and how
  python manage.py archive --retention-days 30               keep less
  python manage.py db_stats --format json                    the same figures for a program
  python manage.py crontab add                               archive every month
  python manage.py createsuperuser                           an account of your own for the admin,
  python manage.py runserver                                 which is then on http://127.0.0.1:8000/
"""


def _row_count(text: str) -> int:
    if not text.replace("_", "").isdecimal() or int(text) < 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 100")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-01-31") from None


class Command(BaseCommand):
    help = "Fills an empty database with realistic data, archives it and shows what came of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rows",
            type=_row_count,
            default=200_000,
            help="rows in each of the two high-volume tables; the others follow (200000)",
        )
        parser.add_argument(
            "--day",
            type=_day,
            default=None,
            help="the two years of data end when this day begins (default: today, UTC)",
        )
        parser.add_argument(
            "--load-only", action="store_true", help="stop when the data is in; archive nothing"
        )

    def handle(
        self, *args: Any, rows: int, day: date | None, load_only: bool, **options: Any
    ) -> None:
        made = demo_in_database()
        if made is None:
            self.make(World(rows, day or datetime.now(UTC).date()))
        else:
            self.stdout.write(
                f"The demo of {made['day']} with {made['rows']:,} rows is here already; "
                "it is not loaded again."
            )
            self.migrate()
        if load_only:
            return
        for title, command, extra in (
            ("What an archive run would do", "archive", {"dry_run": True}),
            ("Archiving", "archive", {}),
            ("Statistics", "db_stats", {}),
        ):
            self.stdout.write(self.style.MIGRATE_HEADING(f"\n{title}"))
            call_command(command, **extra)
        self.stdout.write(NEXT_STEPS)

    def make(self, world: World) -> None:
        if foreign := foreign_tables():
            raise CommandError(
                f"This database holds rows that the demo did not make (in {', '.join(foreign)}), "
                "and the demo only fills empty tables. Let DATABASE_URL point to another database."
            )
        self.migrate()
        started = monotonic()
        with progress() as advance:
            load(tables(world), advance)
        self.stdout.write(
            f"Loaded {world.rows:,} rows into each high-volume table, and the others to match, "
            f"in {monotonic() - started:.1f} s."
        )

    def migrate(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)

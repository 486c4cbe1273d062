"""``manage.py db_health``: what is wrong with the databases, how sure that is, what to do."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandParser

from dbhealth.exceptions import DBHealthError, UsageError
from dbhealth.health.baseline import read_baseline, write_baseline
from dbhealth.health.examine import Examination, examine
from dbhealth.health.finding import Level
from dbhealth.health.life import acknowledge, withdraw
from dbhealth.management import arguments
from dbhealth.management.base import WRONG_USAGE
from dbhealth.management.base import Command as BaseCommand
from dbhealth.management.health_output import show_examinations, workflow_commands
from dbhealth.management.terminal import count


class Command(BaseCommand):
    """Make every check, show what was found, and say by the exit code how grave it is."""

    help = (
        "Makes every health check and shows what is wrong, how sure that is and what to do. "
        "Exits with 1 where a finding reaches --fail-level, with 2 where a check could not be made."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add(
            "--fail-level",
            choices=[str(level) for level in Level],
            default=str(Level.ERROR),
            help="Exit with 1 where a finding is at least so grave. Default: error.",
        )
        for name, text in (
            ("--check", "Make this check only, an expensive one as well; repeatable."),
            ("--ignore", "Leave out this check; repeatable."),
        ):
            add(name, action="append", metavar="ID", help=text)
        add("--all", action="store_true", help="Make the expensive checks as well.")
        add(
            "--database",
            action="append",
            type=arguments.database_alias,
            metavar="ALIAS",
            help="Check this database; repeatable. Default: all of them.",
        )
        arguments.add_output_options(parser, github="for annotations of a GitHub workflow.")
        add("--no-history", action="store_true", help="Write nothing into the history of findings.")
        files = parser.add_mutually_exclusive_group()
        for name, text in (
            ("--baseline", "Findings in this file do not count: only new ones do."),
            ("--write-baseline", "Write what is found into this file, and exit with 0."),
        ):
            files.add_argument(name, metavar="FILE", help=text)
        known = parser.add_mutually_exclusive_group()
        for name, text in (
            ("--acknowledge", "Say that you know of this open finding; checks nothing."),
            ("--withdraw", "Take the acknowledgement of this finding back; checks nothing."),
        ):
            known.add_argument(name, metavar="KEY", help=text)
        add(
            "--until",
            type=arguments.moment,
            metavar="TIME",
            help="When the acknowledgement ends. Default: when the finding is resolved.",
        )
        add("--note", default="", help="Why it is acknowledged.")

    def work(self, **options: Any) -> None:
        """Show the findings, or keep what somebody says about one."""
        if options["acknowledge"] or options["withdraw"]:
            self._keep_word(options)
            return
        path = options["baseline"]
        try:
            found = examine(
                options["database"],
                ids=options["check"],
                ignore=options["ignore"] or (),
                expensive=options["all"],
                baseline=read_baseline(path) if path else frozenset(),
                keep=not options["no_history"],
            )
        except DBHealthError as error:  # a wrong setting, an engine that is not known
            raise UsageError(str(error)) from error
        if options["format"] == "github":
            self.write_text(workflow_commands(found))
        elif options["format"] == "json":
            self.write_json({"databases": {item.report.alias: item.as_dict() for item in found}})
        else:
            show_examinations(self.console, found)
        self._end(found, options)

    def _end(self, found: list[Examination], options: dict[str, Any]) -> None:
        level = Level(options["fail_level"])
        grave = [finding for item in found for finding in item.reaching(level)]
        if options["write_baseline"]:
            kept = [finding for item in found for finding in item.counting]
            written = write_baseline(options["write_baseline"], kept)
            self.stderr.write(f"Wrote {count(written, 'finding')} into the baseline.")
        elif grave:
            self.fail_with(f"{count(len(grave), 'finding')} of level {level} or graver.")
        if unmade := [finding for item in found for finding in item.unmade]:
            self.fail_with(
                f"{count(len(unmade), 'thing')} could not be looked at: {unmade[0].title}",
                WRONG_USAGE,
            )

    def _keep_word(self, options: dict[str, Any]) -> None:
        if key := options["withdraw"]:
            record = withdraw(key)
            self.stdout.write(f"Withdrawn: {record.title}")
            return
        record = acknowledge(
            options["acknowledge"], by=self.whoami(), until=options["until"], note=options["note"]
        )
        until = record.acknowledged_until
        end = f"{until:%Y-%m-%d %H:%M}" if until else "it is resolved"
        self.stdout.write(f"Acknowledged until {end}: {record.title}")

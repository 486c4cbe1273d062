"""``manage.py maintenance_runs``: look at runs, pause them, resume them, cancel them."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandParser

from dbhealth.exceptions import UsageError
from dbhealth.management import arguments
from dbhealth.management.base import Command as BaseCommand
from dbhealth.management.runs_output import OUTPUTS, show_change, show_one, show_runs
from dbhealth.recipes import resume_run
from dbhealth.runs.control import cancel, facts, get_run, list_runs, logs, pause, where_is
from dbhealth.runs.models import Operation
from dbhealth.runs.states import State


class Command(BaseCommand):
    """List runs, show, pause, resume or cancel one."""

    help = "Lists what was done to the database; shows, pauses, resumes or cancels one run."

    def create_parser(self, *args: Any, **options: Any) -> CommandParser:
        """Let options stand between the two words as well: pause --database other 5."""
        parser = super().create_parser(*args, **options)
        parser.parse_args = parser.parse_intermixed_args  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        verbs = ("list", "show", "pause", "resume", "cancel")
        add("verb", nargs="?", choices=verbs, default="list", help="What to do; default: list.")
        add("id", nargs="?", type=arguments.positive_int, help="The run; not with list.")
        add(
            "--state",
            action="append",
            choices=State.values,
            metavar="STATE",
            help=f"List only runs in this state; may be repeated: {', '.join(State.values)}.",
        )
        add("--operation", choices=Operation.values, help="List only runs of this kind.")
        add("--target", metavar="TABLE", help="List only runs on this table.")
        add(
            "--limit",
            type=arguments.positive_int,
            default=20,
            metavar="N",
            help="List the latest N runs.",
        )
        add("--no-progress", action="store_true", help="Show no progress on stderr (resume).")
        add(
            "--database",
            type=arguments.database_alias,
            metavar="ALIAS",
            help="Only the runs of this database. Default: of every one that has a run log.",
        )
        arguments.add_output_options(parser)

    def work(self, **options: Any) -> None:
        """Do one of the five."""
        verb, pk = options["verb"], options["id"]
        if (verb == "list") != (pk is None):
            told = "list takes no run" if pk else f"{verb} which run? maintenance_runs lists them"
            raise UsageError(f"{told}.")
        if verb == "list":
            self._list(options)
            return
        alias = where_is(pk, options["database"])
        if verb == "resume":
            self._resume(alias, pk, options)
            return
        run = facts({"show": get_run, "pause": pause, "cancel": cancel}[verb](alias, pk))
        self.show(run, options, show_one if verb == "show" else show_change)

    def _list(self, options: dict[str, Any]) -> None:
        aliases = [options["database"]] if options["database"] else logs()
        wanted = {name: options[name] for name in ("operation", "target", "limit")}
        found = [
            run
            for alias in aliases
            for run in list_runs(alias, state=options["state"] or (), **wanted)
        ]
        found.sort(key=lambda run: (run.created_at, run.pk), reverse=True)
        runs = [facts(run) for run in found[: options["limit"]]]
        self.show({"runs": runs}, options, show_runs)

    def _resume(self, alias: str, pk: int, options: dict[str, Any]) -> None:
        """Carry on in the foreground; exit with 1 when the run was not done."""
        with self.circumstances(options) as around:
            result = resume_run(alias, pk, around)
        output = OUTPUTS[get_run(alias, pk).operation]
        self.show(result, options, output.show_run)
        self.fail_with(output.failure(result))

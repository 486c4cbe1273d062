"""``maintenance_runs``: what it lists and shows, how it is asked, and the exit codes."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from dbhealth.archive.execute import TableRun
from dbhealth.archive.plan import Asked
from dbhealth.archive.registry import find
from dbhealth.models import MaintenanceRun
from dbhealth.runs.circumstances import Circumstances
from dbhealth.runs.control import pause
from dbhealth.runs.progress import Silent
from dbhealth.runs.states import State
from tests.commands.tools import MANAGE, in_a_process, on_a_terminal, send
from tests.shopapp.models import ParcelArchive

pytestmark = pytest.mark.django_db(databases=["default", "other"])

TABLE = "shop_parcels"


def make(state="succeeded", *, using="default", hours=1, **facts):
    """Insert a run as somebody else left it so many hours ago."""
    began = timezone.now() - timedelta(hours=hours)
    base = {"target": TABLE, "host": "elsewhere", "pid": 4_194_305, "heartbeat_at": timezone.now()}
    return MaintenanceRun.objects.using(using).create(
        operation="archive",
        database=using,
        state=state,
        trigger="command",
        started_by="alice",
        created_at=began,
        started_at=began,
        **base | facts,
    )


class PausesAtOnce(Silent):
    """Asks for a pause when the first batch is done."""

    def advance(self, rows):
        run = MaintenanceRun.objects.latest("pk")
        if run.state == "running":
            pause("default", run.pk)


def paused_run(rows=10):
    """Archive four of the parcels and pause; return the run."""
    send(rows)
    around = Circumstances(progress=PausesAtOnce())
    result = TableRun(find(TABLE), "default", Asked(batch_size=2), around).execute()
    assert (result["state"], result["rows"]) == ("paused", 4)
    return MaintenanceRun.objects.get()


def first_words(done):
    """Return the first cell of each line behind the headings."""
    return [line.split()[0] for line in done.out.splitlines()[1:]]


def test_the_list_is_the_latest_runs_of_all_databases(manage):
    old, new = make(hours=5, rows_done=1234), make("running", hours=1, rows_expected=2000)
    between = make("failed", using="other", hours=3, target="shop_[readings]")
    done = manage("maintenance_runs")
    assert (done.code, done.err) == (0, "")
    headings = "run state operation target database rows created time by"
    assert done.out.splitlines()[0].split() == headings.split()
    assert first_words(done) == [str(run.pk) for run in (new, between, old)]
    assert "running archive shop_parcels default 0 of 2,000" in done.said
    assert "failed archive shop_[readings] other" in done.said
    assert "1,234" in done.said
    assert "alice" in done.said
    assert manage("maintenance_runs", "list").out == done.out


@pytest.mark.parametrize(
    "options, found",
    [
        (["--limit", "1"], ["3"]),
        (["--state", "failed"], ["2"]),
        (["--state", "failed", "--state", "succeeded"], ["1", "2"]),
        (["--target", "shop_readings"], ["3"]),
        (["--operation", "archive", "--database", "default"], ["1", "3"]),
        (["--database", "other"], ["2"]),
    ],
)
def test_the_list_can_be_narrowed(options, found, manage):
    make(hours=5, pk=1)
    make("failed", using="other", hours=3, pk=2)
    make("running", target="shop_readings", pk=3)
    assert sorted(first_words(manage("maintenance_runs", *options))) == found
    document = manage("maintenance_runs", "list", *options, "--format", "json").json
    assert sorted(str(run["id"]) for run in document["runs"]) == found


def test_an_empty_list_says_so(manage):
    done = manage("maintenance_runs", "--state", "paused")
    assert (done.code, done.said) == (0, "There are no such runs.")
    assert manage("maintenance_runs", "--format", "json").json == {"runs": []}


def test_show_has_every_field_and_the_traceback_last(manage):
    run = make(
        "failed",
        error="ValueError: [red]no markup[/]",
        traceback="Traceback\n  File x\nValueError: the very last line",
        options={"max_rows": 7},
        result={"rows": 3},
        cursor=[41],
        generation=6,
    )
    done = manage("maintenance_runs", "show", str(run.pk))
    assert done.code == 0
    for words in ("max_rows", '{"rows": 3}', "[41]", "generation 6", "4194305 on elsewhere"):
        assert words in done.said
    assert "error ValueError: [red]no markup[/]" in done.said
    assert done.out.splitlines()[-1] == "ValueError: the very last line"
    document = manage("maintenance_runs", "show", str(run.pk), "--format", "json").json
    fields = {field.name for field in MaintenanceRun._meta.fields}
    assert set(document) == fields | {"dead", "standing", "choices"}
    assert (document["dead"], document["choices"]) == (False, [])


def test_show_says_why_a_run_holds_back_and_what_it_is_doing(manage):
    run = make("running", holding_back="Somebody holds a lock.", doing="vacuum orders")
    said = manage("maintenance_runs", "show", str(run.pk)).said
    assert "holding back Somebody holds a lock." in said
    assert "at work on vacuum orders" in said


def test_show_says_what_can_be_done(manage):
    run = make("running")
    assert "what can be done pause, cancel" in manage("maintenance_runs", "show", str(run.pk)).said


def test_pausing_and_cancelling_say_what_has_become_of_the_run(manage):
    run = make("running")
    done = manage("maintenance_runs", "pause", str(run.pk))
    told = f"Run {run.pk} (archive of {TABLE}) is pausing: the batch at work ends first."
    assert (done.code, done.said) == (0, told)
    document = manage("maintenance_runs", "cancel", str(run.pk), "--format", "json").json
    assert (document["id"], document["state"]) == (run.pk, "cancelling")
    MaintenanceRun.objects.update(state="paused")
    done = manage("maintenance_runs", "cancel", str(run.pk))
    assert "is cancelled: rows that it has moved stay where they are." in done.said


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_what_cannot_be_done_ends_with_code_1_and_a_sentence(verb, manage):
    run = make("succeeded")
    done = manage("maintenance_runs", verb, str(run.pk))
    assert (done.code, done.out) == (1, "")
    assert "A run that is succeeded cannot become" in done.said
    assert "That state is final." in done.said


@pytest.mark.parametrize(
    "words, told",
    [
        (["show"], "show which run?"),
        (["cancel", "0"], "at least 1"),
        (["list", "3"], "list takes no run"),
        (["stop", "3"], "invalid choice"),
        (["--state", "asleep"], "invalid choice"),
        (["--limit", "0"], "at least 1"),
        (["show", "99"], "There is no run 99 in default, other."),
        (["show", "99", "--database", "other"], "There is no run 99 in the database 'other'."),
        (["show", "1", "--database", "nowhere"], "no database 'nowhere'"),
    ],
)
def test_wrong_usage_ends_with_code_2(words, told, manage):
    done = manage("maintenance_runs", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.said


def test_a_number_that_two_databases_have_needs_the_database(manage):
    make("running", pk=5)
    make("running", using="other", pk=5)
    done = manage("maintenance_runs", "pause", "5")
    assert done.code == 2
    assert "say which with --database" in done.said
    # The options may stand wherever they like.
    assert manage("maintenance_runs", "pause", "--database", "other", "5").code == 0
    assert MaintenanceRun.objects.get(pk=5).state == State.RUNNING
    assert MaintenanceRun.objects.using("other").get(pk=5).state == State.PAUSING
    assert manage("maintenance_runs", "--database", "other", "cancel", "5").code == 0
    assert MaintenanceRun.objects.using("other").get(pk=5).state == State.CANCELLING


def test_resuming_shows_the_result_that_archive_would(manage):
    run = paused_run()
    done = manage("maintenance_runs", "resume", str(run.pk))
    assert (done.code, done.err) == (0, "")
    assert "succeeded, resumed 6" in done.said
    assert "6 rows archived in" in done.said
    assert ParcelArchive.objects.filter(archive_run=run.pk).count() == 10
    run.refresh_from_db()
    assert (run.trigger, run.state, run.rows_done) == ("command", "succeeded", 10)


def test_resuming_with_json_is_one_document(manage):
    run = paused_run()
    document = manage("maintenance_runs", "resume", str(run.pk), "--format", "json").json
    entry = document["tables"][TABLE]
    assert (entry["run"], entry["resumed"], entry["rows"]) == (run.pk, True, 6)


def test_a_pause_is_said_by_archive_with_code_0_and_keeps_the_next_one_out(manage, monkeypatch):
    send(10)
    monkeypatch.setattr("dbhealth.management.base.progress_for", lambda *a, **k: PausesAtOnce())
    done = manage("archive", "--table", TABLE, "--batch-size", "2")
    run = MaintenanceRun.objects.get()
    assert done.code == 0
    assert f"{TABLE} paused" in done.said
    assert f"manage.py maintenance_runs resume {run.pk}" in done.said
    dry = manage("archive", "--table", TABLE, "--dry-run")
    assert dry.code == 1
    assert f"Run {run.pk} (archive of {TABLE}) is paused." in dry.said


@pytest.mark.usefixtures("a_full_archive")
def test_a_resumed_run_that_fails_ends_with_code_1(manage):
    send(10)
    terms = {"archive": "shop_parcels_archive"}
    run = make("paused", options={"terms": terms}, cutoff=timezone.now() - timedelta(days=100))
    done = manage("maintenance_runs", "resume", str(run.pk))
    assert done.code == 1
    assert "the archive is full" in done.said
    assert "Traceback" not in done.said
    run.refresh_from_db()
    assert run.state == "failed"


in_processes = pytest.mark.django_db(transaction=True, databases=["default", "other"])


@in_processes
@pytest.mark.parametrize("width", [40, 80, 160])
def test_nothing_is_cut_on_a_terminal(width, process_environment):
    run = make("running", target="shop_customer_interactions_of_many_years", rows_expected=9)
    listed = on_a_terminal(process_environment(), width, "maintenance_runs")
    shown = on_a_terminal(process_environment(), width, "maintenance_runs", "show", str(run.pk))
    for done in (listed, shown):
        assert done.code == 0
        assert "…" not in done.out
        assert "shop_customer_interactions_of_many_years" in done.out.replace("\r\n", "\n")


@in_processes
def test_a_resumed_run_has_a_bar_on_a_terminal_and_none_in_a_pipe(process_environment):
    environment = process_environment()
    run = paused_run(3000)
    MaintenanceRun.objects.update(options={**run.options, "batch_size": 200, "max_rows": 2000})
    done = on_a_terminal(environment, 80, "maintenance_runs", "resume", str(run.pk))
    assert done.code == 0
    assert "━" in done.out
    MaintenanceRun.objects.update(state="interrupted")
    done = in_a_process(environment, "maintenance_runs", "resume", str(run.pk))
    assert (done.code, done.err) == (0, "")
    assert "━" not in done.out


@in_processes
@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_who_stops_reading_gets_a_traceback(form, process_environment):
    for number in range(300):
        make(target=f"shop_{number}_{'x' * 200}")
    words = ("maintenance_runs", "--skip-checks", "--limit", "300", "--format", form)
    with subprocess.Popen(
        [sys.executable, "-c", MANAGE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=process_environment(),
    ) as process:
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (1, "")

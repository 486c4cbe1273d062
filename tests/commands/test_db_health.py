"""``db_health``: what people, programs and GitHub are shown, and the exit codes."""

import json

import pytest

from dbhealth.health.models import FindingRecord

pytestmark = pytest.mark.django_db(databases=["default", "other"])
ONE = ("db_health", "--database", "default")
KEY = "try.X001:default:table x"


def test_nothing_wrong_is_one_line_and_exit_code_0(manage, told):
    done = manage(*ONE)
    assert (done.code, done.err) == (0, "")
    assert "2 checks in" in done.out
    assert "no findings." in done.out


def test_people_read_what_why_and_what_to_do(manage, told):
    told["try.X001"] = ["table x"]
    done = manage(*ONE)
    lines = [line.strip() for line in done.out.splitlines()]
    assert lines[:7] == [
        "default",
        "warning try.X001 table x",
        "table x has 3 rows too many.",
        "measured 3 rows, threshold 0 rows",
        "They are too many.",
        "-> Delete them.",
        "DELETE FROM table x;",
    ]
    assert f"new; key {KEY}" in lines
    assert "1 warning." in lines[-2]
    assert "since 20" in manage(*ONE).out


@pytest.mark.parametrize(
    "level, thing, code",
    [
        (None, "x", 0),
        (None, "x!", 1),
        ("warning", "x", 1),
        ("info", "x", 1),
        ("error", "x", 0),
        ("critical", "x!", 1),
    ],
)
def test_the_exit_code_is_1_where_a_finding_reaches_the_level(manage, told, level, thing, code):
    told["try.X001"] = [f"table {thing}"]
    assert manage(*ONE, *(("--fail-level", level) if level else ())).code == code


def test_a_check_that_could_not_be_made_is_exit_code_2_unless_a_finding_is_grave(
    manage,
    register,
    told,
):
    register("try.X003", title="It fails")(lambda context: [1 / 0])
    done = manage(*ONE, "--fail-level", "critical")
    assert done.code == 2
    assert "try.X003" in done.err
    assert manage(*ONE, "--ignore", "try.X003").code == 0
    told["try.X001"] = ["table x!"]
    assert manage(*ONE).code == 1


def test_programs_get_one_document_with_every_finding(manage, told):
    told["try.X001"] = ["table x"]
    done = manage("db_health", "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert set(done.json["databases"]) == {"default", "other"}
    found = done.json["databases"]["default"]
    assert (found["run"], found["failed"], found["left_out"]) == (["try.X001", "try.X002"], [], [])
    (row,) = found["findings"]
    assert (row["key"], row["level"], row["value"], row["unit"]) == (KEY, "warning", 3, "rows")
    assert row["life"]["new"] is True
    assert row["in_baseline"] is False
    assert row["sql"] == ["DELETE FROM table x;"]


def test_github_gets_a_line_for_each_finding(manage, told):
    told["try.X001"] = ["table x!", "table 5%,y:z"]
    done = manage(*ONE, "--format", "github")
    assert done.code == 1
    first, second = done.out.splitlines()
    assert first.startswith("::error title=try.X001 default table x::table x has 3 rows too many.")
    assert second.startswith("::warning title=try.X001 default table 5%25%2Cy%3Az::table 5%25,y:z")
    assert "%0ADelete them.%0ADELETE FROM" in first


def test_what_is_in_the_baseline_does_not_count_and_what_is_new_does(manage, told, tmp_path):
    told["try.X001"] = ["table b!", "table a!"]
    path = str(tmp_path / "baseline.json")
    done = manage(*ONE, "--write-baseline", path)
    assert done.code == 0
    assert "Wrote 2 findings" in done.err
    first = (tmp_path / "baseline.json").read_text()
    rows = json.loads(first)["findings"]
    assert [row["key"] for row in rows] == ["try.X001:default:table a", "try.X001:default:table b"]
    assert {row["title"] for row in rows} == {"The things of try.X001"}
    assert manage(*ONE, "--baseline", path).code == 0
    assert "2 more in the baseline" in manage(*ONE, "--baseline", path).out
    told["try.X001"] = ["table a!", "table b!", "table c!"]
    done = manage(*ONE, "--baseline", path)
    assert done.code == 1
    assert "table c" in done.out
    assert "table a" not in done.out
    told["try.X001"] = ["table a!", "table b!"]
    manage(*ONE, "--write-baseline", path)
    assert (tmp_path / "baseline.json").read_text() == first


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"version": 2, "findings": []}'])
def test_a_file_that_is_no_baseline_is_wrong_usage(manage, told, tmp_path, text):
    path = tmp_path / "baseline.json"
    if text is not None:
        path.write_text(text)
    done = manage(*ONE, "--baseline", str(path))
    assert done.code == 2
    assert "baseline" in done.err
    assert manage(*ONE, "--write-baseline", str(tmp_path / "no" / "file")).code == 2


def test_a_finding_is_acknowledged_by_its_key_and_withdrawn(manage, told):
    told["try.X001"] = ["table x!"]
    assert manage(*ONE).code == 1
    done = manage("db_health", "--acknowledge", KEY, "--until", "2999-01-01", "--note", "Later.")
    assert (done.code, done.err) == (0, "")
    assert done.out == "Acknowledged until 2999-01-01 00:00: table x has 3 rows too many.\n"
    kept = FindingRecord.objects.get(key=KEY)
    assert (kept.note, kept.acknowledged_level) == ("Later.", "critical")
    assert kept.acknowledged_by
    done = manage(*ONE)
    assert done.code == 0
    assert "1 more acknowledged" in done.out
    assert "try.X001 table x" not in done.out
    assert manage("db_health", "--withdraw", KEY).code == 0
    assert manage(*ONE).code == 1
    assert "until it is resolved" in manage("db_health", "--acknowledge", KEY).out


@pytest.mark.parametrize(
    "wrong",
    [
        ("--check", "try.X009"),
        ("--ignore", "try.X009"),
        ("--fail-level", "grave"),
        ("--database", "nowhere"),
        ("--acknowledge", "try.X001:default:no such thing"),
        ("--baseline", "a", "--write-baseline", "b"),
        ("--until", "soon"),
    ],
)
def test_wrong_usage_is_exit_code_2(manage, told, wrong):
    assert manage("db_health", *wrong).code == 2


def test_a_wrong_setting_is_wrong_usage(manage, told, settings):
    settings.DBHEALTH = {"THRESHOLDS": {"*": {"blokced": 1}}}
    done = manage(*ONE)
    assert done.code == 2
    assert "Did you mean 'blocked'?" in done.err


def test_chosen_checks_only_and_nothing_into_the_history(manage, told):
    told["try.X001"] = told["try.X002"] = ["table x!"]
    done = manage(*ONE, "--check", "try.X002", "--no-history", "--format", "json")
    found = done.json["databases"]["default"]
    assert (done.code, found["run"]) == (1, ["try.X002"])
    assert not FindingRecord.objects.exists()

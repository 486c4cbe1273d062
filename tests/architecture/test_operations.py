"""What docs/operations.md prints can be put to work as it stands."""

import re
import shlex
from configparser import ConfigParser

import pytest
from django.core.management import get_commands, load_command_class

from tests.architecture.tree import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
CALLS = re.findall(r"([^\n]*?)\bmanage\.py ([a-z_]+[^\n|)`#>]*)", PAGE)
OURS = "|".join(name for name, app in get_commands().items() if app == "dbhealth")
INLINE = re.findall(rf"`((?:{OURS})(?: [^`]*)?)`", PAGE)
NAMED = re.findall(r"^\| (?:daily|weekly|monthly) \| `([^`]+)`", PAGE, re.M)
UNITS = dict(
    re.findall(r"```ini\n# /etc/systemd/system/(\S+)\n(.*?)```", PAGE, re.S),
)
CRON = re.findall(r"^([\d*][\d*,/-]*(?: +[\d*][\d*,/-]*){4}) +(cd .*)$", PAGE, re.M)

KEYS = {
    "Unit": {"Description", "After", "Wants", "OnFailure"},
    "Service": {
        "Type",
        "User",
        "WorkingDirectory",
        "EnvironmentFile",
        "NoNewPrivileges",
        "Nice",
        "ExecStart",
    },
    "Timer": {"OnCalendar", "Persistent"},
    "Install": {"WantedBy"},
}


def calls() -> list[str]:
    """Return what follows manage.py, and commands in the text, with a number for each RUN."""
    lines = [call + (" RUN" if "xargs " in before else "") for before, call in CALLS]
    named = [re.sub(r"--verify$", "--verify RUN", call) for call in INLINE]
    # "2" is what is left of a redirection.
    return sorted({re.sub(r"\s+2$", "", c).strip().replace("RUN", "17") for c in lines + named})


def parsed(unit: str) -> ConfigParser:
    # systemd allows ExecStart more than once, configparser does not.
    parser = ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNITS[unit])
    return parser


@pytest.mark.parametrize("call", calls())
def test_every_command_can_be_parsed(call: str) -> None:
    name, *given = shlex.split(call)
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    parser.allow_abbrev = False
    parser.parse_args(given)


def test_cron_and_systemd_run_what_the_schedule_names() -> None:
    assert len(NAMED) == 8
    for listed in (
        [call for _, line in CRON for call in re.findall(r"manage\.py (.*?)(?: 2>&1|$)", line)],
        re.findall(r"^ExecStart=\S+ manage\.py (.*)$", "".join(UNITS.values()), re.M),
    ):
        for named in NAMED:
            if named != "archive --verify":
                assert any(call.startswith(named) for call in listed), named
    assert PAGE.count("ExecStart=/srv/shop/verify-archives\n") == 1
    assert sum("./verify-archives" in line for _, line in CRON) == 1


def test_cron_and_systemd_run_the_same_at_the_same_time() -> None:
    """Compare the minute and hour of each, as sorted pairs; the review is one service."""
    cron = {(int(m), int(h)) for m, h, *_ in (times.split() for times, _ in CRON)}
    clocks = re.findall(r"^OnCalendar=.* (\d\d):(\d\d)$", PAGE, re.M)
    assert cron - {(17, 8)} == {(int(minute), int(hour)) for hour, minute in clocks}


def test_every_line_of_the_crontab_has_five_fields_in_their_ranges() -> None:
    block = re.search(r"```text\n(MAILTO=.*?)```", PAGE, re.S)
    assert block
    lines = [line for line in block[1].splitlines() if re.match(r"[\d*]", line)]
    assert len(lines) == len(CRON) == 10
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    for times, command in CRON:
        fields = times.split()
        for field, (low, high) in zip(fields, bounds, strict=True):
            for value in field.split(","):
                assert value == "*" or low <= int(value) <= high
        assert "%" not in command  # cron makes a line break of it


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_has_sections_and_keys_that_systemd_knows(unit: str) -> None:
    sections = parsed(unit)
    assert sections.sections()
    for section in sections.sections():
        assert set(sections[section]) <= KEYS[section], f"{unit}: [{section}]"
        assert all(sections[section].values())


def test_every_timer_has_its_service_and_every_service_what_it_runs() -> None:
    timers = {name.removesuffix(".timer") for name in UNITS if name.endswith(".timer")}
    services = {name.removesuffix(".service") for name in UNITS if name.startswith("dbhealth-")}
    services = {name for name in services if not name.endswith((".timer", ".conf"))}
    assert timers == services
    assert len(timers) == 9
    for name in timers:
        assert parsed(f"{name}.timer")["Install"]["WantedBy"] == "timers.target"
        assert parsed(f"{name}.service")["Service"]["ExecStart"].startswith("/srv/shop/")
    waited = re.findall(r"dbhealth-[a-z-]+\.service", "".join(UNITS.values()))
    assert {name.removesuffix(".service") for name in waited} <= services

"""Every page can be read by everybody: with a screen reader, in the dark, on a small screen."""

from collections.abc import Iterable, Iterator

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from dbhealth import recipes
from dbhealth.admin import PAGES
from dbhealth.archive import archive_table
from dbhealth.models import (
    DatabaseHealth,
    MaintenanceRun,
    MissingIndex,
    TrackedArchive,
    TrackedIndex,
    TrackedTable,
)
from tests.admin.conftest import make_finding
from tests.admin.indexing import a_verdict, looked, make_index, make_missing
from tests.browser.looking import problems
from tests.commands.tools import send
from tests.moveapp.tools import PATIENCE
from tests.runs.making import make
from tests.shopapp.models import Parcel

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "other"]),
    pytest.mark.browser,
]

FEW = {TrackedTable: "shop", TrackedIndex: "shelf", TrackedArchive: "shop"}
"""What to search for, so that a list has some rows only: axe-core looks at each."""

FIRST = "#result_list tbody tr:first-child th a"


def read(page: Page, addresses: Iterable[str]) -> dict[str, list[str]]:
    """Return what is wrong with each page, by its address.

    ``addresses`` may be found on the way, on the page that is shown.
    """
    found = {}
    for address in addresses:
        answer = page.goto(address)
        found[address] = problems(page) if answer.ok else [f"answers {answer.status}"]
    return found


def wrong(page: Page, *addresses: str) -> dict[str, list[str]]:
    """Return what is wrong with each page; nothing of those that are fine."""
    return {address: found for address, found in read(page, addresses).items() if found}


def pages_of(page: Page, address: str) -> Iterator[str]:
    """Yield a list, the page of its first row, and the pages that its buttons lead to."""
    yield address
    rows = page.locator(FIRST)
    if rows.count():
        yield rows.first.get_attribute("href")
        buttons = page.locator(".dbh-buttons a").all()
        yield from [button.get_attribute("href") for button in buttons]


@pytest.fixture
def kept(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have figures kept of what is there, and what no test has the time to wait for."""
    twins = a_verdict("covered", other="shelf_title_more"), a_verdict(confidence="medium")
    looked(5, make_index("shelf_title", *twins), make_index("shelf_title_more", bytes=10**9))
    send(8)
    archive_table(Parcel, max_rows=3)
    monkeypatch.setattr(recipes, "LOOK_SECONDS", PATIENCE)
    assert recipes.look("default") == {}
    make_missing()
    # The longest name that PostgreSQL takes, beside figures that need much room.
    fields = {"table": "t" * 63, "bytes": 1_100_000_000_000, "rows": 9_999_999_999}
    TrackedTable.objects.filter(table="shop_parcels").update(**fields)
    TrackedArchive.objects.filter(table="shop_parcels").update(eligible=9_999_999_999)
    for number, level in enumerate(("critical", "error", "warning", "info")):
        make_finding(number, level)


def test_everybody_can_read_every_page(visit, kept):
    page = visit("superuser")
    for model in PAGES:
        name = model._meta.model_name
        address = reverse(f"admin:dbhealth_{name}_changelist") + f"?q={FEW.get(model, '')}"
        found = read(page, pages_of(page, address))
        assert not {address: wrong for address, wrong in found.items() if wrong}
        least = {DatabaseHealth: 1, MissingIndex: 2, TrackedArchive: 4}.get(model, 3)
        assert len(found) >= least, f"{name} has fewer pages than it should: {list(found)}"


def test_everybody_can_read_archived_rows(visit):
    send(8)
    archive_table(Parcel, max_rows=3)
    recipes.archive_snapshots("default")
    page = visit("superuser")
    row = TrackedArchive.objects.get(table="shop_parcels")
    run = MaintenanceRun.objects.get()
    restore = reverse("admin:dbhealth_maintenancerun_do", args=["restore"])
    rows = reverse("admin:dbhealth_trackedarchive_rows", args=[row.pk])
    assert not wrong(page, f"{restore}?pk={run.pk}", rows)
    page.locator(FIRST).first.click()
    expect(page.get_by_text("200-")).to_be_visible()
    assert problems(page) == []


def test_everybody_can_read_of_runs_that_are_at_work_and_that_have_failed(visit):
    now = timezone.now()
    facts = {
        "started_at": now,
        "rows_done": 4_000,
        "rows_expected": 8_000,
        "pace": [[1.0, 1_000, 1], [2.0, 3_000, 2], [4.0, 4_000, 3]],
    }
    runs = [
        make("running", holding_back="Another session keeps the table locked.", **facts),
        make("failed", target="shop_parcels", error="Traceback\n  no room left", **facts),
    ]
    addresses = [reverse("admin:dbhealth_maintenancerun_change", args=[run.pk]) for run in runs]
    assert not wrong(visit("superuser"), *addresses)

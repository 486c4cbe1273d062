"""Every sentence of the pages can be said in another language, also those that are on record."""

import gettext
import re
from collections import deque
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import trans_real

from dbhealth import recipes
from dbhealth.archive import archive_table
from tests.admin.conftest import client_of
from tests.admin.indexing import a_verdict, looked, make_index, make_missing
from tests.commands.tools import send
from tests.moveapp.tools import PATIENCE
from tests.runs.making import make
from tests.shopapp.models import Parcel

pytestmark = pytest.mark.django_db(databases=["default", "other"])

AS_IT_IS = {"code", "pre", "script", "style", "svg"}
"""What holds SQL, names and code."""

SENTENCE = re.compile(r"(?:\b[A-Za-z]{2,}[ ,:;]+){3}[A-Za-z]{2,}\b")
"""Four words of letters in a row are no name of anything."""

START = "admin:dbhealth_databasehealth_changelist"


class Marked(gettext.NullTranslations):
    """A language that says everything in English, between marks."""

    plural = None

    def gettext(self, message):
        return f"«{message}»" if message else message

    def ngettext(self, one, many, number):
        return self.gettext(one if number == 1 else many)

    def pgettext(self, context, message):
        return self.gettext(message)

    def npgettext(self, context, one, many, number):
        return self.ngettext(one, many, number)

    def to_language(self):
        return "de"

    def language(self):
        return "de"


class Page(HTMLParser):
    """Collects what a page says, and the addresses that it leads to."""

    def __init__(self, text):
        super().__init__()
        self.inside, self.texts, self.links = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        spoken = ("title", "aria-label", "placeholder")
        self.texts += [named[name] for name in spoken if named.get(name)]
        if tag in AS_IT_IS:
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            del self.inside[self.inside.index(tag) :]

    def handle_data(self, data):
        if not self.inside and data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def untranslated(self) -> list[str]:
        """The sentences that stand outside of all marks; a long one may be cut: "«It was …"."""
        text = "\n".join(self.texts)
        while (without := re.sub("«[^«»]*[»…]", " ", text)) != text:
            text = without
        return [line.strip() for line in text.splitlines() if SENTENCE.search(line)]


@pytest.fixture
def marked(monkeypatch):
    monkeypatch.setitem(trans_real._translations, "de", Marked())
    with translation.override("de"):
        yield


@pytest.fixture
def kept(db, monkeypatch):
    """Have something of every kind on record, as it is written down: in English."""
    with translation.override("en"):
        twins = a_verdict("covered", other="shelf_title_more"), a_verdict(confidence="medium")
        looked(5, make_index("shelf_title", *twins), make_index("shelf_title_more", bytes=10**9))
        send(8)
        archive_table(Parcel, max_rows=3)
        monkeypatch.setattr(recipes, "LOOK_SECONDS", PATIENCE)
        assert recipes.look("default") == {}
        make_missing()
        for state in ("queued", "running", "paused", "cancelled", "failed", "interrupted"):
            make(state, target=f"{state}_rows")


def pages(client: Client) -> Iterator[tuple[str, Page]]:
    """Yield every page that the first one leads to, directly or not; of each kind one."""
    known, todo = set(), deque([reverse(START)])
    while todo:
        address = todo.popleft()
        answer = client.get(address, follow=True)
        if answer.streaming:  # a file with columns
            continue
        page = Page(answer.text)
        yield address, page
        for link in page.links:
            parts = urlsplit(link)
            kind = re.sub(r"\d+", "1", parts.path), "pk=" in parts.query
            if parts.path.startswith("/admin/dbhealth/") and kind not in known:
                known.add(kind)
                todo.append(link)


def test_everything_that_the_pages_say_can_be_translated(kept, marked):
    found, kinds = {}, 0
    for address, page in pages(client_of("superuser")):
        kinds += 1
        found |= dict.fromkeys(page.untranslated, address)
    assert kinds > 20
    assert not found


def test_what_nobody_can_translate_is_seen():
    page = Page("<p>«Good day»</p><p title='a b'>We «are» here.</p><code>To be or</code>")
    assert page.untranslated == []
    page = Page("<p>«Good day»</p><p>So it is «in» not any other language.</p>")
    assert page.untranslated == ["So it is   not any other language."]

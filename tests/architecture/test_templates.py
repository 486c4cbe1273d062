"""The admin's pages: every text can be translated, and a strict CSP needs no exception."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "dbhealth"
TEMPLATES = sorted(PACKAGE.glob("templates/**/*.html"))
SCRIPTS = sorted(PACKAGE.glob("static/**/*.js"))

BLOCKS = re.compile(
    r"{%\s*(blocktranslate|comment)\b.*?%}.*?{%\s*end\1\s*%}"
    r"|{%\s*block (?:bodyclass|coltype)\b.*?{%\s*endblock\s*%}"
    r"|{#.*?#}|<(code|pre)\b.*?</\2>",
    re.DOTALL,
)
TAGS = re.compile(r"{%.*?%}|{{.*?}}|<!--.*?-->|<[^>]*>|&\w+;", re.DOTALL)
ATTRIBUTES = re.compile(r"""\b(aria-label|title|alt|placeholder)=("[^"{]*[A-Za-z][^"{]*")""")


def words(text):
    """Return what a template says that no translation would reach."""
    bare = BLOCKS.sub(" ", text)
    return re.findall(r"[^\W\d_]{2,}", TAGS.sub(" ", bare)) + ATTRIBUTES.findall(bare)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_word_outside_of_a_translation(path):
    assert words(path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_script_or_style(path):
    text = path.read_text()
    assert not re.search(r"<style\b|\bstyle=|\son\w+=|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script\b[^>]*>", text))
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_evaluates_and_loads_nothing_from_elsewhere(path):
    text = path.read_text()
    assert not re.search(r"\beval\(|new Function|innerHTML\s*=\s*`|https?://", text)


def test_a_word_that_nobody_can_translate_is_seen():
    assert words("<p>Hello {{ name }} {% translate 'there' %}</p>") == ["Hello"]
    assert words('<p title="Hello">{% blocktranslate %}Good day{% endblocktranslate %}</p>')

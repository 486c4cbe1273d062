"""What every page has to be: readable for all, in light and dark, on a small screen as well."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.conftest import NARROW, WIDE

GRAVE = ("serious", "critical")

DJANGOS_OWN = {
    "#searchbar": "has a picture for its label, whose text counts for nothing beside a help text",
}
"""Parts of the pages that are Django's, by selector, each with what is wrong there."""

FINDINGS = """([without, only]) => axe.run(
    {exclude: without.map(selector => [selector])},
    {
        resultTypes: ['violations'],
        preload: false,  // it would load style sheets again, in ways that the policy forbids
        ...(only.length ? {runOnly: {type: 'rule', values: only}} : {}),
    },
).then(results => results.violations)"""

TOO_WIDE = """() => {
    const page = document.documentElement, room = page.clientWidth;
    if (page.scrollWidth <= room) return [];
    const scrolls = part => ['auto', 'scroll', 'hidden'].includes(getComputedStyle(part).overflowX);
    const isKept = part => part !== document.body
        && (scrolls(part.parentElement) || isKept(part.parentElement));
    return [`the page is ${page.scrollWidth} wide`, ...[...document.querySelectorAll('body *')]
        .filter(part => part.getBoundingClientRect().right > room + 1 && !isKept(part))
        .map(part => `<${part.tagName} class="${part.className}">`).slice(0, 20)];
}"""
"""The parts that stick out to the right, where the page can be scrolled to there."""

AT_REST = "() => document.getAnimations().forEach(moving => moving.finish())"
"""Django's colours change gradually; what counts is where they arrive."""

FOCUS = """() => {
    const part = document.activeElement, style = getComputedStyle(part);
    return {
        text: (part.innerText || part.value || part.name || '').trim(),
        isSeen: (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
            || style.boxShadow !== 'none',
    };
}"""


def problems(page: Page) -> list[str]:
    """Return what keeps anybody from reading the page, in light and dark, wide and narrow."""
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    page.evaluate(AT_REST)
    page.evaluate(AXE_SCRIPT)
    found = _grave(page)
    page.emulate_media(color_scheme="dark")
    page.evaluate(AT_REST)
    found += [f"dark: {problem}" for problem in _grave(page, "color-contrast")]
    page.set_viewport_size(NARROW)
    page.evaluate(AT_REST)
    found += [f"too wide: {part}" for part in page.evaluate(TOO_WIDE)]
    return found + [f"narrow: {problem}" for problem in _grave(page, "scrollable-region-focusable")]


def _grave(page: Page, *rules: str) -> list[str]:
    """Return what axe-core finds serious or critical; by some rules only where they are named."""
    found: list[dict[str, Any]] = page.evaluate(FINDINGS, [list(DJANGOS_OWN), list(rules)])
    return [
        f"{problem['id']} ({problem['impact']}): {node['html'][:200]} {node['failureSummary']}"
        for problem in found
        if problem["impact"] in GRAVE
        for node in problem["nodes"]
    ]


def tab_to(page: Page, text: str, most: int = 120) -> None:
    """Press Tab until the part with this text has the focus, which has to be seen all the way."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        assert focus["isSeen"], f"Nobody sees that {focus['text']!r} has the focus."
        if focus["text"] == text:
            return
    raise AssertionError(f"Tab does not lead to {text!r}.")


def press(page: Page, text: str) -> None:
    """Reach a link or a button by the keyboard alone, press Enter, and wait for the next page."""
    tab_to(page, text)
    with page.expect_navigation():
        page.keyboard.press("Enter")

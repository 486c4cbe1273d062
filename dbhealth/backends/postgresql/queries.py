"""Texts of statements without the values in them: those are people's data."""

from __future__ import annotations

import re

_SHOWN = 120
"""Characters of a statement that are shown."""

# An unfinished constant at the end comes from the server, which cuts long texts.
_VALUES = re.compile(
    r"""
      \$(?P<tag>\w*)\$ .*? (?: \$(?P=tag)\$ | \Z )     # $tag$ … $tag$
    | [eE]' (?: [^'\\] | '' | \\. )* (?: ' | \Z )      # with escapes
    | ' (?: [^'] | '' )* (?: ' | \Z )
    | (?<! [\w"$] ) \d+ (?: \.\d+ )? (?: [eE][+-]?\d+ )? (?! [\w"] )
    """,
    re.VERBOSE | re.DOTALL,
)


def without_values(query: str) -> str:
    """Return a statement on one line, cut, with "?" for each constant."""
    text = " ".join(_VALUES.sub("?", query).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

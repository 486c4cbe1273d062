"""Reading CREATE TABLE and CREATE INDEX, where the pragmas do not say what is in them.

SQLite keeps the text of every declaration as it was written; generated columns, checks, and the
expressions and conditions of indexes are only there.
https://www.sqlite.org/schematab.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\w+|\s+|.""",
    re.DOTALL,
)

_QUOTES = {'"': '"', "`": "`", "[": "]", "'": "'"}


@dataclass(frozen=True)
class Token:
    """A word, a quoted name, a sign; ``depth`` counts the brackets around it.

    ``space`` is a blank where there were blanks or comments before it.
    """

    text: str
    depth: int
    space: str = ""

    @property
    def word(self) -> str:
        """The word in capitals, as keywords are compared."""
        return self.text.upper()


def tokens(sql: str) -> list[Token]:
    """Return everything but blanks and comments."""
    found, depth, space = [], 0, ""
    for match in _TOKEN.finditer(sql):
        text = match[0]
        if text.isspace() or text.startswith(("--", "/*")):
            space = " "
            continue
        if text == ")":
            depth -= 1
        found.append(Token(text, depth, space))
        space = ""
        if text == "(":
            depth += 1
    return found


def plain_name(text: str) -> str:
    """Return a name without its quotation marks."""
    closing = _QUOTES.get(text[:1])
    if closing is None:
        return text
    return text[1:-1].replace(closing * 2, closing) if closing != "]" else text[1:-1]


def written(parts: list[Token]) -> str:
    """Return tokens as SQL again."""
    return "".join(part.space + part.text for part in parts).strip()


def inside(parts: list[Token], opening: int) -> list[Token]:
    """Return what stands between the bracket at ``opening`` and the one that closes it."""
    depth = parts[opening].depth
    for place in range(opening + 1, len(parts)):
        if parts[place].text == ")" and parts[place].depth == depth:
            return parts[opening + 1 : place]
    return parts[opening + 1 :]


def divided(parts: list[Token]) -> list[list[Token]]:
    """Return the parts between the outermost commas."""
    found: list[list[Token]] = [[]]
    outermost = min((part.depth for part in parts), default=0)
    for part in parts:
        if part.text == "," and part.depth == outermost:
            found.append([])
        else:
            found[-1].append(part)
    return found


def formulas(sql: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the generated columns of a CREATE TABLE and its checks, each with its expression."""
    whole = tokens(sql)
    first = next((place for place, part in enumerate(whole) if part.text == "("), None)
    generated: dict[str, str] = {}
    checks: dict[str, str] = {}
    for definition in divided(inside(whole, first)) if first is not None else []:
        base = definition[0].depth if definition else 0
        for place, part in enumerate(definition[:-1]):
            if part.depth != base or definition[place + 1].text != "(":
                continue
            expression = written(inside(definition, place + 1))
            if part.word == "AS":
                generated[plain_name(definition[0].text)] = expression
            elif part.word == "CHECK":
                checks[_check_name(definition, place, len(checks))] = expression
    return generated, checks


def _check_name(definition: list[Token], place: int, number: int) -> str:
    if place >= 2 and definition[place - 2].word == "CONSTRAINT":
        return plain_name(definition[place - 1].text)
    return f"check {number + 1}"


def index_parts(sql: str) -> tuple[list[str], str]:
    """Return the columns or expressions of a CREATE INDEX, and its condition or nothing."""
    keys, condition = index_keys(sql)
    return [text for text, _ in keys], condition


def index_keys(sql: str) -> tuple[list[tuple[str, bool]], str]:
    """Return the keys of a CREATE INDEX, whether each is descending, and its condition."""
    whole = tokens(sql)
    first = next(place for place, part in enumerate(whole) if part.text == "(")
    inner = inside(whole, first)
    rest = whole[first + len(inner) + 2 :]
    keys = [(written(_without_order(part)), part[-1].word == "DESC") for part in divided(inner)]
    return keys, written(rest[1:]) if rest and rest[0].word == "WHERE" else ""


def _without_order(part: list[Token]) -> list[Token]:
    return part[:-1] if part and part[-1].word in {"ASC", "DESC"} else part

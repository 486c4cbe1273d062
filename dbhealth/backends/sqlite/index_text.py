"""Expressions and conditions of indexes in one spelling, so that equal ones compare equal.

SQLite keeps what was written. Names, keywords, blanks, signs that mean the same and brackets that
change nothing come out alike; anything beyond that (``b = a`` for ``a = b``) stays as it is.
https://www.sqlite.org/lang_expr.html
"""

from __future__ import annotations

from dbhealth.backends.names import quoted
from dbhealth.backends.sqlite.declarations import Token, plain_name, tokens

_KEYWORDS = frozenset(
    (
        *("AND", "AS", "BETWEEN", "CASE", "CAST", "COLLATE", "CURRENT_DATE", "CURRENT_TIME"),
        *("CURRENT_TIMESTAMP", "DISTINCT", "ELSE", "END", "ESCAPE", "FALSE", "FROM", "GLOB", "IN"),
        *("IS", "ISNULL", "LIKE", "MATCH", "NOT", "NOTNULL", "NULL", "OR", "REGEXP", "THEN"),
        *("TRUE", "WHEN"),
    )
)

_PAIRS = frozenset(["==", "!=", "<>", "<=", ">=", "||", "<<", ">>", "->", "->>"])
_SAME = {"==": "=", "!=": "<>"}

# How tightly the loosest operator inside of brackets binds; whatever is in none of them is tight.
_OR, _AND, _NOT, _COMPARISON, _TIGHT, _ATOM = range(6)
_COMPARING = frozenset(
    (
        *("=", "<>", "<", ">", "<=", ">=", "IS", "IN", "LIKE", "GLOB", "REGEXP", "MATCH"),
        *("ISNULL", "NOTNULL", "BETWEEN", "ESCAPE"),
    )
)
_EDGES = {"", "(", ")", ",", "AND", "OR"}


def normal(sql: str) -> str:
    """Return an expression in the one spelling."""
    return _joined(_bare(_spelled(tokens(sql))))


def key_text(sql: str) -> tuple[str, str]:
    """Return a key of an index in the one spelling, and the collation that it names, or nothing.

    COLLATE binds more tightly than any operator: it is the key's own only behind a whole.
    """
    parts = _bare(_spelled(tokens(sql)))
    if len(parts) > 2 and parts[-2] == "COLLATE" and _is_whole(parts[:-2]):
        return _joined(_bare(parts[:-2])), parts[-1]
    return _joined(parts), ""


def _is_whole(parts: list[str]) -> bool:
    in_brackets = parts[0] == "(" and _closing(parts, 0) == len(parts) - 1
    return in_brackets or _looseness(parts) == _ATOM


def _spelled(parts: list[Token]) -> list[str]:
    """Return tokens with names quoted and in small letters, keywords in capitals."""
    found: list[str] = []
    for place, part in enumerate(parts):
        after = parts[place + 1].text if place + 1 < len(parts) else ""
        text = part.text
        if text[:1] in {'"', "`", "["}:
            found.append(quoted(plain_name(text).lower()))
        elif part.word in _KEYWORDS:
            found.append(part.word)
        elif found and not part.space and _continues(found, text):
            found[-1] += text
        elif text[:1] == "'" or text[:1].isdigit():
            found.append(text)
        elif after == "(" and text.isidentifier():
            found.append(text.lower())
        elif text.isidentifier():
            is_collation = bool(found) and found[-1] == "COLLATE"
            found.append(text.upper() if is_collation else quoted(text.lower()))
        else:
            found.append(text)
    return [_SAME.get(text, text) for text in found]


def _continues(found: list[str], text: str) -> bool:
    """Return whether a sign or number belongs to the one before it: "<=", "1.5", "-1"."""
    last, before = found[-1], found[-2] if len(found) > 1 else ""
    if last == "-" and text.isdigit():
        return before in _EDGES or before in _COMPARING or before in _PAIRS
    is_number = last.lstrip("-")[:1].isdigit() and (text == "." or last.endswith("."))
    return is_number or last + text in _PAIRS


def _bare(parts: list[str]) -> list[str]:
    """Return an expression without the brackets that change nothing."""
    place = 0
    while place < len(parts):
        closing = _closing(parts, place) if parts[place] == "(" else None
        if closing is not None and _is_idle(parts, place, closing):
            parts = parts[:place] + parts[place + 1 : closing] + parts[closing + 1 :]
            place = 0
        else:
            place += 1
    return parts


def _closing(parts: list[str], opening: int) -> int | None:
    depth = 0
    for place in range(opening, len(parts)):
        depth += {"(": 1, ")": -1}.get(parts[place], 0)
        if depth == 0:
            return place
    return None


def _is_idle(parts: list[str], opening: int, closing: int) -> bool:
    before = parts[opening - 1] if opening else ""
    after = parts[closing + 1] if closing + 1 < len(parts) else ""
    if before == "IN" or (before.isidentifier() and before not in _KEYWORDS):
        return False  # a list, or the arguments of a function
    inner = _looseness(parts[opening + 1 : closing])
    if inner == _ATOM or before == "CAST":
        return before != "CAST"
    if before not in _EDGES or after not in _EDGES or "BETWEEN" in parts:
        return before == "" and after == ""
    pull = max({"AND": _AND, "OR": _OR}.get(edge, -1) for edge in (before, after))
    return inner > pull or (inner == pull and inner in (_AND, _OR))


def _looseness(parts: list[str]) -> int:
    """Return how loosely an expression hangs together: by its loosest operator."""
    depth, loosest = 0, _ATOM
    is_call = len(parts) > 2 and parts[1] == "(" and _closing(parts, 1) == len(parts) - 1
    if len(parts) == 1 or (is_call and parts[0].isidentifier() and parts[0] not in _KEYWORDS):
        return _ATOM
    for part in parts:
        depth += {"(": 1, ")": -1}.get(part, 0)
        if depth == 0:
            loosest = min(loosest, _binding(part))
    return loosest


def _binding(part: str) -> int:
    if part == "OR":
        return _OR
    if part == "AND":
        return _AND
    if part == "NOT":
        return _NOT
    return _COMPARISON if part in _COMPARING else _TIGHT


def _joined(parts: list[str]) -> str:
    """Return the parts with one blank between them, but none inside of brackets."""
    text = ""
    for part in parts:
        opens = text.endswith("(") or not text
        calls = part == "(" and (text[-1:].isalnum() or text.endswith("_"))
        if not (opens or part in {")", ","} or (calls and not text.endswith(tuple(_KEYWORDS)))):
            text += " "
        text += part
    return text

"""A sentence, and how it is said in the language of its reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from string import Formatter
from typing import Any, Self

from django.utils.html import escape
from django.utils.translation import gettext
from django.utils.translation import ngettext as in_plural

from dbhealth.exceptions import Refusal, Refused


class Sentence(str):
    """An English text that knows the pattern and the values that it was made from.

    ``pattern`` is what makemessages finds, with str.format's fields; ``many`` is that of more than
    one, where the text depends on the value ``number``.
    """

    __slots__ = ("many", "pattern", "values")

    pattern: str
    many: str
    values: Mapping[str, Any]

    def __new__(
        cls,
        text: str,
        pattern: str = "",
        many: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the text; a copy of it that knows no more is text as well."""
        made = super().__new__(cls, text)
        made.pattern, made.many, made.values = pattern or text, many, values or {}
        return made

    def __html__(self) -> str:
        """Return the text in the reader's language; that is how templates ask for a text."""
        return escape(translated(self))

    def format(self, *args: object, **values: object) -> str:
        """Fill in the fields of a pattern that was made without values; they have names.

        Raises TypeError for a value without one.
        """
        if args:
            raise TypeError("The values of a sentence have names.")
        return say(self.pattern, **values)

    def __copy__(self) -> Self:
        """Return itself: nothing of it changes."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return itself: nothing of it changes."""
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Return what a copy is made from."""
        return str(self), self.pattern, self.many, self.values


def say(pattern: str, /, **values: Any) -> str:
    """Return a text in English. Without values the pattern is the text, braces and all."""
    text = pattern.format_map(values) if values else pattern
    return Sentence(text, pattern, values=values)


def say_counted(one: str, many: str, number: int, /, **values: Any) -> str:
    """Return one of two texts in English, by a number that is their value ``number``."""
    values["number"] = number
    return Sentence((one if number == 1 else many).format_map(values), one, many, values)


def joined(parts: Iterable[str], between: str = ", ") -> str:
    """Return texts one after the other, with ``between`` between them."""
    values = {f"part{place}": part for place, part in enumerate(parts)}
    return say("{between}".join(f"{{{name}}}" for name in values), **values, between=between)


def translated(text: str) -> str:
    """Return a text in the language that is active; what is no sentence stays as it is."""
    if not isinstance(text, Sentence):
        return text
    if not text.values:
        return gettext(text.pattern) if text.pattern else ""
    values = {name: _value(value) for name, value in text.values.items()}
    try:
        if text.many:
            pattern = in_plural(text.pattern, text.many, text.values["number"])
        else:
            pattern = gettext(text.pattern)
        return _FILLED.vformat(pattern, (), values)
    except (LookupError, TypeError, ValueError):  # it asks for what there is not
        return str(text)


class _Filled(Formatter):
    """Fills in values by their names alone.

    A pattern comes out of a translation or a database, and str.format would follow attributes of a
    value, or make a text as wide as it is told to.
    """

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        """Return the value of a name; raise LookupError for anything else."""
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        """Return a value in its form; raise ValueError for one that is made to be long."""
        if _WIDE.search(format_spec):
            raise ValueError(format_spec)
        return str(super().format_field(value, format_spec))


_FILLED = _Filled()
_WIDE = re.compile(r"[0-9]{3}")


def words_of(error: Exception) -> str:
    """Return what an error says, in the language that is active."""
    if isinstance(error, Refused):
        return "\n".join(map(_refused, error.refusals))
    said = error.args[0] if len(error.args) == 1 else None
    return translated(said) if isinstance(said, Sentence) else str(error)


def _refused(refusal: Refusal) -> str:
    parts = {name: translated(text) for name, text in refusal.as_dict().items()}
    return str(replace(refusal, **parts))


def _value(value: Any) -> Any:
    return translated(value) if isinstance(value, str) else value

"""Sentences that can be said in the language of whoever reads them.

What checks, refusals, plans and runs say is printed by commands, kept in the database and shown on
pages. It is English as it is made, so that a log, a baseline and a test read the same everywhere;
a page says it anew in the language of its reader.

Modules import :func:`say` as ``_`` and :func:`say_counted` as ``ngettext``: those are the names by
which makemessages finds texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.html import escape
from django.utils.translation import gettext
from django.utils.translation import ngettext as in_plural


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
        """Fill in the fields of a pattern that was made without values."""
        return say(self.pattern, **values)

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
        return gettext(text.pattern)
    values = {name: _value(value) for name, value in text.values.items()}
    if text.many:
        pattern = in_plural(text.pattern, text.many, text.values["number"])
    else:
        pattern = gettext(text.pattern)
    try:
        return pattern.format_map(values)
    except (LookupError, ValueError):  # the translation asks for what there is not
        return str(text)


def words_of(error: Exception) -> str:
    """Return what an error says, in the language that is active."""
    said = error.args[0] if len(error.args) == 1 else None
    return translated(said) if isinstance(said, Sentence) else str(error)


def _value(value: Any) -> Any:
    return translated(value) if isinstance(value, str) else value


_MARK = "__sentence__"
_PLAIN = (str, int, float, bool, type(None))


def packed(value: Any) -> Any:
    """Return a value for JSON with its sentences taken apart, at any depth."""
    if isinstance(value, Sentence):
        values = {name: _packed_value(each) for name, each in value.values.items()}
        return {_MARK: [str(value), value.pattern, value.many, values]}
    if isinstance(value, dict):
        return {key: packed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [packed(each) for each in value]
    return value


def _packed_value(value: Any) -> Any:
    return packed(value) if isinstance(value, _PLAIN) else str(value)


class Encoder(DjangoJSONEncoder):
    """Writes sentences so that :class:`Decoder` reads them as such; for JSONField."""

    def encode(self, o: Any) -> str:
        """Return JSON."""
        return super().encode(packed(o))


class Decoder(json.JSONDecoder):
    """Reads what :class:`Encoder` has written."""

    def __init__(self, **options: Any) -> None:
        """Read as JSON is read, but for the sentences."""
        super().__init__(**{**options, "object_hook": _unpacked})


class SentenceField(models.JSONField):
    """JSON that keeps what its sentences were made from, at any depth."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what a JSONField takes, but for the encoder and the decoder."""
        options |= {"encoder": Encoder, "decoder": Decoder}
        super().__init__(*args, **options)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Return what a migration needs."""
        name, path, args, options = super().deconstruct()
        del options["encoder"], options["decoder"]
        return name, path, args, options


def _unpacked(found: dict[str, Any]) -> Any:
    return Sentence(*found[_MARK]) if found.keys() == {_MARK} else found

"""JSON that keeps what its sentences were made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from dbhealth.saying.sentences import Sentence

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
    if isinstance(value, _PLAIN):
        return packed(value)
    return int(value) if isinstance(value, Decimal) and value == value.to_integral() else str(value)


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
    kept = found[_MARK] if found.keys() == {_MARK} else None
    match kept:
        case [str(text), str(pattern), str(many), dict(values)] if _are_plain(values):
            return Sentence(text, pattern, many, values)
    return found


def _are_plain(values: dict[str, Any]) -> bool:
    return all(isinstance(value, _PLAIN) for value in values.values())

"""Text and JSON to choose from: mostly short, a few very long.

Everything comes as a pool that is made once. A table of a million rows then takes its texts out of
the pool, which is far quicker than making each of them up.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from math import log
from random import Random
from typing import Any


def listed(text: str, separator: str = " ") -> list[str]:
    """Return the parts of a text: how the lists of words below are written."""
    return text.split(separator)


SUBJECTS = "the team|my sister|our neighbour|the doctor|a friend|the whole family|nobody|the coach"
VERBS = "wrote|planned|finished|forgot|moved|repaired|postponed|found|sold|understood|painted|read"
OBJECTS = (
    "the report|a long letter|the garden|two chapters|the old bicycle|every photo|the budget"
    "|a difficult question|the kitchen|last week's notes|the contract|a new recipe|the piano piece"
)
ENDINGS = (
    "before breakfast|in the rain|without any help|for the second time|as agreed|on the train"
    "|although it was late|with great care|at the weekend|for the children|during the meeting"
)
NAMES = listed(
    "Ada Ben Carla David Elif Felix Greta Hugo Ines Jonas Kemal Lena Mila Nora Oskar Paula Quentin "
    "Rosa Selim Tilda Ulla Viktor Wanda Yusuf Zoe"
)
SURNAMES = listed(
    "Adler Bauer Costa Demir Engel Fischer Garcia Hansen Ivanova Jensen Keller Lopez Maier Novak "
    "Olsen Peters Rossi Schmidt Tanaka Unger Vogel Weber Yilmaz Ziegler"
)
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@cache
def corpus() -> str:
    """Return some 250 kB of English that says nothing; every text below is cut out of it."""
    rng = Random("corpus")  # noqa: S311 - nothing here is a secret
    parts = [text.split("|") for text in (SUBJECTS, VERBS, OBJECTS, ENDINGS)]
    sentences = (" ".join(rng.choice(part) for part in parts).capitalize() for _ in range(5_000))
    return ". ".join(sentences)


def text(rng: Random, length: int) -> str:
    """Return a text of about `length` characters that begins at a word."""
    start = corpus().index(" ", rng.randrange(len(corpus()) - length - 40)) + 1
    cut = corpus()[start : start + max(length, 1)]
    return cut[:1].upper() + cut[1:].rstrip()


def texts(rng: Random, count: int, median: int, longest: int = 20_000) -> list[str]:
    """Return `count` texts: half shorter than `median`, a few per mille up to `longest`."""
    pool = []
    for _ in range(count):
        length = int(rng.lognormvariate(log(median), 0.9))
        if rng.random() < 0.002:
            length = rng.randint(longest // 4, longest)
        pool.append(text(rng, min(max(length, 8), longest)))
    return pool


def titles(rng: Random, count: int, longest: int = 120) -> list[str]:
    """Return `count` texts that fit on one line."""
    return [text(rng, rng.randint(12, min(longest, 90)))[:longest] for _ in range(count)]


def documents(rng: Random, count: int, make: Callable[[Random], Any]) -> list[str]:
    """Return `count` JSON texts of what `make` makes."""
    return [json.dumps(make(rng), separators=(",", ":")) for _ in range(count)]


def mix(shares: Mapping[Any, int]) -> list[Any]:
    """Return a pool in which each key stands as often as its share says."""
    return [key for key, share in shares.items() for _ in range(share)]


def token(rng: Random, length: int) -> str:
    """Return a random key of small letters and digits."""
    return "".join(rng.choices(ALPHABET, k=length))


def uuid_hex(rng: Random) -> str:
    """Return a random UUID without dashes, which is how SQLite keeps it and PostgreSQL reads it."""
    bits = rng.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62
    return f"{bits:032x}"

"""Pages of sorted rows whose equal keys come in an unstable order, as from the real database."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar


class Identified(Protocol):
    """A row with an id."""

    id: int


R = TypeVar("R", bound=Identified)
Key = Callable[[Any], Any]


def shuffled_page(ordered: Sequence[R], key: Key, skip: int, take: int, salt: object) -> list[R]:
    """Return a page after shuffling each run of equal keys that it touches; equal salts shuffle equally."""
    stop = min(skip + take, len(ordered))
    if skip >= stop:
        return []
    first, last = _widen(ordered, key, skip, stop)
    return _scramble(ordered[first:last], key, salt)[skip - first : stop - first]


def _widen(ordered: Sequence[Any], key: Key, start: int, stop: int) -> tuple[int, int]:
    """Extend a slice so that it cuts no run of equal keys."""
    while start > 0 and key(ordered[start - 1]) == key(ordered[start]):
        start -= 1
    while stop < len(ordered) and key(ordered[stop]) == key(ordered[stop - 1]):
        stop += 1
    return start, stop


def _scramble(ordered: Sequence[R], key: Key, salt: object) -> list[R]:
    """Shuffle each run of equal keys; the result depends only on the salt."""
    # Not `hash()`, which differs from process to process.
    rng = random.Random(zlib.crc32(repr(salt).encode()))
    scrambled: list[R] = []
    run: list[R] = []
    for row in ordered:
        if run and key(row) != key(run[0]):
            scrambled += _shuffled(run, rng)
            run = []
        run.append(row)
    return scrambled + _shuffled(run, rng)


def _shuffled(run: list[R], rng: random.Random) -> list[R]:
    """Shuffle a run in place and return it."""
    rng.shuffle(run)
    return run

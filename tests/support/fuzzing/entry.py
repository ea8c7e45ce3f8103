"""One entry: something that is read from the other side, with examples of what is right."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fuzzing.misshapen import misshapen, spoilt, text_of


@dataclass(frozen=True)
class Entry:
    """``read`` takes bytes and raises nothing but what it is allowed to (``errors``).

    ``seeds`` are right. Those in JSON are misshapen as JSON; others as bytes. ``fix`` puts right
    what would keep all else from being read: a length, say.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[Any, ...]
    errors: tuple[type[BaseException], ...] = ()
    fix: Callable[[bytes], bytes] = bytes

    @cached_property
    def texts(self) -> tuple[bytes, ...]:
        """The seeds as bytes."""
        return tuple(
            one if isinstance(one, bytes) else json.dumps(one).encode() for one in self.seeds
        )

    def wrong(self, rng: random.Random) -> bytes:
        """One of the seeds, misshapen."""
        return self.worse(rng.choice(self.texts), rng)

    def worse(self, data: bytes, rng: random.Random) -> bytes:
        """The same, with something wrong in it."""
        value = None if isinstance(self.seeds[0], bytes) else lenient(data)
        if isinstance(value, (dict, list)):
            return text_of(misshapen(value, rng), rng)
        data = spoilt(data, rng)
        return self.fix(data) if rng.randrange(2) else data

    def try_out(self, data: bytes) -> bool:
        """Read it: whether it was taken. Whatever it is not allowed to raise comes through."""
        try:
            self.read(data)
        except self.errors:
            return False
        return True


def lenient(data: bytes) -> Any:
    """The JSON value of a text; None for what is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None

"""The key by which a task is asked for again: the same for the same call in another process.

A pickle's digest would not do: sets, globals, equal strings that are one object and the names of
notebook cells change it. So a call is walked here, value by value, into a digest that knows
neither addresses nor files nor lines.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from .canonical import Canonical, NoCanonicalForm, References
from .dump import name_of

DIGITS = 32
OWN = "~"  # begins the keys that are made here: no caller's does
LONGEST = 200  # characters of a caller's key


class NoKey(Exception):
    """A task that has no canonical form; says what in it has none."""


class Keys:
    """The keys of one process's tasks: equal calls are told apart by how often they came."""

    def __init__(self, build: str = "", references: References = MappingProxyType({})) -> None:
        self._references = references
        self._environment = f"{build} {sys.version_info[0]}.{sys.version_info[1]}"
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()

    def of(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """The key of a call. Raises NoKey."""
        content = content_of(fn, args, kwargs, self._references)
        text = f"{name_of(fn)}\n{self._environment}\n".encode()
        digest = hashlib.sha256(text + content).hexdigest()[:DIGITS]
        with self._lock:
            self._seen[digest] += 1
            return f"{OWN}{digest}.{self._seen[digest]}"


def content_of(
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    references: References,
) -> bytes:
    """A digest of what a call is. Raises NoKey."""
    try:
        return Canonical(references).digest((fn, args, dict(kwargs)))
    except NoCanonicalForm as error:
        raise NoKey(str(error)) from None
    except RecursionError:
        raise NoKey("it is nested too deeply") from None


def check_key(key: Any) -> str:
    """A key that the caller gives. Raises TypeError or ValueError for what cannot be one."""
    if not isinstance(key, str):
        raise TypeError(f"key= names a task for later starts of the run: a string, not {key!r}")
    if not key or len(key) > LONGEST or key.startswith(OWN) or not key.isprintable():
        raise ValueError(
            f"key={key!r}: take 1 to {LONGEST} printable characters, the first of them not {OWN!r}"
        )
    return key


def takes(fn: Callable[..., Any], argument: str) -> bool:
    """Whether this is an argument of the function itself.

    Of Python's own functions some have no signature to look at: they may take a ``key``, as max
    does, and no ``walltime``.
    """
    import inspect

    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return argument == "key"
    named = (p.name == argument and p.kind is not p.POSITIONAL_ONLY for p in parameters)
    return any(itertools.chain(named, (p.kind is p.VAR_KEYWORD for p in parameters)))

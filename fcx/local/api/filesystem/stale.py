"""A fault: listings that are some seconds old, as slow caches of a file system show them."""

from __future__ import annotations

import time

from .listing import Entry


class Stale:
    """The listings of the past, by path."""

    def __init__(self) -> None:
        self._past: dict[str, list[tuple[float, list[Entry]]]] = {}

    def seen(self, path: str, entries: list[Entry], lag: float) -> list[Entry]:
        """What is shown: the newest listing that is `lag` s old, else only files that old."""
        now = time.time()
        past = self._past.setdefault(path, [])
        old = [(when, listed) for when, listed in past if when <= now - lag]
        self._past[path] = [*old[-1:], *past[len(old) :], (now, entries)]
        if old:
            return old[-1][1]
        horizon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now - lag))
        return [one for one in entries if one["lastModified"] <= horizon]

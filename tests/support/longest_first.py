"""The order of a run by several workers: those modules begin first that take the longest.

A worker that comes upon a test of minutes when all others are done leaves them idle for as long.
``pytest.mark.lasts(seconds)`` says of a test about how long CI waits for it, fixtures included. Its
module is moved as a whole, so that what its tests share is made by one worker.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest


def in_order(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """All of them: the queue with which each worker begins has long modules at its head.

    xdist's ``worksteal`` gives each worker an equal number of tests that follow each other; who has
    done all of its own takes over from the end of another's.
    """
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
    lasting = {name: sum(map(seconds, tests)) for name, tests in modules.items()}
    heads: list[list[pytest.Item]] = [[] for _ in range(workers)]
    loads = [0.0] * workers
    for name in sorted(lasting, key=lambda name: -lasting[name]):
        if lasting[name]:
            least = loads.index(min(loads))
            heads[least] += modules[name]
            loads[least] += lasting[name]
    rest = [test for name, tests in modules.items() if not lasting[name] for test in tests]
    ordered: list[pytest.Item] = []
    for number, head in enumerate(heads):
        share = (len(items) - len(ordered)) // (workers - number)
        quick = max(0, share - len(head))
        ordered += [*head, *rest[:quick]]
        del rest[:quick]
    return ordered + rest


def seconds(item: pytest.Item) -> float:
    """What a test says of itself."""
    mark = item.get_closest_marker("lasts")
    return float(mark.args[0]) if mark else 0.0

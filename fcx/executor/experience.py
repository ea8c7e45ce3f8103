"""How long tasks took and pilots needed to begin: remembered for later runs on this machine.

By site and by what pilots are asked for; of tasks, by their function. Several processes may store
at once: each adds what it has learnt, the latest counts. It only decides how many pilots are
submitted at first, so what is missing or wrong costs a moment.
"""

from __future__ import annotations

import math
import time
from typing import Any

from ..parity.gate import Facts
from .core.actions import Remember
from .core.events import Recalled
from .kits import Kit, mark_of

AGE = 30 * 86400.0  # seconds for which it is remembered
MOST = 200  # functions of one kind of pilots
LARGEST = 1e12  # seconds, since 1970, too


def recall(facts: Facts, kit: Kit) -> list[Recalled]:
    """What is known for pilots of this kit; reads a file."""
    tasks, starts = _known(facts, kit)
    if not tasks and not starts:
        return []
    seconds = tuple((function, took) for function, (took, _) in tasks.items())
    return [Recalled(kit.shape, seconds, tuple(starts))]


def remember(facts: Facts, kit: Kit, note: Remember) -> None:
    """Add to it what a run has learnt; writes a file."""
    tasks, _ = _known(facts, kit)
    for function, seconds in note.seconds:
        tasks.pop(function, None)
        tasks[function] = seconds, time.time()
    latest = dict(list(tasks.items())[-MOST:])
    facts.store(_key(kit), {"tasks": latest, "starts": list(note.starts)})


def _key(kit: Kit) -> str:
    credentials = kit.settings.credentials
    asked = mark_of(kit.settings.shape_record())
    return f"pace {credentials.api_url} {credentials.system} {asked}"


def _known(facts: Facts, kit: Kit) -> tuple[dict[str, tuple[float, float]], list[float]]:
    """(Seconds and time of storing by function, seconds of starts), without what is misshapen."""
    value = facts.get(_key(kit), AGE)
    value = value if isinstance(value, dict) else {}
    found, starts = value.get("tasks"), value.get("starts")
    items = found.items() if isinstance(found, dict) else ()
    tasks = {function: (each[0], each[1]) for function, each in items if _is_known(each)}
    return tasks, [each for each in starts if _sound(each)] if isinstance(starts, list) else []


def _is_known(entry: Any) -> bool:
    """Whether it is one of a task, and not too old."""
    pair = isinstance(entry, list) and len(entry) == len(("seconds", "stored"))
    return pair and all(map(_sound, entry)) and bool(entry[1] >= time.time() - AGE)


def _sound(number: Any) -> bool:
    fine = isinstance(number, (int, float)) and not isinstance(number, bool)
    return fine and math.isfinite(number) and 0 <= number <= LARGEST

"""Valid JSON, and bytes, with something wrong in them."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**31,
    2**63,
    10**400,
    1e308,
    float("inf"),
    float("nan"),
    "",
    "x",
    "0",
    "-1",
    "1e400",
    "²",
    "é",
    "\ud800",
    "\0",
    "\n",
    "../x",
    "/dev/zero",
    "\x1b[2J",
    "9" * 5000,
    "x" * 5000,
    [],
    {},
    [[]],
    [None, None, None],
    {"": None},
)
"""Values that somebody may not have thought of."""

DEEP = "[" * 2000 + "]" * 2000


def misshapen(value: Any, rng: random.Random) -> Any:
    """A JSON value with up to four changes anywhere in it."""
    holder = {"whole": json.loads(json.dumps(value))}
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _change(holder, rng)
    return holder["whole"]


def _change(holder: dict[str, Any], rng: random.Random) -> None:
    """One change: another value, one that stands elsewhere, one too few or too many."""
    places = _places(holder)
    parent, key = rng.choice(places)
    change = rng.randrange(6)
    if change == 0 and parent is not holder:
        del parent[key]
    elif change == 1 and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(rng.choice(ODD)))
    elif change == 2:
        other, at = rng.choice(places)
        parent[key] = json.loads(json.dumps(other[at]))
    elif change == 3 and isinstance(parent[key], str) and parent[key]:
        parent[key] = spoilt(parent[key].encode("utf-8", "replace"), rng).decode("latin-1")
    elif change == 4 and isinstance(parent[key], int):
        parent[key] += rng.choice((-1, 1, -(2**31), 2**31, 1 << 62, -2 * parent[key]))
    else:
        parent[key] = copy.deepcopy(rng.choice(ODD))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """All places of a value that another one may take: (what holds it, key or index)."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys if isinstance(one[key], (dict, list))]
    return found


def text_of(value: Any, rng: random.Random) -> bytes:
    """The JSON of a value, now and then with what is no JSON, or nested deeply."""
    text = json.dumps(value, separators=(",", ":"))
    change = rng.randrange(12)
    if change == 0:
        return spoilt(text.encode(), rng)
    if change == 1:
        at = rng.randrange(len(text))
        return (text[:at] + DEEP + text[at + 1 :]).encode()
    return text.encode()


def spoilt(data: bytes, rng: random.Random) -> bytes:
    """Bytes of which some are gone, new, others or twice there."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 8, 64)))
        new = rng.choice(
            (b"", rng.randbytes(1), rng.randbytes(8), data[at:end] * 2, b"\0", b"9" * 9)
        )
        data = data[:at] + new + data[end:]
    return data

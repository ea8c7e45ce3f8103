"""A verdict as people read it: what decides first, what follows from it in one line (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .verdict import Difference

_ORDER = {"refuse": "refused", "warn": "warning", "info": "noted"}
_WIDEST = 60  # of a column, in characters; what is longer ends in an ellipsis
_NAMED = 4  # packages of many that are named
_INTERPRETER = re.compile("python-(implementation|minor|bytecode)$|image-python$")
_FOLLOWS = re.compile(
    "package-(version|missing|extra)$|(reference|import)-(version|shared)$|dill$|image-(content|overlaid)$"
)
_OF_CLIENT = re.compile(
    "python-|dill|(reference|import)-|package-(version|missing|extra|platform)$|assumed$"
)
_OF_IMAGE = re.compile(
    "image-(python|content|overlaid|changed)$|build-id$|architecture$|interpreter$"
)

Head = tuple[str, str]


def lines(differences: Iterable[Difference], held: str, *, all_packages: bool) -> list[str]:
    """A row for each, with the fix below it; ``held``: what the client is held against.

    The other interpreter comes first, and the packages that come with it are one line. Columns are
    called by their sides: to ``want`` what the client has reads backwards where it is to follow.
    """
    rows = _arranged(list(differences), held)
    first = next((one for one in rows if _INTERPRETER.match(one.code)), None)
    following: list[Difference] = []
    noted: list[Difference] = []
    if not all_packages:
        following = [one for one in rows if first and _FOLLOWS.match(one.code) and one is not first]
        following = [one for one in following if one.severity != "info"]
        noted = _of_packages(rows)
    noted = noted if noted[1:] else []
    kept = [one for one in rows if one not in following and one not in noted]
    told: list[str] = []
    for head, group in groupby(kept, lambda one: _head(one, held)):
        told += ["", *_table(head, list(group), first, following)]
    return told + _noted(noted)


def count(differences: Iterable[Difference]) -> int:
    """How many there are, packages that are merely noted as one."""
    rows = list(differences)
    return len(rows) - max(0, len(_of_packages(rows)) - 1)


def _of_packages(rows: Iterable[Difference]) -> list[Difference]:
    return [one for one in rows if one.code.startswith("package-") and one.severity == "info"]


def _noted(rows: Sequence[Difference]) -> list[str]:
    """What is merely noted of packages, all of it in one place."""
    if not rows:
        return []
    more = "`fcx preflight --all-packages` lists all"
    return [
        "",
        f"{len(rows)} packages differ (noted): {_names(rows)}",
        f"    what a task uses of them is judged when it is submitted; {more}",
    ]


def _arranged(differences: list[Difference], held: str) -> list[Difference]:
    """Refusals first, among them the interpreter; rows of the same columns together."""
    heads = list(dict.fromkeys(_head(one, held) for one in differences))
    weight = list(_ORDER)

    def rank(one: Difference) -> tuple[int, bool, int]:
        decides = bool(_INTERPRETER.match(one.code))
        return weight.index(one.severity), not decides, heads.index(_head(one, held))

    return sorted(differences, key=rank)


def _head(one: Difference, held: str) -> Head:
    """What the two columns are called."""
    if _OF_CLIENT.match(one.code):
        return "client", held
    return ("image", "remote") if _OF_IMAGE.match(one.code) else ("wanted", "found")


def _table(
    head: Head, rows: Sequence[Difference], first: Difference | None, following: list[Difference]
) -> Iterator[str]:
    cells = [("what", *head, "verdict")]
    cells += [(one.what, _cut(one.wanted), _cut(one.found), _ORDER[one.severity]) for one in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    shown = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    yield shown[0]
    for one, line in zip(rows, shown[1:], strict=True):
        yield line
        if one.fix:
            yield f"    fix: {one.fix}"
        if one is first and following:
            told = f"{len(following)} packages follow" if following[1:] else "a package follows"
            yield f"    {told} from it: {_names(following)}"


def _names(rows: Sequence[Difference]) -> str:
    """The first few, and how many more."""
    names = list(dict.fromkeys(one.what for one in rows))
    more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    return ", ".join(names[:_NAMED]) + more


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"

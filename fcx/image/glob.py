"""One pattern of a ``.dockerignore``, matched as Docker matches it, in time linear in the path.

Docker makes a regular expression of it, and runs that without backtracking; Python's backtracks,
and ``*a*a*a*b`` takes it for ever. Here all places that a path may have come to are kept, as bits
of a number. What Docker refuses, or gives a meaning that nobody expects, is refused.

::

    ?       any character but /                 *    any number of those
    **      at the end: anything                **/  nothing, or anything that ends with /
    [a-z]   one of these                        ^    beside others: the beginning of the path
    [^a-z]  any other, and that may be /
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

SPECIAL = frozenset("*?[]\\")

_PART = re.compile(
    r"(?P<deep>\*\*/?)|(?P<star>\*)|(?P<one>\?)|\\(?P<escaped>.)"
    r"|\[(?P<set>(?:\\.|[^\\\]])+)\]|(?P<plain>.)",
    re.DOTALL,
)
_MEMBER = re.compile(r"\\?.", re.DOTALL)

Takes = Callable[[str], bool]


class BadPattern(ValueError):
    """Why a pattern is none, as the end of a sentence."""


def matcher(pattern: str) -> Takes:
    """Tells whether a path, or a folder that it lies in, has this pattern. Raises BadPattern."""
    if pattern.endswith("**") and not SPECIAL.intersection(pattern[:-2]):
        return lambda path: path.startswith(pattern[:-2])
    if pattern.startswith("**") and not SPECIAL.intersection(pattern[2:]):
        return lambda path: f"{pattern[2:]}/" in f"{'/' * (pattern[2] == '/')}{path}/"
    return Glob(pattern).matches


class Token(NamedTuple):
    """A place in a pattern."""

    leads: Takes  # what leads on from it
    stays: Takes  # what leaves it where it is; it may do both
    optional: bool = False  # nothing leads on, too
    first: bool = False  # nothing leads on at the beginning of the path


class Glob:
    """The tokens of a pattern; in all numbers bit i stands for token i."""

    def __init__(self, pattern: str) -> None:
        self._tokens = tuple(_tokens(pattern))
        self._end = 1 << len(self._tokens)
        self._optional = _bits(token.optional for token in self._tokens)
        self._first = self._optional | _bits(token.first for token in self._tokens)
        self._moves: dict[str, tuple[int, int]] = {}

    def matches(self, path: str) -> bool:
        """Whether the path has the pattern, or a folder that it lies in."""
        at = _entered(1, self._first)
        for char in path:
            if char == "/" and at & self._end:
                return True
            leads, stays = self._moves.get(char) or self._move(char)
            at = _entered((at & leads) << 1, self._optional) | at & stays
            if not at:
                return False
        return bool(at & self._end)

    def _move(self, char: str) -> tuple[int, int]:
        leads = _bits(token.leads(char) for token in self._tokens)
        stays = _bits(token.stays(char) for token in self._tokens)
        self._moves[char] = leads, stays
        return leads, stays


def _bits(flags: Iterator[bool]) -> int:
    return sum(flag << index for index, flag in enumerate(flags))


def _entered(at: int, optional: int) -> int:
    """These places, and those behind what may be nothing."""
    while more := (at & optional) << 1 & ~at:
        at |= more
    return at


def _never(_char: str) -> bool:
    return False


def _of_a_name(char: str) -> bool:
    return char != "/"


def _of_a_line(char: str) -> bool:
    return char != "\n"


def _slash(char: str) -> bool:
    return char == "/"


def _tokens(pattern: str) -> Iterator[Token]:
    for part in _PART.finditer(pattern):
        kind, text = str(part.lastgroup), part[part.lastgroup or 0]
        if kind == "deep":
            ends = part.end() == len(pattern)
            yield Token(_of_a_line if ends else _slash, _of_a_line, optional=True)
        elif kind == "star":
            yield Token(_of_a_name, _of_a_name, optional=True)
        elif kind == "one":
            yield Token(_of_a_name, _never)
        elif kind == "set":
            yield Token(_set(text), _never)
        else:
            yield _character(kind, text)


def _character(kind: str, text: str) -> Token:
    if kind == "plain" and text in "[\\":
        raise BadPattern(
            "has a [ that is never closed or has nothing in it" if text == "[" else "ends with a \\"
        )
    if kind == "plain" and text == "^":
        return Token(_never, _never, first=True)
    if kind == "escaped":
        _check_escaped(text)
    return Token(text.__eq__, _never)


def _check_escaped(char: str) -> None:
    if char.isalnum() or not char.isascii():
        raise BadPattern(
            f"has \\{char}, to which Docker gives a meaning of its own; write {char} alone"
        )


def _set(text: str) -> Takes:
    """What is between brackets: single members and ranges."""
    negated = text.startswith("^")
    members = _MEMBER.findall(text[negated:])
    if not members or "[:" in text or {"*", "?"}.intersection(members):
        raise BadPattern("has brackets with *, ?, [: or nothing in them; put a \\ before each")
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(members):
        last = at + 2 if members[at + 1 : at + 2] == ["-"] else at
        ranges.append(_range(members[at], "".join(members[last : last + 1])))
        at = last + 1
    return lambda char: negated != any(low <= char <= high for low, high in ranges)


def _range(low: str, high: str) -> tuple[str, str]:
    for member in low, high:
        if member in {"-", ""}:
            raise BadPattern("has brackets in which a - stands for itself; put a \\ before it")
        if len(member) > 1:
            _check_escaped(member[-1])
    if low[-1] > high[-1]:
        raise BadPattern(f"has the range {low}-{high}, which is the wrong way round")
    return low[-1], high[-1]

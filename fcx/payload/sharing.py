"""A task's pickle without what it shares: large buffers and texts, objects that were put, futures.

::

    pickler ── frames ──────────────────> Parcel.data    the pickle, with a place for each supply
       ├────── large bytes and texts ──┐
       ├────── large buffers ──────────┼> Parcel.supplies   what belongs there, in order
       └────── references ─────────────┘

What is large and repeats is found by its content (``contents.py``), wherever in the call it stands.
A pickler hands bytes from 64 kB on to its file as they are, after a head that tells their length:
so nothing has to be looked for.
"""

from __future__ import annotations

import ast
import operator
import pickle
import struct
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from .contents import Content, Contents

PROTOCOL = 5  # of pickles: buffers leave them
LARGE = 1 << 20  # bytes from which a buffer or a text is shared
NEXT_BUFFER = b"\x97"
FRAME = b"\x95"
HEADS = {  # opcodes that large bytes follow: how their length is told, and what they are
    b"B": ("<I", "b"),
    b"\x8e": ("<Q", "b"),
    b"X": ("<I", "s"),
    b"\x8d": ("<Q", "s"),
    b"\x96": ("<Q", "a"),
}
READER = "objects.py"  # of protocol/: what the payload brings along


@dataclass(frozen=True)
class Supply:
    """What belongs in one place of a pickle; ``entry`` is what ``protocol/objects.py`` reads."""

    entry: tuple[Any, ...]
    contents: tuple[Content, ...] = ()
    looked: tuple[Any, ...] = ()  # what is known of the code in it (``needs.Looked``)
    takes: str = ""  # the task whose value it is, where that is not known yet
    origin: Any = None  # of a value (``origin.Origin``): what makes its classes comes before it


@dataclass(frozen=True)
class InPlace:
    """A value that is pickled where its reference stands."""

    value: Any


class Parcel(NamedTuple):
    """A task as it was pickled."""

    data: bytes = b""
    supplies: tuple[Supply, ...] = ()

    @property
    def contents(self) -> tuple[Content, ...]:
        """All that it needs, each once."""
        if not self.supplies:
            return ()
        found = {each.sha: each for supply in self.supplies for each in supply.contents}
        return tuple(found.values())

    @property
    def looked(self) -> tuple[Any, ...]:
        """What is known of what it takes, each once."""
        if not self.supplies:
            return ()
        return tuple({each.key: each for one in self.supplies for each in one.looked}.values())

    @property
    def origins(self) -> tuple[Any, ...]:
        """Of the values that it takes."""
        if not self.supplies:
            return ()
        return tuple(one.origin for one in self.supplies if one.origin is not None)

    @property
    def takes(self) -> tuple[str, ...]:
        """The tasks whose values it takes, as far as these are not known."""
        if not self.supplies:
            return ()
        return tuple(dict.fromkeys(one.takes for one in self.supplies if one.takes))

    def payload(self) -> bytes:
        """What is sent: the pickle itself, unless it takes something."""
        entries = [one.entry for one in self.supplies] if self.supplies else []
        return wrapped(self.data, entries)


References = Mapping[type, Callable[[Any], Supply | InPlace]]
"""What stands for something else in a task, by type: how it is supplied."""

Ways = Mapping[type, Callable[[Any, Any], Any]]


class Sharing:
    """How the tasks of one run are pickled."""

    def __init__(self, contents: Contents, references: References) -> None:
        self.contents = contents
        self.references = references
        self._ways: Ways = {}

    def dump(self, value: Any, own: Callable[[str], bool]) -> Parcel:
        """Pickle something. Raises whatever the pickling of what is in it raises."""
        return self.dumped(value, own)[0]

    def dumped(self, value: Any, own: Callable[[str], bool]) -> tuple[Parcel, Any]:
        """Pickle something; with the pickler, to go on with, where there was need of one."""
        from ..protocol import pickling
        from .pickler import TaskPickler

        last: list[TaskPickler] = []

        def make(_file: Any, *rest: Any) -> TaskPickler:
            last[:] = [TaskPickler(Sink(self), self.ways(), *rest)]
            return last[0]

        data = pickling.dumps(value, own=own, make=make)
        return (last[0].sink.parcel(), last[0]) if last else (Parcel(data), None)

    def ways(self) -> Ways:
        """How references are pickled, and what has ways of its own anyway."""
        from contextvars import ContextVar

        from ..protocol import pickling
        from .context import reduced

        def way(of: Callable[[Any], Supply | InPlace]) -> Callable[[Any, Any], Any]:
            return lambda pickler, reference: pickler.sink.refer(of(reference))

        if not self._ways:
            mine = {kind: way(of) for kind, of in self.references.items()}
            mine[ContextVar] = lambda _pickler, variable: reduced(variable)
            self._ways = {**pickling.Pickler.ways, **mine}
        return self._ways


class Sink:
    """The file of one pickler, and what hears of its buffers."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing
        self._pieces: list[bytes] = []
        self._supplies: list[Supply] = []
        self._marks: dict[int, Supply] = {}  # by the id of a buffer that stands for it

    def refer(self, supply: Supply | InPlace) -> tuple[Any, ...]:
        """What a reference is pickled as."""
        if isinstance(supply, InPlace):
            return typing.cast, (None, supply.value)
        mark = pickle.PickleBuffer(bytearray())
        self._marks[id(mark)] = supply
        brought = supply.origin.brought() if supply.origin else None
        return typing.cast, (brought, mark)

    def buffer(self, buffer: pickle.PickleBuffer) -> bool:
        """Whether a buffer stays in the pickle."""
        supply = self._marks.pop(id(buffer), None)
        if supply is None:
            data = buffer.raw()
            if data.nbytes < LARGE:
                return True
            supply = self._shared("a", data)
        self._supplies.append(supply)
        return False

    def _shared(self, kind: str, data: memoryview) -> Supply:
        content = self._sharing.contents.keep(data)
        return Supply((kind, content.sha, content.size), (content,))

    def write(self, data: bytes | pickle.PickleBuffer) -> None:
        """Part of the pickle; a buffer that stays in it comes as such from 64 kB on."""
        if isinstance(data, pickle.PickleBuffer):
            data = data.raw().tobytes()
        kind, head = "", 0
        if len(data) >= LARGE and self._pieces:
            kind, head = _head(self._pieces[-1], data)
        if not kind:
            self._pieces.append(data)
            return
        self._pieces[-1] = self._pieces[-1][:-head] + NEXT_BUFFER
        self._supplies.append(self._shared(kind, memoryview(data)))

    def parcel(self) -> Parcel:
        """All of it."""
        return Parcel(b"".join(self._pieces), tuple(self._supplies))


def _head(before: bytes, data: bytes) -> tuple[str, int]:
    """What bytes are that follow these, and the length of their head; 0 where that is no head."""
    if data[:1] == FRAME and struct.unpack_from("<Q", data, 1)[0] <= len(data) - 9:
        return "", 0  # a frame with a huge number in it, say
    for length in (9, 5):
        form, kind = HEADS.get(before[-length:][:1], ("", ""))
        fits = struct.calcsize(form or "<") == length - 1
        if fits and struct.unpack(form, before[1 - length :])[0] == len(data):
            return kind, length
    return "", 0


class _Call:
    """Pickles as a call of something."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __call__(self) -> None:
        """Only what can be called may be pickled as a function."""

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def wrapped(data: bytes, entries: list[tuple[Any, ...]]) -> bytes:
    """A pickle that gives what ``data`` gives, with these things in their places."""
    if not entries:
        return data
    space: dict[str, Any] = {}
    read = _Call(exec, reader(), space)
    take = _Call(_Call(operator.getitem, space, "take"), data, entries)
    return pickle.dumps(_Call(operator.getitem, (read, take), 1), 4)


@cache
def reader() -> str:
    """The program that puts them there, without what only people read."""
    tree = ast.parse((resources.files("fcx") / "protocol" / READER).read_text("utf-8"))
    for each in ast.walk(tree):
        if isinstance(each, (ast.Module, ast.FunctionDef)) and ast.get_docstring(each):
            del each.body[0]
    return ast.unparse(tree)

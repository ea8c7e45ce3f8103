"""The pickler of tasks: that of both ends, with a file that hears of what is shared.

This loads dill: it is imported where something is pickled.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any

from ..protocol import pickling
from .sharing import PROTOCOL, Sink, Ways


class TaskPickler(pickling.Pickler):  # type: ignore[misc]  # protocol/ has no annotations
    """Writes into a sink."""

    def __init__(self, sink: Sink, ways: Ways, *options: Any) -> None:
        super().__init__(sink, *options, PROTOCOL, True, sink.buffer)
        self.sink = sink
        self.ways = ways


class Following(TaskPickler):
    """Goes on where another has ended, as though it were that one: what it knows, this knows.

    The other may be followed by any number. ``plain``: nothing came but numbers, texts and what
    Python's own containers hold of these.
    """

    def __init__(self, state: State, sink: Sink) -> None:
        pickle.Pickler.__init__(self, sink, PROTOCOL, fix_imports=True, buffer_callback=sink.buffer)
        self.memo = state.memo
        self.plain = True
        self._begins = state, sink

    def reducer_override(self, obj: Any) -> Any:
        """Asked of all that is not plain."""
        if self.plain:
            self._know(*self._begins)
        return super().reducer_override(obj)

    def _know(self, state: State, sink: Sink) -> None:
        """What the other knew: for what is plain, that would take longer than to pickle it."""
        self.__dict__.update(state.fixed)
        for name, copy in state.copies:
            self.__dict__[name] = copy()
        self.sink = sink
        self.plain = False


class State:
    """What a pickler knows once it has pickled something."""

    def __init__(self, pickler: TaskPickler) -> None:
        own = vars(pickler)
        changing = {name: value for name, value in own.items() if type(value) in {dict, list, set}}
        self.fixed = {name: value for name, value in own.items() if name not in changing}
        self.copies: list[tuple[str, Callable[[], Any]]]
        self.copies = [(name, value.copy) for name, value in changing.items() if name != "ways"]
        self.fixed["ways"] = pickler.ways
        self.memo = pickler.memo
        self.modules: Mapping[str, list[str]] = pickler.modules
        self.names = len(own["_names"])

    def refer(self, thing: Any) -> bytes:
        """What gets it from the unpickler's memo; empty where it is not there."""
        known = self.memo.copy().get(id(thing))
        return pickle.LONG_BINGET + struct.pack("<I", known[0]) if known else b""

    def whole(self, pickler: Following) -> bool:
        """Whether all modules came with the submodules that the code at hand names."""
        names = vars(pickler)["_names"]
        if len(names) == self.names and len(pickler.modules) == len(self.modules):
            return True
        return all(
            pickling.submodules(name, names) == below for name, below in pickler.modules.items()
        )

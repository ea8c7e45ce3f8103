"""What a worker may say next: checked, for tasks share its process, and what they fork its pipe.

A worker says hello, is configured and says that it is ready, is given a task and says what became
of it. Anything else is no message of a worker's, and none is believed after it.
"""

from ..protocol import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Optional, Tuple

    from ..protocol.frames import Frame

ANSWERS = {frames.CONFIGURE: frames.READY, frames.TASK: frames.DONE}
OUTCOMES = ("value", "raise", "alien", "unpicklable")


class Turn:
    """Of one process, which has just been started."""

    def __init__(self) -> None:
        self.awaited: "Optional[bytes]" = frames.HELLO
        self.task: "Optional[Tuple[str, int]]" = None

    def sent(self, kind: bytes, meta: "Mapping[str, Any]") -> None:
        """The worker has been told this, and will answer."""
        self.awaited = ANSWERS[kind]
        self.task = (meta["t"], meta["a"]) if kind == frames.TASK else None

    def check(self, frame: "Frame") -> None:
        """ValueError: this is not the answer that is awaited."""
        form = {frames.HELLO: _hello, frames.READY: _ready, frames.DONE: self._done}
        if frame.kind != self.awaited or not form[frame.kind](frame):
            raise ValueError("what no worker says")
        self.awaited = None

    def _done(self, frame: "Frame") -> bool:
        """Of the task that it has; the lengths are those of the data."""
        meta, lengths = frame.meta, frame.meta.get("n")
        return (
            (meta.get("t"), meta.get("a")) == self.task
            and meta.get("o") in OUTCOMES
            and type(meta.get("s")) in (int, float)
            and 0 <= meta["s"] < 1e9
            and isinstance(lengths, list)
            and len(lengths) == 3
            and all(type(length) is int and length >= 0 for length in lengths)
            and sum(lengths) == len(frame.data)
        )


def _hello(frame: "Frame") -> bool:
    found = [frame.meta.get(name) for name in ("python", "dill", "error")]
    return isinstance(found[0], str) and all(isinstance(one, (str, type(None))) for one in found)


def _ready(frame: "Frame") -> bool:
    return isinstance(frame.meta.get("error", ""), str)

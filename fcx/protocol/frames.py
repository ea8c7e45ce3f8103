"""What an agent and its workers say to each other, through a pair of pipes.

A frame is ``>cIQ`` (kind, length of meta, length of data), meta as JSON, data as bytes::

    to a worker    C  configuration: paths, umask, cpus; data: pickled initializer, or nothing
                   T  task: t (id), a (attempt); data: pickled (fn, args, kwargs)
    to the agent   H  hello: python, dill (or ``error``); sent before anything is unpickled, so
                      that the guard can compare
                   R  ready: the configuration is taken, the initializer has run; or ``error``
                   D  done: t, a, o (value | raise | alien | unpicklable), s (seconds), n (lengths
                      of result, stdout, stderr, in data), stale (replace this process)
"""

import json
import struct
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

CONFIGURE, TASK = b"C", b"T"
HELLO, READY, DONE = b"H", b"R", b"D"
LARGEST = 1 << 40  # bytes: what says more is no frame

_HEAD = struct.Struct(">cIQ")


class Frame(NamedTuple):
    """One message."""

    kind: bytes
    meta: "Dict[str, Any]"
    data: bytes


def pack(kind: bytes, meta: "Dict[str, Any]", data: bytes = b"") -> bytes:
    """A frame as it goes through the pipe."""
    text = json.dumps(meta).encode("ascii")
    return b"".join((_HEAD.pack(kind, len(text), len(data)), text, data))


class Reader:
    """Takes bytes as they come, and gives frames as they become whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Bytes from the pipe."""
        self._buffer += data

    def take(self) -> "Optional[Frame]":
        """The next whole frame, None where none is whole. ValueError: what comes is no frame."""
        if len(self._buffer) < _HEAD.size:
            return None
        kind, meta, data = _HEAD.unpack_from(self._buffer)
        if kind not in b"CTHRD" or data > LARGEST:
            raise ValueError("what is no frame")
        middle = _HEAD.size + meta
        end = middle + data
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            text, body = bytes(view[_HEAD.size : middle]), bytes(view[middle:end])
        del self._buffer[:end]
        return Frame(kind, _object(text), body)

    def frames(self) -> "List[Frame]":
        """All whole frames."""
        return list(iter(self.take, None))


def _object(text: bytes) -> "Dict[str, Any]":
    try:
        meta = json.loads(text.decode("ascii"))
    except RecursionError:
        meta = None
    if not isinstance(meta, dict):
        raise ValueError("what is no frame")
    return meta

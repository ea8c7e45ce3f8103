"""Gives a task what it shares with others: objects of the run, and values of other tasks.

No part of the programs that every job script carries: the payload of a task that takes something
brings it along, as source, so that each Python reads it. The task's own pickle has a place for each
thing that it takes, in this order::

    a, b, s   (kind, digest, size)                 objects/<digest> as bytearray, bytes, text
    o         (kind, digest, size)                 what is pickled in objects/<digest>
    v         (kind, digest, size, name, length)   the value of a task, in parts/<name>.<n>
    i         (kind, pickle)                       a value that is small
    w         (kind, task)                         the value of a task, wherever it stands

The payload is authentic, and so are the digests in it: nothing else is unpickled. A large object
lies in parts, as other files of the client's do. Every task has its own of what it takes.
"""

import base64
import hashlib
import io
import itertools
import json
import os
import pickle
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

PATIENCE = 10.0  # seconds for which a file may be late, or half of one that is written once more
GONE = (
    "%s of this run is not there any more (%s). Something has cleaned up in the run directory: "
    "submit the task in a new run, which brings it again."
)
CHANGED = (
    "%s of this run is not what was put there, so it was not loaded: a file of it was changed on "
    "the cluster, or is not whole. Submit the task in a new run, which brings it again."
)


def take(task: bytes, supplies: "List[Tuple[Any, ...]]") -> "Any":
    """Unpickle a task, with everything in its place.

    The run directory is where this process writes what its task prints.
    """
    run = os.path.dirname(os.path.dirname(os.path.realpath("/proc/self/fd/1")))
    return pickle.loads(task, buffers=(KINDS[each[0]](run, *each[1:]) for each in supplies))


def as_array(run: str, digest: str, size: int) -> bytearray:
    """Bytes that may be changed."""
    data = bytearray(size)
    with memoryview(data) as view:
        read("the object " + digest, digest, view, os.path.join(run, "objects", digest))
    return data


def as_bytes(run: str, digest: str, size: int) -> bytes:
    """Bytes that may not."""
    return whole("the object " + digest, digest, size, os.path.join(run, "objects", digest))


def as_text(run: str, digest: str, size: int) -> str:
    """A text, half a surrogate pair included."""
    return str(as_bytes(run, digest, size), "utf-8", "surrogatepass")


def as_object(run: str, digest: str, size: int) -> "Any":
    """What was put."""
    return pickle.loads(as_bytes(run, digest, size))


def as_value(run: str, digest: str, size: int, name: str, length: int) -> "Any":
    """What came of another task: after it stands what that has printed."""
    path = os.path.join(run, "parts", name)
    data = whole("the value of task " + name, digest, size, path)
    with memoryview(data) as view:
        return pickle.loads(view[:length])


def as_awaited(run: str, task: str) -> "Any":
    """What came of a task that had not ended when this one was sent.

    The agent has linked the record, once that agreed with the MAC of its log.
    """
    log, offset, length, digest = os.readlink(os.path.join(run, "values", task)).split(":")
    path = os.path.join(run, "logs", log)
    what = "the value of task " + task
    found = json.loads(whole(what, digest, int(length), path, int(offset)).decode())
    own = found["n"][0]
    if "d" in found:
        return pickle.loads(base64.b64decode(found["d"])[:own])
    return as_value(run, found["sha"], found["size"], "%s.%d" % (task, found["a"]), own)


def inline(_run: str, data: bytes) -> "Any":
    """A value that came along."""
    return pickle.loads(data)


def fill(view: memoryview, path: str, offset: int) -> int:
    """Read a file, which may lie in parts, to its place; how many bytes there were.

    ``offset``: where to begin, in one that does not.
    """
    alone = os.path.exists(path)
    at = 0
    for number in itertools.count():
        with open(path if alone else "%s.%d" % (path, number), "rb") as file:
            file.seek(offset)
            came = file.readinto(view[at:])
        at += came
        if alone or not came or at == len(view):
            break
    return at


def whole(what: str, digest: str, size: int, path: str, offset: int = 0) -> bytes:
    """So many bytes of what lies there, which are in memory once."""
    file = io.BytesIO(bytes(size))
    with file.getbuffer() as view:
        read(what, digest, view, path, offset)
    return file.getvalue()


def read(what: str, digest: str, view: memoryview, path: str, offset: int = 0) -> None:
    """Bytes to their place, if what lies there is what the digest says."""
    until = time.time() + PATIENCE
    while True:
        try:
            came = fill(view, path, offset)
        except FileNotFoundError as error:
            trouble: Exception = FileNotFoundError(GONE % (what, error.filename))
        else:
            if came == len(view) and hashlib.sha256(view).hexdigest() == digest:
                return
            trouble = ValueError(CHANGED % what)
        if time.time() > until:
            raise trouble
        time.sleep(0.2)


KINDS: "Dict[str, Callable[..., Any]]" = {
    "a": as_array,
    "b": as_bytes,
    "s": as_text,
    "o": as_object,
    "v": as_value,
    "i": inline,
    "w": as_awaited,
}

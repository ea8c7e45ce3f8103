"""The lines of an agent's log, which the client reads by offset while it grows.

A record is one ASCII line, ``<length of body> <MAC of body> <body>``, the body JSON and the MAC
under the key of the pilot. What becomes of a task also has data (the result, then what went to
stdout and to stderr): in the record in base64 (``d``), or in parts beside it (``parts``, ``size``);
``sha`` is its digest, so that the record's MAC covers it wherever it lies. ``at``, and ``b``, when
a task was given to its worker (``w``), are seconds since the epoch by the node's own clock: nothing
is decided by them, and an older agent does not tell them. Kinds (``k``)::

    up      node, pilot, cpus, workers, python, dill, left (seconds of the job), edf (digest),
            probe, at
    refused findings: what differs from the guard, as [[what, wanted, found], ...]; the agent ends
    run     t, a, first, slot, at: the task runs (only where it takes longer than a moment)
    done    t, a, o (value | raise | alien | unpicklable), s (seconds), n (lengths of result,
            stdout, stderr), b, w, and data
    died    t, a, first, left, how (text, signal, code, oom, outside), n, b, w, at, and data: its
            worker ended
    back    t: [[task, attempt], ...] handed back untouched, for want of time
    failed  error: why workers cannot serve (the initializer's traceback); the agent ends
    next    segment: where the log goes on
    end     why: idle | time | closed | signal | refused | failed; at; the last one

A job that is told to end before its first worker has started writes ``end`` and nothing else.
"""

import base64
import hashlib
import json
import re
from typing import NamedTuple

from . import mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

SEGMENT = 1 << 20  # bytes from which a log goes on in its next segment
INLINE = 256 << 10  # bytes of data that ride in a record
LARGEST = 4 << 20  # bytes of a record: with one that is larger, a log could not be read on
_as_json = json.JSONEncoder(separators=(",", ":")).encode

_HEAD = re.compile(b"([1-9][0-9]{0,8}) ([0-9a-f]{%d}) " % mac.DIGITS)
_LONGEST_HEAD = 9 + 1 + mac.DIGITS + 1


class Read(NamedTuple):
    """What a stretch of a log holds: whole records, and the bytes that they take.

    ``spoilt``: what follows cannot become a record by growing. It may look otherwise later, as
    shared file systems show unwritten regions as NULs; where it does not, somebody should know.
    """

    bodies: "List[bytes]"
    used: int
    spoilt: bool


def line(record: "Dict[str, Any]", key: bytes) -> bytes:
    """A record as the line that stands in the log."""
    body = _as_json(record).encode("ascii")
    if len(body) > LARGEST:
        raise ValueError("a record of %d bytes is more than a log takes" % len(body))
    return b"%d %s %s\n" % (len(body), mac.sign(key, body).encode("ascii"), body)


def read(data: bytes, key: bytes) -> Read:
    """The whole records at the start of ``data``: JSON texts, authentic but not yet parsed."""
    bodies: "List[bytes]" = []
    at = 0
    while at < len(data):
        body = _body(data, at, key)
        if not body:
            return Read(bodies, at, body is None)
        bodies.append(body)
        at = data.index(b"\n", at) + 1
    return Read(bodies, at, False)


def _body(data: bytes, at: int, key: bytes) -> "Optional[bytes]":
    """The body of the record that begins there; empty: not whole yet; None: no record."""
    head = _HEAD.match(data, at, at + _LONGEST_HEAD)
    if head is None:
        return b"" if _may_grow(data[at : at + _LONGEST_HEAD]) else None
    size, end = int(head.group(1)), head.end() + int(head.group(1))
    if size > LARGEST:
        return None
    if len(data) <= end:
        return b""
    body = data[head.end() : end]
    whole = data[end : end + 1] == b"\n" and b"\n" not in body
    return body if whole and mac.verify(key, body, head.group(2)) else None


def _may_grow(head: bytes) -> bool:
    """Whether this is the beginning of a record's head."""
    if len(head) == _LONGEST_HEAD:
        return False
    pattern = b"([1-9][0-9]{0,8}( [0-9a-f]{0,%d})?)?" % mac.DIGITS
    return re.fullmatch(pattern, head) is not None


def sha(data: bytes) -> str:
    """The digest by which a record names its data."""
    return hashlib.sha256(data).hexdigest()


def inline(data: bytes) -> "Dict[str, Any]":
    """The fields of a record that hold its data themselves."""
    return {"d": base64.b64encode(data).decode("ascii"), "sha": sha(data)}

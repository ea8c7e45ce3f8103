"""Tasks that travel together from the client to the agents, and orders.

A bundle ``b000007`` is a body in chunks, each a file: ``b000007`` has the head and the first chunk,
``b000007.1`` and so on the others. The head is one line, ``fcx2 <MAC> <JSON>``, the MAC under the
inbox's key; it names the length and the digest of each chunk, so that all of the bundle is
authentic once it is whole. It also has the sets of requirements that tasks refer to, each once. The
body is made of portions, which agents claim one by one: a letter, then frames ``>IQ`` (length of
meta, of payload; meta as JSON: t, a, f, w, m, q, and for the client n, k, r, v), as they are
(``s``) or as a zlib stream (``z``). A portion that takes the values of other tasks names them in
the head: it is on offer once those are there.

An order ``o000002`` is one line, ``<MAC> <JSON>``: {"cancel": [task, ...]}.

All that is read here is bounded and checked by type; ValueError says what is wrong with it.
"""

import hashlib
import json
import struct
import zlib
from typing import NamedTuple

from . import mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Type, Union

    Relied = Mapping[str, Sequence[Optional[str]]]

CHUNK = 3500000  # bytes of one file: what is larger than 3.9 MB could not be read back whole
LARGEST_HEAD = 3500000
LONGEST = 1e9  # seconds that a task may take
COMPRESS_BELOW = 1 << 20  # bytes of a portion; larger ones are mostly numbers that do not shrink
MAGIC = b"fcx2"

FRAME = struct.Struct(">IQ")


class Meaning(NamedTuple):
    """What a task is to the client: agents have no use for it, a later client has."""

    name: str = ""  # of its function
    key: str = ""  # by which it is asked for again
    runs: "Tuple[Tuple[int, str, str], ...]" = ()  # that came to nothing: attempt, job, why


class Item(NamedTuple):
    """One task as it travels: what the agent must know of it, and its payload."""

    task: str
    attempt: int
    function: str
    payload: bytes
    walltime: "Optional[float]" = None
    modules: "Tuple[str, ...]" = ()
    meaning: Meaning = Meaning()
    relied: int = 0  # number of its set of requirements in the head, from 1 on; 0: it has none
    takes: "Tuple[str, ...]" = ()  # tasks whose values were not known when it was sent


class Portion(NamedTuple):
    """What the head tells of a portion: where it lies, and what an agent must know to claim it."""

    offset: int
    length: int
    tasks: int
    functions: "Tuple[str, ...]"
    walltime: float
    takes: "Tuple[str, ...]" = ()


class Chunk(NamedTuple):
    """What the head tells of a chunk."""

    length: int
    sha256: str


class Head(NamedTuple):
    """A bundle without its body."""

    name: str
    chunks: "Tuple[Chunk, ...]"
    portions: "Tuple[Portion, ...]"
    guard: "Dict[str, Any]"  # what the place must be, before anything is unpickled
    seen: "Dict[str, float]"  # longest runs so far in seconds, by function
    pilot: "Optional[str]"  # who alone may claim of it: one, or those of a shape
    relied: "Tuple[Relied, ...]" = ()  # {distribution: versions, None: absent} that tasks rely on


def is_whole(data: bytes, chunk: Chunk) -> bool:
    """Whether this is the chunk that the head names."""
    return len(data) == chunk.length and hashlib.sha256(data).hexdigest() == chunk.sha256


def read_head(data: bytes, key: bytes) -> "Tuple[Head, int]":
    """The head at the beginning of a bundle's first file, and where the first chunk begins."""
    end = data.find(b"\n", 0, LARGEST_HEAD + 64)
    words = data[: max(end, 0)].split(b" ", 2)
    if len(words) != 3 or words[0] != MAGIC or not mac.verify(key, words[2], words[1]):
        raise ValueError("not the head of a bundle of this run")
    known = _object(words[2])
    pilot = known.get("pilot")
    head = Head(
        _typed(known.get("name"), str),
        tuple(Chunk(*_row(row, (int, str))) for row in _typed(known.get("chunks"), list)),
        tuple(_portion(row) for row in _typed(known.get("portions"), list)),
        _typed(known.get("guard"), dict),
        {name: _seconds(value) for name, value in _typed(known.get("seen"), dict).items()},
        None if pilot is None else _typed(pilot, str),
        tuple(_relied(each) for each in _typed(known.get("relied", []), list)),
    )
    _check_extent(head)
    return head, end + 1


def _relied(known: "Any") -> "Relied":
    return {
        name: [None if version is None else _typed(version, str) for version in _typed(each, list)]
        for name, each in _typed(known, dict).items()
    }


def _check_extent(head: Head) -> None:
    """Whether chunks lie where they can, and portions one after the other."""
    if not head.chunks or any(not 0 <= chunk.length <= CHUNK for chunk in head.chunks):
        raise ValueError("the head of a bundle names chunks that cannot be")
    size = sum(chunk.length for chunk in head.chunks)
    at = 0
    for portion in head.portions:
        if portion.offset != at or not 0 <= portion.length <= size - at:
            raise ValueError("the head of a bundle names a portion outside of it")
        at += portion.length


def _seconds(value: "Any") -> float:
    """A time that can be compared: not below nothing, not endless."""
    if not 0 <= _typed(value, (int, float)) <= LONGEST:
        raise ValueError("%r where a number of seconds belongs" % (value,))
    return float(value)


def _portion(row: "Any") -> Portion:
    known, takes = _typed(row, list)[:5], _names(row[5:])
    offset, length, tasks, functions, walltime = _row(known, (int, int, int, list, (int, float)))
    return Portion(offset, length, tasks, _names(functions), _seconds(walltime), takes)


def read_portion(data: bytes, sets: int = 0) -> "Tuple[Item, ...]":
    """The tasks of a portion of a bundle that has this many sets of requirements."""
    raw = _inflated(data[1:]) if data[:1] == b"z" else data[1:]
    items, at = [], 0
    while at < len(raw):
        if len(raw) - at < FRAME.size:
            raise ValueError("a portion ends in the middle of a task")
        meta, payload = FRAME.unpack_from(raw, at)
        middle = at + FRAME.size + meta
        end = middle + payload
        if end > len(raw):
            raise ValueError("a portion ends in the middle of a task")
        item = _item(raw[at + FRAME.size : middle], raw[middle:end])
        if not 0 <= item.relied <= sets:
            raise ValueError("a task names requirements that its bundle does not have")
        items.append(item)
        at = end
    return tuple(items)


def _inflated(data: bytes) -> bytes:
    """At most what the other side would have compressed."""
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(data, COMPRESS_BELOW)
    except zlib.error as error:
        raise ValueError("a portion cannot be decompressed: %s" % error) from None
    if not stream.eof:
        raise ValueError("a portion is larger than it may be")
    return raw


def _item(meta: bytes, payload: bytes) -> Item:
    known = _object(meta)
    walltime = known.get("w")
    return Item(
        _typed(known.get("t"), str),
        _typed(known.get("a"), int),
        _typed(known.get("f"), str),
        payload,
        None if walltime is None else _seconds(walltime),
        _names(known.get("m", [])),
        _meaning(known),
        _typed(known.get("q", 0), int),
        _names(known.get("v", [])),
    )


def _meaning(known: "Dict[str, Any]") -> Meaning:
    runs = [_row(row, (int, str, str)) for row in _typed(known.get("r", []), list)]
    name, key = _typed(known.get("n", ""), str), _typed(known.get("k", ""), str)
    return Meaning(name, key, tuple((number, job, why) for number, job, why in runs))


def decode_order(data: bytes, key: bytes) -> "Optional[Dict[str, List[str]]]":
    """The order, None while it is not whole."""
    words = data.split(b" ", 1)
    if len(words) != 2 or not mac.verify(key, words[1], words[0]):
        return None
    tasks = _typed(_object(words[1]).get("cancel", []), list)
    return {"cancel": [_typed(task, str) for task in tasks]}


def _object(text: bytes) -> "Dict[str, Any]":
    try:
        known = json.loads(text.decode("ascii"))
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    return _typed(known, dict)  # type: ignore[no-any-return]  # as its second argument says


def _names(found: "Any") -> "Tuple[str, ...]":
    return tuple(_typed(name, str) for name in _typed(found, list))


def _row(row: "Any", kinds: "Sequence[Any]") -> "List[Any]":
    values = _typed(row, list)
    if len(values) != len(kinds):
        raise ValueError("%d values where %d belong" % (len(values), len(kinds)))
    return [_typed(value, kind) for value, kind in zip(values, kinds)]


def _typed(value: "Any", kind: "Union[Type[Any], Tuple[Type[Any], ...]]") -> "Any":
    """The value, if it is of that type."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError("%r where something else belongs" % (value,))
    return value

"""Tasks that travel together from the client to the agents, and orders.

A bundle ``b000007`` is a body in chunks, each a file: ``b000007`` has the head and the first chunk,
``b000007.1`` and so on the others. The head is one line, ``fcx2 <MAC> <JSON>``, the MAC under the
inbox's key; it names the length and the digest of each chunk, so that all of the bundle is
authentic once it is whole. The body is made of portions, which agents claim one by one: a letter,
then frames ``>IQ`` (length of meta, of payload; meta as JSON: t, a, f, w, m, and for the client n,
k, r), as they are (``s``) or as a zlib stream (``z``).

An order ``o000002`` is one line, ``<MAC> <JSON>``: {"cancel": [task, ...]}.

All that is read here is bounded and checked by type; ValueError says what is wrong with it.
"""

import hashlib
import json
import struct
import zlib
from typing import NamedTuple

from . import mac, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Type, Union

CHUNK = 3500000  # bytes of one file: what is larger than 3.9 MB could not be read back whole
LARGEST_HEAD = 3500000
SMALL_HEAD = 350000  # bytes of a head that lies with a chunk in one file; a larger one lies alone
LARGEST_PORTION = 64  # tasks
LONGEST = 1e9  # seconds that a task may take
COMPRESS_BELOW = 1 << 20  # bytes of a portion; larger ones are mostly numbers that do not shrink
MAGIC = b"fcx2"

_FRAME = struct.Struct(">IQ")


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

    def frame(self) -> bytes:
        """Length of meta, length of payload, meta, payload."""
        meta: "Dict[str, Any]" = {"t": self.task, "a": self.attempt, "f": self.function}
        if self.walltime is not None:
            meta["w"] = self.walltime
        if self.modules:
            meta["m"] = list(self.modules)
        if self.meaning.name:
            meta["n"] = self.meaning.name
        if self.meaning.key:
            meta["k"] = self.meaning.key
        if self.meaning.runs:
            meta["r"] = self.meaning.runs
        text = json.dumps(meta, separators=(",", ":")).encode("ascii")
        return _FRAME.pack(len(text), len(self.payload)) + text + self.payload


class Portion(NamedTuple):
    """What the head tells of a portion: where it lies, and what an agent must know to claim it."""

    offset: int
    length: int
    tasks: int
    functions: "Tuple[str, ...]"
    walltime: float


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
    pilot: "Optional[str]"  # the only one that may claim of it


class Bundle(NamedTuple):
    """Tasks that travel together. ``files`` are (name, bytes), the head last: it makes it count."""

    name: str
    portions: "Tuple[Tuple[Item, ...], ...]"
    files: "Tuple[Tuple[str, bytes], ...]"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(data) for _, data in self.files)


def portion_sizes(count: int, slots: int) -> "List[int]":
    """How many tasks each portion holds: large ones first, single ones at the end.

    Guided self-scheduling (Polychronopoulos and Kuck 1987): each is an eighth of a fair share of
    what remains, so that the last ones even out whatever the first ones took.
    """
    sizes = []
    while count:
        size = max(1, min(LARGEST_PORTION, count // (8 * max(1, slots))))
        sizes.append(size)
        count -= size
    return sizes


def encode(
    name: str,
    items: "Sequence[Item]",
    sizes: "Iterable[int]",
    guard: "Mapping[str, Any]",
    pilot: "Optional[str]" = None,
    seen: "Optional[Mapping[str, float]]" = None,
    key: bytes = b"",
) -> Bundle:
    """Tasks as a bundle, in portions of these sizes. A bundle with ``pilot`` is for that one only.

    ``seen``: longest runs in seconds by function. ``key``: the inbox's.
    """
    portions, at = [], 0
    for size in sizes:
        portions.append(tuple(items[at : at + size]))
        at += size
    if at != len(items):
        raise ValueError("portions of %d tasks in all for %d tasks" % (at, len(items)))
    bodies = [_packed(portion) for portion in portions]
    head = {
        "v": names.PROTOCOL,
        "name": name,
        "portions": _table(portions, bodies),
        "guard": dict(guard),
        "seen": dict(seen or {}),
        "pilot": pilot,
    }
    return Bundle(name, tuple(portions), _files(head, b"".join(bodies), key))


def _table(portions: "Iterable[Sequence[Item]]", bodies: "Iterable[bytes]") -> "List[Any]":
    """What an agent must know of each portion before it claims it."""
    table, offset = [], 0
    for portion, body in zip(portions, bodies):
        functions = sorted({item.function for item in portion})
        walltime = max([item.walltime or 0.0 for item in portion] or [0.0])
        table.append([offset, len(body), len(portion), functions, walltime])
        offset += len(body)
    return table


def _files(head: "Dict[str, Any]", body: bytes, key: bytes) -> "Tuple[Tuple[str, bytes], ...]":
    alone = len(json.dumps(head)) > SMALL_HEAD
    chunks = [b""] if alone or not body else []
    chunks += [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
    table = [[len(chunk), hashlib.sha256(chunk).hexdigest()] for chunk in chunks]
    text = json.dumps(dict(head, chunks=table), separators=(",", ":")).encode("ascii")
    if len(text) > LARGEST_HEAD:
        raise ValueError("bundle %s has more portions than its head takes" % head["name"])
    first = b"%s %s %s\n" % (MAGIC, mac.sign(key, text).encode("ascii"), text)
    files = [(names.chunk(head["name"], index), chunk) for index, chunk in enumerate(chunks)]
    return (*files[1:], (head["name"], first + chunks[0]))


def _packed(items: "Iterable[Item]") -> bytes:
    raw = b"".join(item.frame() for item in items)
    return b"z" + zlib.compress(raw, 1) if len(raw) < COMPRESS_BELOW else b"s" + raw


def chunks(head_file: bytes, key: bytes) -> int:
    """How many files a bundle has, from the first."""
    return len(read_head(head_file, key)[0].chunks)


def decode(name: str, files: "Sequence[bytes]", key: bytes) -> Bundle:
    """A bundle from all its files, the head first."""
    head, start = read_head(files[0], key)
    if head.name != name:
        raise ValueError("what is called %s is the bundle %s" % (name, head.name))
    pieces = [files[0][start:], *files[1:]]
    if len(pieces) != len(head.chunks):
        raise ValueError("bundle %s has %d files, not %d" % (name, len(head.chunks), len(pieces)))
    for piece, chunk in zip(pieces, head.chunks):
        if not is_whole(piece, chunk):
            raise ValueError("bundle %s is damaged" % name)
    body = b"".join(pieces)
    portions = [read_portion(body[p.offset : p.offset + p.length]) for p in head.portions]
    return Bundle(name, tuple(portions), ())


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
    )
    _check_extent(head)
    return head, end + 1


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
    offset, length, tasks, functions, walltime = _row(row, (int, int, int, list, (int, float)))
    return Portion(
        offset, length, tasks, tuple(_typed(name, str) for name in functions), _seconds(walltime)
    )


def read_portion(data: bytes) -> "Tuple[Item, ...]":
    """The tasks of a portion."""
    raw = _inflated(data[1:]) if data[:1] == b"z" else data[1:]
    items, at = [], 0
    while at < len(raw):
        if len(raw) - at < _FRAME.size:
            raise ValueError("a portion ends in the middle of a task")
        meta, payload = _FRAME.unpack_from(raw, at)
        middle = at + _FRAME.size + meta
        end = middle + payload
        if end > len(raw):
            raise ValueError("a portion ends in the middle of a task")
        items.append(_item(raw[at + _FRAME.size : middle], raw[middle:end]))
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
        tuple(_typed(name, str) for name in _typed(known.get("m", []), list)),
        _meaning(known),
    )


def _meaning(known: "Dict[str, Any]") -> Meaning:
    runs = [_row(row, (int, str, str)) for row in _typed(known.get("r", []), list)]
    name, key = _typed(known.get("n", ""), str), _typed(known.get("k", ""), str)
    return Meaning(name, key, tuple((number, job, why) for number, job, why in runs))


def encode_order(content: "Mapping[str, Any]", key: bytes) -> bytes:
    """An order for the agents, under the inbox's key."""
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    return mac.sign(key, body).encode("ascii") + b" " + body


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

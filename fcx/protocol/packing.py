"""Bundles and orders as the client makes them, and reads them back: ``bundle.py`` has the format.

Agents have no use for it, so it does not travel with them, and may use what they do not have.
"""

import hashlib
import json
import zlib
from typing import NamedTuple

import msgspec

from . import mac, names
from .bundle import (
    CHUNK,
    COMPRESS_BELOW,
    FRAME,
    LARGEST_HEAD,
    MAGIC,
    Item,
    is_whole,
    read_head,
    read_portion,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

    from .bundle import Relied

SMALL_HEAD = 350000  # bytes of a head that lies with a chunk in one file; a larger one lies alone
LARGEST_PORTION = 64  # tasks


class Bundle(NamedTuple):
    """Tasks that travel together. ``files`` are (name, bytes), the head last: it makes it count."""

    name: str
    portions: "Tuple[Tuple[Item, ...], ...]"
    files: "Tuple[Tuple[str, bytes], ...]"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(data) for _, data in self.files)


def portion_sizes(count: int, slots: int, beside: int = 1) -> "List[int]":
    """How many tasks each portion holds: large ones first, single ones at the end.

    Guided self-scheduling (Polychronopoulos and Kuck 1987): each is an eighth of a fair share of
    what remains, so that the last ones even out whatever the first ones took. ``beside``: workers
    of the agent that claims one, which hardly hold up what an eighth of them begin at once.
    """
    sizes = []
    slots = max(1, slots, beside)
    while count:
        least = beside // 8 if count > 2 * slots else 1
        size = max(1, min(LARGEST_PORTION, max(least, count // (8 * slots))))
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
    relied: "Sequence[Relied]" = (),
    shape: "Optional[Mapping[str, Any]]" = None,
) -> Bundle:
    """Tasks as a bundle, in portions of these sizes. A bundle with ``pilot`` is for that one only.

    ``shape``: what its pilots are made of, for a client that knows nothing else of them.

    ``seen``: longest runs in seconds by function. ``key``: the inbox's. ``relied``: the sets of
    requirements that items name.
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
        "relied": [dict(each) for each in relied],
    }
    if shape:
        head["shape"] = dict(shape)
    return Bundle(name, tuple(portions), _files(head, b"".join(bodies), key))


def _table(portions: "Iterable[Sequence[Item]]", bodies: "Iterable[bytes]") -> "List[Any]":
    """What an agent must know of each portion before it claims it."""
    table, offset = [], 0
    for portion, body in zip(portions, bodies):
        functions = sorted({item.function for item in portion})
        walltime = max([item.walltime or 0.0 for item in portion] or [0.0])
        takes = dict.fromkeys(name for item in portion for name in item.takes)
        table.append([offset, len(body), len(portion), functions, walltime, *takes])
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
    raw = b"".join(frame(item) for item in items)
    return b"z" + zlib.compress(raw, 1) if len(raw) < COMPRESS_BELOW else b"s" + raw


def shape_of(head_file: bytes) -> "Optional[Dict[str, Any]]":
    """What pilots of a bundle are made of, by its authentic head; None: nothing of their own."""
    known = json.loads(head_file.split(b"\n", 1)[0].split(b" ", 2)[2].decode("ascii"))
    found = known.get("shape")
    return found if isinstance(found, dict) else None


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
    sets = len(head.relied)
    portions = [read_portion(body[p.offset : p.offset + p.length], sets) for p in head.portions]
    return Bundle(name, tuple(portions), ())


def frame(item: Item) -> bytes:
    """Length of meta, length of payload, meta, payload."""
    meta: "Dict[str, Any]" = {"t": item.task, "a": item.attempt, "f": item.function}
    if item.walltime is not None:
        meta["w"] = item.walltime
    if item.modules:
        meta["m"] = list(item.modules)
    if item.relied:
        meta["q"] = item.relied
    if item.takes:
        meta["v"] = list(item.takes)
    if item.meaning.name:
        meta["n"] = item.meaning.name
    if item.meaning.key:
        meta["k"] = item.meaning.key
    if item.meaning.runs:
        meta["r"] = item.meaning.runs
    text = _as_json(meta)
    return FRAME.pack(len(text), len(item.payload)) + text + item.payload


def _as_json(meta: "Dict[str, Any]") -> bytes:
    """In ASCII, by the quick encoder where that gives it."""
    try:
        text = msgspec.json.encode(meta)
    except UnicodeEncodeError:  # half a character
        text = b"\x80"
    return text if text.isascii() else json.dumps(meta, separators=(",", ":")).encode("ascii")


def encode_order(content: "Mapping[str, Any]", key: bytes) -> bytes:
    """An order for the agents, under the inbox's key."""
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    return mac.sign(key, body).encode("ascii") + b" " + body

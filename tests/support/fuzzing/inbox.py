"""What lies in the inbox: read by agents, and by a client that attaches."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from fcx.protocol import bundle as bundles
from fcx.protocol import keys, mac, names, packing
from fcx.protocol.bundle import Item, Meaning
from fcx.protocol.config import Config
from fcx.remote.inbox import Inbox
from fuzzing.entry import Entry, lenient

KEY = keys.inbox_key(b"k" * 32)
ITEMS = [
    Item("t0", 0, "f0", b"payload", 60.0, ("m.zip",), Meaning("work", "key", ((0, "7", "died"),))),
    Item("t1", 1, "f1", b"other"),
]
MADE = packing.encode("b000001", ITEMS, (1, 1), {"python": "3.11."}, None, {"f0": 1.5}, KEY)
FILE = MADE.files[-1][1]
HEAD, _, BODY = FILE.partition(b"\n")
TABLE = json.loads(HEAD.split(b" ", 2)[2])
CONFIG = json.loads(
    Config("fcx-001", (1, 2), 30.0, 300.0, b"p" * 32, KEY, 5, {"python": "3.11."}).encode()
)


def sealed(head: bytes, body: bytes) -> bytes:
    """A bundle's file by somebody who has the key."""
    return b"fcx2 %s %s\n" % (mac.sign(KEY, head).encode("ascii"), head) + body


def read_head(data: bytes) -> None:
    """A head by somebody who has the key, before a body that is right."""
    decode(sealed(data, BODY))


def decode(data: bytes) -> None:
    """As a client does."""
    head, _ = bundles.read_head(data, KEY)
    packing.chunks(data, KEY)
    packing.decode(head.name, [data], KEY)


def read_item(data: bytes) -> None:
    """The meta of a task, with a payload behind it."""
    bundles.read_portion(b"s" + bundles.FRAME.pack(len(data), 3) + data + b"abc")


def read_config(data: bytes) -> None:
    """A pilot's configuration, and what an agent asks of it."""
    config = Config.decode(data)
    config.workers_on(0)
    config.workers_on(7)
    repr(config)


def read_order(data: bytes) -> None:
    """An order by somebody who has the key."""
    order = bundles.decode_order(mac.sign(KEY, data).encode("ascii") + b" " + data, KEY)
    assert order is not None


class Folder:
    """A run directory on this machine, with what an agent finds in it."""

    def __init__(self) -> None:
        base = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.path = Path(tempfile.mkdtemp(prefix="fcx-fuzz-", dir=base))
        for name in ("inbox", "claims"):
            (self.path / name).mkdir()

    def look(self, files: dict[str, bytes]) -> None:
        """An agent's looks at these files, and its claims of all that they hold."""
        for name, data in files.items():
            (self.path / "inbox" / name).write_bytes(data)
        inbox = Inbox(str(self.path), "7.0.0", "fcx-001", KEY)
        for _ in range(2):
            heads, cancelled, _ = inbox.look()
            assert all(isinstance(task, str) for task in cancelled)
            for head in (one for one in heads if one.pilot in {None, "fcx-001"}):
                for portion in range(min(9, len(head.portions))):
                    inbox.claim(head.name, portion)

    def clear(self) -> None:
        """For the next one."""
        shutil.rmtree(self.path)


def look(data: bytes) -> None:
    """[head, order]: a bundle and an order, both by somebody who has the key."""
    known = lenient(data)
    if not isinstance(known, list) or len(known) != 2:
        return
    head, order = (json.dumps(one).encode("ascii") for one in known)
    folder = Folder()
    try:
        sent = mac.sign(KEY, order).encode("ascii") + b" " + order
        folder.look({"b000001": sealed(head, BODY), "o000002": sent, names.CLOSED: b"keep"})
    finally:
        folder.clear()


_META: tuple[Any, ...] = tuple(
    {"t": item.task, "a": item.attempt, "f": item.function, "w": 60.0, "m": ["m.zip"]}
    | {"n": "work", "k": "key", "r": [[0, "7", "died"]]}
    for item in ITEMS
)
PORTION = b"s" + b"".join(packing.frame(item) for item in ITEMS)
PACKED = packing._packed(ITEMS)
ENTRIES = (
    Entry("inbox.bytes", decode, (FILE,), (ValueError,)),
    Entry("inbox.head", read_head, (TABLE,), (ValueError,)),
    Entry(
        "inbox.portion",
        bundles.read_portion,
        (PORTION, PACKED),
        (ValueError,),
    ),
    Entry("inbox.item", read_item, _META, (ValueError,)),
    Entry("inbox.order", read_order, ({"cancel": ["t0", "t1"]},), (ValueError,)),
    Entry("inbox.config", read_config, (CONFIG,), (ValueError,)),
    Entry("inbox.agent", look, ([TABLE, {"cancel": ["t0"]}],), (ValueError,)),
)

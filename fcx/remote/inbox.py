"""The client's files in ``<run>/inbox``: bundles of tasks, orders, the word that the run is closed.

They arrive slowly, perhaps in halves: a file counts once it agrees with the MAC that it carries, a
chunk with its digest in the head. A portion is claimed by the symbolic link
``claims/<bundle>.<portion>`` to the agent's own name.
"""

import os
import time

from ..protocol import bundle as formats
from ..protocol import names
from .folders import is_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

    from ..protocol.bundle import Head, Item, Relied

REFRESH = 0.2  # seconds between looks from which the folder is touched, for NFS's cached listings


class Bundle:
    """One bundle: its head at once, its portions as they are asked for."""

    def __init__(self, path: str, head: "Head", start: int) -> None:
        self.path, self.head, self.start = path, head, start
        self.chunks: "Dict[int, bytes]" = {}
        self.tried = 0  # portions

    @classmethod
    def read(cls, path: str, key: bytes) -> "Optional[Bundle]":
        """The bundle, None while its head is not whole."""
        with open(path, "rb") as file:
            first = file.readline(formats.LARGEST_HEAD + 64)
        try:
            head, start = formats.read_head(first, key)
        except ValueError:
            return None
        return cls(path, head, start) if head.name == os.path.basename(path) else None

    def whole(self) -> bool:
        """Whether every chunk has arrived; sizes are asked for before anything is read."""
        for index, chunk in enumerate(self.head.chunks):
            extra = 0 if index else self.start
            try:
                if os.path.getsize(names.chunk(self.path, index)) < chunk.length + extra:
                    return False
            except OSError:
                return False
        return all(self._load(index) for index in range(len(self.head.chunks)))

    def _load(self, index: int) -> bool:
        """Read a chunk; False where it does not agree with its digest."""
        if index not in self.chunks:
            chunk = self.head.chunks[index]
            with open(names.chunk(self.path, index), "rb") as file:
                file.seek(0 if index else self.start)
                data = file.read(chunk.length)
            if not formats.is_whole(data, chunk):
                return False
            self.chunks[index] = data
        return True

    def tasks(self, portion: int) -> "Tuple[Item, ...]":
        """The tasks of a portion."""
        offset, length = self.head.portions[portion][:2]
        pieces, at = [], 0
        for index, chunk in enumerate(self.head.chunks):
            low, high = max(offset, at), min(offset + length, at + chunk.length)
            if low < high:
                pieces.append(self.chunks[index][low - at : high - at])
            at += chunk.length
        return formats.read_portion(b"".join(pieces), len(self.head.relied))

    def tick_off(self) -> None:
        """A portion is claimed, by whomever."""
        self.tried += 1
        if self.tried == len(self.head.portions):
            self.let_go()

    def let_go(self) -> None:
        """Nothing is wanted of it any more: of thousands, only the names are kept."""
        self.chunks = {}
        self.head = self.head._replace(chunks=(), portions=(), guard={}, seen={}, relied=())


class Inbox:
    """Looks for what is new, and claims."""

    def __init__(
        self, run: str, me: str, pilot: str, key: bytes, shape: "Optional[str]" = None
    ) -> None:
        self.me, self.key = me, key
        self.names = pilot, shape
        self.folder = os.path.join(run, "inbox")
        self.claims = os.path.join(run, "claims")
        self.bundles: "Dict[str, Bundle]" = {}
        self.orders: "Dict[str, bool]" = {}
        self.looked = 0.0
        self.epoch = 0  # the newest client that has sent anything; 0: nobody has yet

    def look(self) -> "Tuple[List[Head], List[str], bool]":
        """The heads of new bundles, tasks that are cancelled anew, whether the run is closed.

        OSError: the folder does not answer; ``gone`` tells whether there is one.
        """
        now = time.monotonic()
        if now - self.looked > REFRESH:
            self._refresh()
        self.looked = now
        heads, cancelled = [], []  # type: List[Head], List[str]
        os.stat(self.claims)  # without it nobody knows what was claimed
        listed = sorted(os.listdir(self.folder))
        oldest = self.epoch  # what lay there before the first look counts, whoever sent it
        for name in listed:
            if name in self.bundles or name in self.orders:
                continue
            if names.number_of(name) and names.epoch_of(name) < oldest:
                continue  # from a client that another has taken the run from
            if names.is_bundle(name):
                heads += self._take(name)
            elif names.is_order(name):
                cancelled += self._order(name)
        return heads, cancelled, names.CLOSED in listed

    def gone(self) -> bool:
        """Whether there is no folder any more."""
        return is_gone(self.folder) or is_gone(self.claims)

    def _refresh(self) -> None:
        path = os.path.join(self.folder, ".look-" + self.me)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            os.unlink(path)
        except OSError:
            pass  # a full disk: what is listed may be old, no more

    def _take(self, name: str) -> "List[Head]":
        try:
            bundle = Bundle.read(os.path.join(self.folder, name), self.key)
            if bundle is None:
                return []
            mine = bundle.head.pilot in self.names
            if mine and not bundle.whole():
                return []
        except OSError:
            return []
        self.bundles[name] = bundle
        self.epoch = max(self.epoch, names.epoch_of(name))
        head = bundle.head
        if not (mine and head.portions):
            bundle.let_go()
        return [head]

    def _order(self, name: str) -> "List[str]":
        try:
            with open(os.path.join(self.folder, name), "rb") as file:
                order = formats.decode_order(file.read(), self.key)
        except (OSError, ValueError):
            return []
        if order is None:
            return []
        self.orders[name] = True
        self.epoch = max(self.epoch, names.epoch_of(name))
        return order["cancel"]

    def claim(self, name: str, portion: int) -> "Optional[Tuple[Item, ...]]":
        """The tasks of a portion, None where it is another's."""
        bundle = self.bundles[name]
        if not self._link(names.claim(name, portion)):
            bundle.tick_off()
            return None
        tasks = bundle.tasks(portion)
        bundle.tick_off()
        return tasks

    def relied(self, name: str) -> "Sequence[Relied]":
        """The sets of requirements of a bundle."""
        return self.bundles[name].head.relied

    def _link(self, claim: str) -> bool:
        path = os.path.join(self.claims, claim)
        try:
            os.symlink(self.me, path)
        except FileExistsError:
            return os.readlink(path) == self.me  # NFS repeats a request whose answer was lost
        return True

"""What the caller sends: bundles of tasks, orders, the word that the run is closed.

All of it arrives as files in ``<run>/inbox``, perhaps slowly, perhaps in halves: a file counts
once it agrees with the digest that it carries. Names::

    b000007        a bundle: head line ``fcx1 <digest> <json>`` (the run's key is in it), then
                   its first chunk
    b000007.1 ...  further chunks; the head has the length and digest of each
    o000002        an order: ``<digest> <json>``: {"cancel": [task, ...]}
    closed         the run is over

A bundle's head has ``portions``: [offset, length, number of tasks, functions, longest walltime]
each; a portion is a zlib stream (or stored bytes) of frames ``>IQ`` (length of meta, of payload).
An agent claims a portion with the symbolic link ``claims/<bundle>.<portion>`` to its own name.
"""

import hashlib
import json
import os
import struct
import time
import zlib

from log import digest

FRAME = struct.Struct(">IQ")
REFRESH = 0.2  # seconds between looks from which the folder is touched, for NFS's cached listings


class Bundle:
    """One bundle: its head at once, its portions as they are asked for."""

    def __init__(self, path, head, start):
        self.path, self.head, self.start = path, head, start
        self.name = os.path.basename(path)
        self.pilot = head.get("pilot")
        self.portions = head["portions"]
        self.untried = list(range(len(self.portions)))
        self._chunks = {}

    @classmethod
    def read(cls, path):
        """The bundle, or None while its head is not whole."""
        with open(path, "rb") as file:
            first = file.readline()
        parts = first.split(b" ", 2)
        if len(parts) != 3 or parts[0] != b"fcx1" or not first.endswith(b"\n"):
            return None
        text = parts[2][:-1]
        if digest(text).encode() != parts[1]:
            return None
        bundle = cls(path, json.loads(text.decode("ascii")), len(first))
        return bundle if bundle.whole() else None

    def whole(self):
        """Whether every chunk has arrived; chunks of one portion's size are checked when read."""
        for index, (length, _) in enumerate(self.head["chunks"]):
            path = self.path if index == 0 else "%s.%d" % (self.path, index)
            extra = self.start if index == 0 else 0
            try:
                if os.path.getsize(path) < length + extra:
                    return False
            except OSError:
                return False
        return all(self._chunk(index) is not None for index in range(len(self.head["chunks"])))

    def _chunk(self, index):
        """The bytes of a chunk, None where they do not agree with the digest."""
        if index not in self._chunks:
            length, wanted = self.head["chunks"][index]
            path = self.path if index == 0 else "%s.%d" % (self.path, index)
            with open(path, "rb") as file:
                if index == 0:
                    file.seek(self.start)
                data = file.read(length)
            if hashlib.sha256(data).hexdigest() != wanted:
                return None
            self._chunks[index] = data
        return self._chunks[index]

    def tasks(self, portion):
        """The tasks of a portion, as [(meta, payload)]."""
        offset, length = self.portions[portion][:2]
        data = self._span(offset, length)
        if data[:1] == b"z":
            data = zlib.decompress(data[1:])
        else:
            data = data[1:]
        found, at = [], 0
        while at < len(data):
            meta, payload = FRAME.unpack_from(data, at)
            at += FRAME.size
            middle, end = at + meta, at + meta + payload
            found.append((json.loads(data[at:middle].decode()), data[middle:end]))
            at = end
        return found

    def _span(self, offset, length):
        pieces, at = [], 0
        for index, (size, _) in enumerate(self.head["chunks"]):
            low, high = max(offset, at), min(offset + length, at + size)
            if low < high:
                pieces.append(self._chunk(index)[low - at : high - at])
            at += size
        return b"".join(pieces)

    def forget(self):
        """Let the bytes go once no portion is left."""
        self._chunks = {}


class Inbox:
    """Looks for what is new, and claims."""

    def __init__(self, run, owner, pilot):
        self.run, self.owner, self.pilot = run, owner, pilot
        self.folder = os.path.join(run, "inbox")
        self.bundles = {}
        self.orders = set()
        self.closed = False
        self.guard = None
        self.key = ""
        self.seen = {}
        self.looked = 0.0

    def look(self):
        """Take in new bundles; return the new orders. OSError: the run directory is gone."""
        now = time.monotonic()
        if now - self.looked > REFRESH:
            self._refresh()
        self.looked = now
        fresh = []
        for name in sorted(os.listdir(self.folder)):
            if name == "closed":
                self.closed = True
            elif name.startswith("b") and "." not in name and name not in self.bundles:
                self._take(name)
            elif name.startswith("o") and name not in self.orders:
                order = self._order(name)
                if order is not None:
                    self.orders.add(name)
                    fresh.append(order)
        return fresh

    def _refresh(self):
        path = os.path.join(self.folder, ".look-" + self.owner)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        os.unlink(path)

    def _take(self, name):
        try:
            bundle = Bundle.read(os.path.join(self.folder, name))
        except OSError:
            return
        if bundle is None:
            return
        self.bundles[name] = bundle
        if self.guard is None:
            self.guard = bundle.head["guard"]
        self.key = self.key or bundle.head["key"]
        for function, seconds in bundle.head.get("seen", {}).items():
            self.ran(function, seconds)

    def _order(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            text = file.read()
        wanted, _, body = text.partition(b" ")
        return json.loads(body.decode("ascii")) if digest(body).encode() == wanted else None

    def ran(self, function, seconds):
        """Remember the longest run of a function."""
        self.seen[function] = max(seconds, self.seen.get(function, 0.0))

    def claim(self, fits, reserved_only=False):
        """Claim one portion that ``fits(functions, walltime)``; its tasks, or None.

        Portions meant for this pilot come first. The second value says whether something was
        left alone because it does not fit.
        """
        refused = False
        ours = sorted(self.bundles.values(), key=lambda b: (b.pilot != self.pilot, b.name))
        for bundle in ours:
            mine = bundle.pilot == self.pilot
            if (bundle.pilot is not None and not mine) or (reserved_only and not mine):
                continue
            for portion in list(bundle.untried):
                if not mine and not fits(*bundle.portions[portion][3:5]):
                    refused = True
                    break
                bundle.untried.remove(portion)
                if self._link(bundle.name, portion):
                    tasks = bundle.tasks(portion)
                    if not bundle.untried:
                        bundle.forget()
                    return tasks, refused
        return None, refused

    def _link(self, bundle, portion):
        path = os.path.join(self.run, "claims", "%s.%d" % (bundle, portion))
        try:
            os.symlink(self.owner, path)
        except FileExistsError:
            return os.readlink(path) == self.owner  # NFS repeats a request whose answer was lost
        return True

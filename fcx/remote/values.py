"""Values that tasks in the inbox wait for: found in the logs, whichever agent wrote them.

Where one stands is told by the link ``values/<task>``, which the worker that needs it follows
(``protocol/objects.py``): only what agrees with the MAC of its log is linked.
"""

import hashlib
import os
import re
import time

from ..protocol import record
from ..protocol.config import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Tuple

TELLS = re.compile(  # of a value; or that the log is over
    b'\\{"t":"([^"\\\\/]+)","a":[0-9]+,"o":"value"|\\{"k":"next"|.*"k":"end"\\}$'
)
PATIENCE = 60.0  # seconds of damage in a log, which another machine may have seen whole by then
PACE = 0.005  # seconds of rest for each log that is read: file systems are shared


class Values:
    """What the logs of a run hold, as far as they were read."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.keys: "Dict[str, bytes]" = {}  # by agent
        self.ends: "Dict[str, int]" = {}  # by log: bytes that were read
        self.over: "Dict[str, bool]" = {}  # logs that do not grow any more
        self.rest = 0.0  # until then
        self.sound: "Dict[str, float]" = {}  # by log: when it was last without damage
        self.places: "Dict[str, str]" = {}  # by task

    def found(self, wanted: "Iterable[str]") -> "Tuple[str, ...]":
        """Those of these tasks whose values are there. OSError: that is not known."""
        now = time.monotonic()
        if now >= self.rest and any(name not in self.places for name in wanted):
            self.rest = now
            for file in list(os.scandir(self.run + "/logs")):
                if file.name.rpartition(".")[2].isdigit() and file.name not in self.over:
                    self.rest += PACE
                    self._read(file.name, file.path)
        there = tuple(name for name in wanted if name in self.places)
        for name in there:
            path = "%s/values/%s" % (self.run, name)
            if not os.path.islink(path):  # two agents at once: one of them looks again
                os.symlink(self.places[name], path)
        return there

    def _read(self, name: str, path: str) -> None:
        """What a log has grown by; one goes on in another before it is large."""
        start, at, now = self.ends.get(name, 0), 0, time.monotonic()
        with open(path, "rb") as file:
            file.seek(start)
            data = file.read()
        bodies, used, spoilt = record.read(data, self._key(name.rpartition(".")[0], data))
        for body in bodies:
            at = data.index(body, at)
            told = TELLS.match(body)
            if told and told.group(1):
                digest = hashlib.sha256(body).hexdigest()
                place = "%s:%d:%d:%s" % (name, start + at, len(body), digest)
                self.places.setdefault(told.group(1).decode(), place)
            elif told:
                self.over[name] = True
        if bodies or not spoilt:
            self.sound[name] = now
        elif now > self.sound.setdefault(name, now) + PATIENCE:
            used = data.find(b"\n") + 1  # without that line
        self.ends[name] = start + used

    def _key(self, agent: str, data: bytes) -> bytes:
        """Of the agent's pilot: the one with which its first line can be read."""
        for pilot in [] if agent in self.keys else list(os.scandir(self.run + "/pilots")):
            try:
                with open(pilot.path, "rb") as file:
                    key = Config.decode(file.read()).pilot_key
            except (OSError, ValueError):
                continue  # it is being written, say
            if record.read(data[: data.find(b"\n") + 1], key).bodies:
                self.keys[agent] = key
        return self.keys.get(agent, b"")

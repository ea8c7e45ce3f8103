"""An agent's log: appended records, which the client reads by offset.

One writer per log; each flush opens, appends and closes, so that shared file systems publish it.
A segment that has grown past 1 MiB ends with a ``next`` record. Large data goes to files of its own
under ``parts/``.
"""

import os

from ..protocol import names, parts, record
from .folders import is_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from ..protocol.names import Incarnation


class Log:
    """Records of one agent, gathered until they are flushed; a failed flush loses none."""

    def __init__(self, run: str, me: "Incarnation", key: bytes) -> None:
        self.run, self.me, self.key = run, me, key
        self.segment = 0
        self.size = 0
        self.waiting: "List[bytes]" = []
        self.gathered = 0  # bytes

    def add(self, kind: str, **fields: "Any") -> None:
        """Gather a record; where much has gathered, it is written at once."""
        fields["k"] = kind
        self.waiting.append(record.line(fields, self.key))
        self.gathered += len(self.waiting[-1])
        if self.gathered > record.SEGMENT // 2:
            try:
                self.flush()
            except OSError:
                pass  # it stays, and whoever flushes next hears of it

    def flush(self) -> None:
        """Append what has gathered. OSError: it is still to be written."""
        if not self.waiting:
            return
        data = b"".join(self.waiting)
        full = self.size + len(data) >= record.SEGMENT
        if full:
            data += record.line({"k": "next", "segment": self.segment + 1}, self.key)
        self._append(names.log(self.me, self.segment), data, self.size)
        self.waiting, self.gathered = [], 0
        self.size += len(data)
        if full:
            self.segment, self.size = self.segment + 1, 0

    def beat(self) -> None:
        """Grow the heartbeat by a byte: whoever lists the folder sees its size change."""
        with open(self._path(names.beat(self.me)), "ab", 0) as file:
            file.write(b".")

    def note_exit(self, text: str) -> None:
        """Leave word that the agent has ended, for when nothing else of it can."""
        with open(self._path(names.exit_note(self.me)), "ab", 0) as file:
            file.write(text.encode("ascii", "replace"))

    def gone(self) -> bool:
        """Whether there is no folder for it any more."""
        return is_gone(os.path.join(self.run, "logs"))

    def _path(self, name: str) -> str:
        return os.path.join(self.run, "logs", name)

    def _append(self, name: str, data: bytes, size: int) -> None:
        """Go on at ``size``: what stands behind it is left of an attempt that failed."""
        with open(self._path(name), "ab", 0) as file:
            if os.fstat(file.fileno()).st_size > size:
                file.truncate(size)
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]

    def store(self, task: str, attempt: int, data: bytes) -> "Dict[str, Any]":
        """Fields of a record that hold the data, or say in how many parts it lies."""
        if len(data) <= record.INLINE:
            return record.inline(data)
        fields = parts.fields(data)
        paths = [
            os.path.join(self.run, "parts", names.part(task, attempt, number))
            for number in range(fields["parts"])
        ]
        try:
            for number, path in enumerate(paths):
                with open(path + "~", "wb") as file:
                    file.write(data[number * parts.PART : (number + 1) * parts.PART])
                os.rename(path + "~", path)
        except OSError:
            for path in paths:  # a full disk: leave room for the record that says so
                for name in path, path + "~":
                    if os.path.exists(name):
                        os.unlink(name)
            raise
        return fields

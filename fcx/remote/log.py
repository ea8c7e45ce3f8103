"""The agent's log: appended records that the caller reads by offset.

A record is one ASCII line, ``<length of body> <digest> <body>``: a reader goes no further than
the first line that is not whole. One writer per log; each flush opens, appends and closes, so that
shared file systems publish it. A segment that has grown past 1 MiB ends with a ``next`` record.
Large data goes to files of its own under ``parts/``.
"""

import base64
import hashlib
import json
import os
import time

SEGMENT = 1 << 20
INLINE = 256 << 10  # bytes of result and output that ride in a record
PART = 3600000  # bytes of data in a part; in base64 they stay under what one request may read


def digest(data):
    """The first 16 hex digits of SHA-256: against mix-ups and half-written files."""
    return hashlib.sha256(data).hexdigest()[:16]


def line(record):
    """A record as the line that stands in the log."""
    body = json.dumps(record, separators=(",", ":")).encode("ascii")
    return b"%d %s %s\n" % (len(body), digest(body).encode(), body)


class Log:
    """Records of one agent, gathered and written at most every ``pause`` seconds."""

    def __init__(self, run, name, pause=0.02):
        self.run, self.name, self.pause = run, name, pause
        self.segment = 0
        self.size = 0
        self.waiting = []
        self.gathered = 0  # bytes
        self.flushed = 0.0

    def add(self, kind, **fields):
        """Gather a record; ``flush`` writes it, at once where much has gathered."""
        fields["k"] = kind
        self.waiting.append(line(fields))
        self.gathered += len(self.waiting[-1])
        if self.gathered > SEGMENT // 2:
            self.flush()

    def due(self):
        """Seconds until the next flush, None where there is nothing to write."""
        if not self.waiting:
            return None
        return max(0.0, self.flushed + self.pause - time.monotonic())

    def flush(self):
        """Append what has gathered."""
        if not self.waiting:
            return
        data = b"".join(self.waiting)
        self.waiting, self.gathered = [], 0
        self.size += len(data)
        if self.size >= SEGMENT:
            data += line({"k": "next", "segment": self.segment + 1})
        self._append("%s.%d" % (self.name, self.segment), data)
        if self.size >= SEGMENT:
            self.segment += 1
            self.size = 0
        self.flushed = time.monotonic()

    def beat(self):
        """Grow the heartbeat by a byte: whoever lists the folder sees its size change."""
        self._append("%s.beat" % self.name, b".")

    def note_exit(self, text):
        """Leave word that the agent has ended, for when nothing else of it can."""
        self._append("%s.exit" % self.name, text.encode("ascii", "replace"))

    def _append(self, name, data):
        with open(os.path.join(self.run, "logs", name), "ab", 0) as file:
            file.write(data)

    def store(self, task, attempt, data):
        """Fields of a record that hold the data, or say in how many parts it lies."""
        if len(data) <= INLINE:
            return {"d": base64.b64encode(data).decode("ascii")}
        starts = range(0, len(data), PART)
        paths = [
            os.path.join(self.run, "parts", "%s.%d.%d" % (task, attempt, count))
            for count in range(len(starts))
        ]
        try:
            for path, start in zip(paths, starts):
                self._part(path, base64.b64encode(data[start : start + PART]))
        except OSError:
            for path in paths:  # a full disk: leave room for the record that says so
                for name in path, path + "~":
                    if os.path.exists(name):
                        os.unlink(name)
            raise
        return {"parts": len(paths), "size": len(data)}

    @staticmethod
    def _part(path, text):
        with open(path + "~", "wb") as file:
            file.write(text)
        os.rename(path + "~", path)

"""What the supervisor hears and says: one JSON object a line."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

Message = dict[str, Any]


class Lines:
    """JSON lines of a file descriptor, without ever blocking on half a line."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.ended = False
        self._held = b""
        self._early: list[Message] = []

    def wait(self) -> Message | None:
        """The next line; None at the end of input."""
        while not self.ended:
            lines = self.read()
            if lines:
                self._early = lines[1:]
                return lines[0]
        return None

    def early(self) -> list[Message]:
        """Lines that came together with the one waited for."""
        found, self._early = self._early, []
        return found

    def read(self) -> list[Message]:
        """The lines that are there; sets `ended` at the end of input."""
        data = os.read(self.fd, 1 << 16)
        self.ended = not data
        *whole, self._held = (self._held + data).split(b"\n")
        return [json.loads(line) for line in whole]


def answer(message: Message) -> None:
    """One line to the server; it may be gone already."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(message).encode() + b"\n")

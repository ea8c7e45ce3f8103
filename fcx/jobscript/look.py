"""How closely a pilot looks at the image that it is in, before the gate is opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from .programs import SELDOM, bare


@dataclass(frozen=True)
class Look:
    """The places that the image imports from; ``contents``: every byte there, not sizes alone."""

    entries: tuple[str, ...]
    contents: bool

    def program(self) -> str:
        """What a pilot is sent beside its programs: at its end ``found`` is the answer.

        ``summary`` is its digest by then.
        """
        text = bare((resources.files("fcx") / "protocol" / SELDOM).read_text("utf-8"))
        ends = 'summary = summary(found["files"])'
        return f"{text}\nfound = describe({list(self.entries)!r}, {self.contents})\n{ends}\n"

"""What a Dockerfile asks of its builder, and which builder has it (pure).

What came when is counted in the versions of BuildKit's reader of Dockerfiles: each daemon has one
built in, and a ``# syntax=`` line has BuildKit fetch another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from .dockerfile import Dockerfile, Instruction
from .expansion import VARIABLE
from .recipe import argument_defaults, platform_arguments

Version = tuple[int, ...]

READERS: tuple[tuple[Version, Version], ...] = (  # of which dockerd has which reader built in
    ((28, 0), (1, 14)),
    ((27, 0), (1, 8)),
    ((26, 0), (1, 7)),
    ((25, 0), (1, 6)),
    ((24, 0), (1, 5)),
    ((23, 0), (1, 4)),
    ((20, 10), (1, 2)),
    ((18, 9), (1, 0)),
)
PODMAN_HEREDOCS: Version = (4, 8)
AUTOMATIC = frozenset(platform_arguments("", ""))
FLAGS = {
    "RUN": {"mount": (1, 2), "network": (1, 3)},
    "COPY": {"chmod": (1, 2), "link": (1, 4)},
    "ADD": {"chmod": (1, 2), "link": (1, 4), "checksum": (1, 6)},
}
"""Flags that the classic builder does not have, and the reader that brought each."""


@dataclass(frozen=True)
class Feature:
    """What a line asks for, and the first reader that knows it."""

    name: str
    line: int
    reader: Version

    def __str__(self) -> str:
        return f"line {self.line}: {self.name}"

    @property
    def docker(self) -> str:
        """The first dockerd that has it built in."""
        having = [daemon for daemon, reader in READERS if reader >= self.reader]
        return ".".join(map(str, having[-1])) if having else "a later one"


def features(file: Dockerfile) -> list[Feature]:
    """All that the classic builder lacks."""
    head = takewhile(lambda one: one.word != "FROM", file.instructions)
    arguments = [pair for one in head if one.word == "ARG" for pair in argument_defaults(one)]
    automatic = AUTOMATIC - {name for name, default in arguments if default}
    return [*_frontend(file), *(one for line in file.instructions for one in _of(line, automatic))]


def reader_of(file: Dockerfile, daemon: Version) -> Version:
    """The version of the reader by which BuildKit of this daemon reads the file."""
    own = next((reader for version, reader in READERS if daemon >= version), (1, 0))
    match = re.fullmatch(r"(?:docker\.io/)?docker/dockerfile(?::([\w.-]+))?", file.syntax)
    if not match:
        return (99,) if file.syntax else own  # another's reader knows what it knows
    numbers = tuple(map(int, re.findall(r"\d+", (match[1] or "").partition("-")[0])))
    return numbers[:2] if len(numbers) > 1 else (99,)  # of 1, and of latest, the newest is taken


def _frontend(file: Dockerfile) -> Iterator[Feature]:
    if file.syntax and not re.match(r"(docker\.io/)?docker/dockerfile(:|$)", file.syntax):
        yield Feature(f"# syntax={file.syntax}, a reader of its own", 1, (1, 0))


def _of(one: Instruction, automatic: frozenset[str]) -> Iterator[Feature]:
    flags = one.flags()
    for name, reader in FLAGS.get(one.word, {}).items():
        if name in flags:
            symbolic = name == "chmod" and not re.fullmatch(r"[0-7$\w{}]*", flags[name][-1])
            said = f"{one.word} --{name}" + (f"={flags[name][-1]}" if symbolic else "")
            yield Feature(said, one.line, (1, 14) if symbolic else reader)
    if one.heredocs:
        yield Feature(f"{one.word} <<{one.heredocs[0]}, a heredoc", one.line, (1, 4))
    if one.word == "FROM":
        named = {match[1] or match[9] for match in VARIABLE.finditer(one.rest)}
        for name in sorted(named & automatic):
            yield Feature(f"FROM with ${name}, which only BuildKit sets", one.line, (1, 0))

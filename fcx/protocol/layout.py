"""The run directory as the client alone knows it: its folders, names that are read back, parts.

Agents have no use for it, so it does not travel with them.
"""

import hashlib
import json
import re
from typing import NamedTuple

from .names import Incarnation
from .parts import INDEX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

LARGEST_FILE = 5000000  # bytes of one upload: under the server's 5 MiB, with its form around it
FOLDERS = (
    "pilots",
    "locks",
    "modules",
    "objects",
    "edf",
    "clients",
    "inbox",
    "claims",
    "values",
    "logs",
    "parts",
    "output",
)

_CLIENT = re.compile("client-([0-9]{1,9})")
_CLAIM = re.compile(r"(b[0-9]{6,12})\.([0-9]{1,9})")
_LOG = re.compile(r"(.+)\.([0-9]{1,9}|beat|exit)")


class LogFile(NamedTuple):
    """A file of ``logs/``: an agent's, and its segment's number or ``beat`` or ``exit``."""

    incarnation: Incarnation
    what: str

    @classmethod
    def parse(cls, name: str) -> "Optional[LogFile]":
        """From a file's name; None for any other name."""
        match = _LOG.fullmatch(name)
        incarnation = Incarnation.parse(match.group(1)) if match else None
        return cls(incarnation, match.group(2)) if match and incarnation else None

    def __str__(self) -> str:
        return "%s.%s" % self


def epoch_of_client(name: str) -> int:
    """From that link's name; 0 for any other name."""
    match = _CLIENT.fullmatch(name)
    return int(match.group(1)) if match else 0


def parse_claim(name: str) -> "Optional[Tuple[str, int]]":
    """(bundle, portion) of a claim; None for any other name."""
    match = _CLAIM.fullmatch(name)
    return (match.group(1), int(match.group(2))) if match else None


def pilot_config(pilot: str) -> str:
    """What a pilot's agents are told, in ``pilots/``."""
    return "%s.json" % pilot


def split(name: str, data: bytes) -> "List[Tuple[str, bytes]]":
    """The files in which a file travels, in the order in which they count: the index last."""
    if len(data) <= LARGEST_FILE:
        return [(name, data)]
    pieces = [data[at : at + LARGEST_FILE] for at in range(0, len(data), LARGEST_FILE)]
    known = {"parts": len(pieces), "sha256": hashlib.sha256(data).hexdigest()}
    files = [("%s.%d" % (name, number), piece) for number, piece in enumerate(pieces)]
    return [*files, (name + INDEX, json.dumps(known).encode("ascii"))]


def bundle(number: int) -> str:
    """A bundle's name; its head and first chunk lie under it."""
    return "b%06d" % number


def order(number: int) -> str:
    """An order's name."""
    return "o%06d" % number


def client(epoch: int) -> str:
    """The link in ``logs/`` that tells older clients."""
    return "client-%d" % epoch


def output(incarnation: Incarnation, worker: int, stream: str) -> str:
    """What the task that a worker runs has written so far; ``stream``: ``out`` or ``err``."""
    return "%s.%d.%s" % (incarnation, worker, stream)

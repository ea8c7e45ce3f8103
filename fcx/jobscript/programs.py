"""The programs of a pilot as they travel: one zip, the same bytes every time.

Its root has ``__main__.py`` (``fcx/remote/start.py``); the rest is the package ``_fcx``, of
``fcx/protocol`` and ``fcx/remote``. On the cluster it lies beside the runs, named by content, with
a shell script that starts what is in it. Each job script carries it: so comments, docstrings and
what only a type checker reads stay at home (lines stay where they are: tracebacks fit), names that
only our programs know are shortened (``shorten.py``), and it is compressed as a whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import sys
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from ..files import kept
from .shorten import shorten

MAIN = "remote/start.py"
SHELL = "remote/start.sh"
PACKAGES = ("protocol", "remote")
SELDOM = "content.py"  # which only a pilot that must prove its image brings along
AT_HOME = ("packing.py", "layout.py", "objects.py", "keys.py", SELDOM)
ALIKE = (  # what is alike lies together: compression looks back over 32 kB
    *("actions", "events", "timers", "slots", "queue", "core", "guard", "names", "record", "mac"),
    *(
        "bundle",
        "frames",
        "values",
        "inbox",
        "clock",
        "offers",
        "log",
        "config",
        "agent",
        "folders",
    ),
    *("__main__", "parts", "supplies", "turn", "pool", "surroundings", "installed", "worker"),
    *("place", "probe", "outcome", "pickling"),
)
KNOWN = ("pickling.py", "objects.py", SELDOM)  # by names in pickles, or sent later
ASKED = "snapshot"  # what a place is, which may be asked for by hand
KEPT = "programs.gz"  # in the state folder
GZIP = 16 + zlib.MAX_WBITS  # the format, with the largest window
BLOCK = "_fcx/remote/queue.py"  # another block before any other file, or more, saves less
NAME_AT = 30  # in what comes before each file of a zip
SIZES_AT, SIZES_LENGTH = 14, 12  # of checksum and sizes in what comes before each file of a zip
NEVER = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can name

_WORD = re.compile(r"\w+")
_DOCSTRING = re.compile(r'^([ ]*)"""(?:.|\n)*?"""$', re.MULTILINE)
_COMMENT = re.compile(r"(?:^[ ]*|[ ]{2})#[ !].*$", re.MULTILINE)
_RETURNS = re.compile(r"\) -> .*:$", re.MULTILINE)
_SIGNATURE = re.compile(r"^[ ]*def \w+\((?:[^)]|\n)*\):$", re.MULTILINE)
_NARROWED = re.compile(r"^[ ]*assert .* is not None$", re.MULTILINE)
_ARGUMENT = re.compile(r'(\w): (?:"[^"]*"|[\w.]+)')
_ATTRIBUTE = re.compile(r'^([ ]*self\.\w+): "[^"]*"(?= = )', re.MULTILINE)
_FIELD = re.compile(r'^([ ]+\w+): "[^"]*"(?= = |$)', re.MULTILINE)
_INDENT = re.compile(r"^(?:[ ]{4})+(?![ ])", re.MULTILINE)
_SPACES = re.compile(
    r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?<=[^\w\s])[ ]+(?=\S)|(?<=\S)[ ]+(?=[^\w\s])"""
)  # outside of strings, beside a sign
_TYPES_ONLY = re.compile(
    r"^(?:if TYPE_CHECKING:.*\n(?:(?:[ ].*)?\n)*|TYPE_CHECKING = False$)", re.MULTILINE
)


@cache
def archive() -> bytes:
    """The zip, as it lies on the cluster: Python imports from it as it is."""
    return gzip.decompress(packed())


def _zip(found: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as target:
        sources = sorted(found.items(), key=_rank)
        short = shorten([bare(text) for _, text in sources], _known(found))
        for (name, _), text in zip(sources, short, strict=True):
            entry = zipfile.ZipInfo(name, NEVER)
            entry.external_attr = 0o600 << 16
            target.writestr(entry, text)
        target.filelist.sort(key=lambda entry: entry.filename)  # the table of contents
    whole = bytearray(made.getvalue())
    for entry in target.filelist:  # Python takes these from the table of contents alone
        at = entry.header_offset + SIZES_AT
        whole[at : at + SIZES_LENGTH] = bytes(SIZES_LENGTH)
    return bytes(whole)


def _known(found: Mapping[str, str]) -> set[str]:
    """Words for more than these programs: of files, and of those that others know or may bring."""
    room = resources.files("fcx") / "protocol"
    others = [bare((room / name).read_text("utf-8")) for name in KNOWN]
    return {ASKED, *(word for text in [*found, *others] for word in _WORD.findall(text))}


def _sources() -> dict[str, str]:
    """What is in it: name in the zip -> text."""
    fcx = resources.files("fcx")
    found = {"__main__.py": (fcx / MAIN).read_text("utf-8"), "_fcx/__init__.py": ""}
    for package in PACKAGES:
        for file in (fcx / package).iterdir():
            name = f"{package}/{file.name}"
            if name.endswith(".py") and name != MAIN and file.name not in AT_HOME:
                found[f"_fcx/{name}"] = file.read_text("utf-8")
    return found


def _rank(source: tuple[str, str]) -> tuple[int, str]:
    """Where a file lies in the zip; one that is not known to be like another lies first."""
    stem = source[0].rpartition("/")[2].removesuffix(".py")
    return ALIKE.index(stem) if stem in ALIKE else -1, source[0]


def bare(text: str) -> str:
    """A source of ours without what only people and type checkers read, line by line."""
    text = _DOCSTRING.sub(_undocumented, text)
    text = _TYPES_ONLY.sub(lambda found: "\n" * found[0].count("\n"), text)
    text = _NARROWED.sub("", _COMMENT.sub("", text))
    text = _RETURNS.sub("):", text)
    text = _SIGNATURE.sub(lambda found: _ARGUMENT.sub(r"\1", found[0]), text)
    text = _ATTRIBUTE.sub(r"\1", text)
    text = _FIELD.sub(r'\1: "z"', text)
    text = _INDENT.sub(lambda found: " " * (len(found[0]) // 4), text)
    return _SPACES.sub(r"\1", text)


def _undocumented(found: re.Match[str]) -> str:
    """A docstring's lines, empty; where nothing else stands in its block, it stays a statement."""
    lines = "\n" * found[0].count("\n")
    rest = found.string[found.end() :].lstrip("\n")
    alone = not re.match(rf"{found[1]}\S", rest)
    return f"{found[1]}0{lines}" if alone else lines


@cache
def packed() -> bytes:
    """The zip as it travels: ``gzip -dc`` gives it back. Kept, as it takes a while."""
    found, room = _sources(), resources.files(__package__ or "")
    makers = [room.joinpath(name).read_text("utf-8") for name in ("programs.py", "shorten.py")]
    key = repr((sorted(found.items()), makers, sys.version_info[:2]))
    return kept(KEPT, hashlib.sha256(key.encode()).hexdigest(), lambda: _compressed(_zip(found)))


def _compressed(data: bytes) -> bytes:
    """In two blocks with codes of their own: what comes before a file differs from the rest."""
    cut = data.index(BLOCK.encode()) - NAME_AT
    coder = zlib.compressobj(9, zlib.DEFLATED, GZIP, 8)
    first = coder.compress(data[:cut]) + coder.flush(zlib.Z_BLOCK)
    return first + coder.compress(data[cut:]) + coder.flush()


@cache
def shell() -> bytes:
    """The script that starts it in a container, and leaves a note when it is killed."""
    return (resources.files("fcx") / SHELL).read_bytes()


@cache
def digest() -> str:
    """SHA-256 of the zip: compared before it is run."""
    return hashlib.sha256(archive()).hexdigest()


@cache
def name() -> str:
    """``programs-<digest>``: the zip's and the script's without their ending, and the folder's."""
    return f"programs-{hashlib.sha256(archive() + shell()).hexdigest()[:16]}"

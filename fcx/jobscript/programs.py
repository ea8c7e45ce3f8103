"""The programs of a pilot as they travel: one file, the same bytes every time.

It is ``fcx/remote/start.py``, which unpacks what is packed into it: the package ``_fcx``, of
``fcx/protocol`` and ``fcx/remote``. On the cluster it lies beside the runs, named by content, with
a shell script that starts it. Each job script carries it: so comments, docstrings and what only a
type checker reads stay at home (lines stay where they are: tracebacks fit), names that only our
programs know are shortened (``shorten.py``), and all but the start is compressed as a whole, in
signs of which five are four bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from ..files import kept
from .shorten import shorten

START = "remote/start.py"
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
    *("parts", "supplies", "turn", "pool", "surroundings", "installed", "worker"),
    *("place", "probe", "outcome", "pickling"),
)
KNOWN = ("pickling.py", "objects.py", SELDOM)  # by names in pickles, or sent later
ASKED = "snapshot"  # what a place is, which may be asked for by hand
PACKED = "PACKED"  # what the start calls it
KEPT = "programs.py"  # in the state folder
BLOCK = "_fcx/remote/guard.py"  # another block before any other file, or more, saves less
WIDTH = 1000  # of lines: no editor and no shell minds

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
def program() -> bytes:
    """The file. It is kept, as it takes a while."""
    found, room = _sources(), resources.files(__package__ or "")
    makers = [room.joinpath(name).read_text("utf-8") for name in ("programs.py", "shorten.py")]
    key = repr((sorted(found.items()), makers, sys.version_info[:2]))
    return kept(KEPT, hashlib.sha256(key.encode()).hexdigest(), _packed)


def _packed() -> bytes:
    """The start with the rest in it."""
    rest = travelling()
    start = rest.pop(START)
    text = base64.b85encode(_compressed(_joined(rest))).decode("ascii")
    lines = "".join(f"{text[at : at + WIDTH]}\n" for at in range(0, len(text), WIDTH))
    return start.replace(f'{PACKED}=""', f'{PACKED}="""\n{lines}"""').encode("ascii")


def _joined(found: Mapping[str, str]) -> bytes:
    """As the start takes it apart."""
    return "".join(f"\f{name}\n{text}" for name, text in found.items()).encode("ascii")


def _compressed(data: bytes) -> bytes:
    """In two blocks with codes of their own: the one half differs from the other."""
    cut = data.index(BLOCK.encode())
    coder = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 8)
    first = coder.compress(data[:cut]) + coder.flush(zlib.Z_BLOCK)
    return first + coder.compress(data[cut:]) + coder.flush()


def travelling() -> dict[str, str]:
    """What travels: name -> text, in the order in which it does."""
    found = _sources()
    names = sorted(found, key=_rank)
    short = shorten([bare(found[name]) for name in names], _known(found))
    return dict(zip(names, short, strict=True))


def _known(found: Mapping[str, str]) -> set[str]:
    """Words for more than these programs: of files, and of those that others know or may bring."""
    room = resources.files("fcx") / "protocol"
    others = [bare((room / name).read_text("utf-8")) for name in KNOWN]
    return {ASKED, PACKED, *(word for text in [*found, *others] for word in _WORD.findall(text))}


def _sources() -> dict[str, str]:
    """Name in the package -> text, and the start."""
    fcx = resources.files("fcx")
    found = {START: (fcx / START).read_text("utf-8"), "_fcx/__init__.py": ""}
    for package in PACKAGES:
        for file in (fcx / package).iterdir():
            name = f"{package}/{file.name}"
            if name.endswith(".py") and name != START and file.name not in AT_HOME:
                found[f"_fcx/{name}"] = file.read_text("utf-8")
    return found


def _rank(name: str) -> tuple[int, str]:
    """Where a file lies; one that is not known to be like another lies first."""
    stem = name.rpartition("/")[2].removesuffix(".py")
    return ALIKE.index(stem) if stem in ALIKE else -1, name


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
def shell() -> bytes:
    """The script that starts it in a container, and leaves a note when it is killed."""
    return (resources.files("fcx") / SHELL).read_bytes()


@cache
def digest() -> str:
    """SHA-256 of the file: compared before it is run."""
    return hashlib.sha256(program()).hexdigest()


@cache
def name() -> str:
    """``programs-<digest>``: the file's and the script's without their ending, and the folder's."""
    return f"programs-{hashlib.sha256(program() + shell()).hexdigest()[:16]}"

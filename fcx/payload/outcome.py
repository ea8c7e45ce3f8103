"""Bytes of an outcome -> what the future gives: a value, or an exception with its traceback."""

from __future__ import annotations

import json
import linecache
import pickle
import re
import stat
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import RemoteError, ResultError, TaskError
from .received import Pickled

LARGEST_SOURCE = 4 << 20  # bytes
LAUNCHERS = ("srun", "mpiexec", "mpirun", "sbatch", "salloc", "squeue", "scancel", "scontrol")
NO_LAUNCHER = (
    "{0} is not on the PATH of the task. In a container there is none, unless the image or a mount "
    "of its EDF brings it; several processes on one node need none (multiprocessing does)."
)
_FRAME_LINE = re.compile(r'^(\s*)File "(.+)", line (\d{1,9}), in .*$')


class RemoteTraceback(Exception):
    """Where the exception was raised on the cluster; the cause of what the future raises."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def with_source(text: str) -> str:
    """Add the source lines that the remote side could not see, from the client's files."""
    lines = text.splitlines()
    out: list[str] = []
    for index, line in enumerate(lines):
        out.append(line)
        match = _FRAME_LINE.match(line)
        if not match:
            continue
        following = lines[index + 1] if index + 1 < len(lines) else ""
        shown = following.startswith(match[1] + "  ") and not _FRAME_LINE.match(following)
        source = "" if shown else _source_line(match[2], int(match[3]))
        if source:
            out.append(f"{match[1]}  {source}")
    return "\n".join(out) + "\n"


def _source_line(path: str, number: int) -> str:
    """A line of a file; nothing of what is a device, a pipe or much too large for a source."""
    try:
        found = Path(path).stat()
    except OSError:
        pass  # a notebook's cell, say, which linecache may know all the same
    except ValueError:
        return ""
    else:
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_SOURCE:
            return ""
    return linecache.getline(path, number).strip()


def load(kind: str, data: bytes | Pickled) -> tuple[Any, BaseException | None]:
    """An authenticated outcome as (value, None) or (None, exception). Raises nothing."""
    try:
        if kind == "value" or not isinstance(data, bytes):
            return _loads(data), None
        return None, _ENDS[kind](data)
    except BaseException as error:  # noqa: BLE001 - whatever the user's classes raise
        return None, _not_loadable(error, data)


def _loads(data: bytes | Pickled) -> Any:
    pickling = _pickling()  # what pickles name is there once this is
    return pickling.loads(data) if isinstance(data, bytes) else pickle.load(data.buffered())


@cache
def _pickling() -> Any:
    """Loaded with the first outcome, and asked for no more: there may be a million."""
    from ..protocol import pickling

    return pickling


def _raised(data: bytes) -> BaseException:
    """An exception; where that cannot be loaded, what stands in for it."""
    told, _, pickled = data.partition(b"\n")
    try:
        return _with_cause(_loads(pickled))
    except BaseException:  # noqa: BLE001 - whatever the user's classes raise
        error = _alien(told)
        error.data = pickled
    return error


def _with_cause(loaded: Any) -> BaseException:
    """(exception, traceback) as the exception. Raises TypeError for anything else."""
    error, text = loaded
    if not isinstance(error, BaseException) or not isinstance(text, str):
        raise TypeError("no exception with its traceback")
    if isinstance(error, FileNotFoundError) and error.filename in LAUNCHERS:
        text = _noted(error, text, NO_LAUNCHER.format(error.filename))
    return _caused(error, text)


def _noted(error: BaseException, text: str, note: str) -> str:
    """Say more below the error; Python 3.10 has no notes: there below its remote traceback."""
    if sys.version_info >= (3, 11):
        error.add_note(note)
        return text
    return f"{text.rstrip()}\n{note}\n"


def _alien(data: bytes) -> RemoteError:
    name, told, text = _texts(data)
    error = RemoteError(name, told, text)
    _caused(error, text)
    return error


def _unpicklable(data: bytes) -> ResultError:
    name, told = _texts(data)
    return ResultError(
        f"The task ended well, but its result, a {name}, cannot be pickled by the worker ({told}). "
        "Return what it is made of instead."
    )


_ENDS: Mapping[str, Callable[[bytes], BaseException]] = {
    "raise": _raised,
    "alien": _alien,
    "unpicklable": _unpicklable,
}
"""How a task ends that has no value; a kind of another fcx is a KeyError, which names it."""


def _texts(data: bytes) -> list[str]:
    """A JSON list of texts."""
    found = json.loads(data)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise TypeError("no list of texts")
    return found


def _caused(error: BaseException, text: str) -> BaseException:
    """With the remote traceback as its cause, or as that of the last of its causes."""
    last, seen = error, {id(error)}
    while last.__cause__ is not None and id(last.__cause__) not in seen:
        last = last.__cause__
        seen.add(id(last))
    last.__cause__ = RemoteTraceback(with_source(text))
    return error


def _not_loadable(error: BaseException, data: bytes | Pickled) -> TaskError:
    missing = (
        f"the module {error.name!r} is missing on the client"
        if isinstance(error, ImportError)
        else ""
    )
    told = missing or f"{type(error).__name__}: {_text_of(error)}"
    found = data if isinstance(data, bytes) else data.whole()
    kept = (
        "Its bytes are kept in the error's .data; once that is put right, "
        "fcx.load_result(error.data) gives the result."
    )
    if found is None:
        kept = "Its bytes could not be fetched once more."
    refused = ResultError(
        f"The task ended, but what came back cannot be loaded by the client: {told}. {kept}",
        found or b"",
    )
    refused.__cause__ = error
    return refused


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - whatever the user's classes raise
        return f"its __str__ raised {type(second).__name__}"


def load_result(data: bytes) -> Any:
    """Load the bytes that a ResultError has kept; an exception is returned, not raised."""
    value = _loads(data)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], BaseException):
        return _with_cause(value)
    return value

"""Bytes of an outcome -> what the future gives: a value, or an exception with its traceback."""

from __future__ import annotations

import json
import linecache
import re
from typing import Any

from ..errors import RemoteError, ResultError, TaskError

_FRAME_LINE = re.compile(r'^(\s*)File "(.+)", line (\d+), in .*$')


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
        source = "" if shown else linecache.getline(match[2], int(match[3])).strip()
        if source:
            out.append(f"{match[1]}  {source}")
    return "\n".join(out) + "\n"


def load(kind: str, data: bytes) -> tuple[Any, BaseException | None]:
    """An authenticated outcome as (value, None) or (None, exception)."""
    if kind == "value":
        try:
            return _loads(data), None
        except Exception as error:  # noqa: BLE001 - whatever the user's classes raise
            return None, _not_loadable(error, data)
    if kind == "raise":
        return None, _load_exception(data)
    if kind == "alien":
        name, told, text = json.loads(data)
        return None, _caused(RemoteError(name, told, text), text)
    name, told = json.loads(data)
    return None, ResultError(
        f"The task ended well, but its result, a {name}, cannot be pickled by the worker ({told}). "
        "Return what it is made of instead."
    )


def _loads(data: bytes) -> Any:
    from ..protocol import pickling

    return pickling.loads(data)


def _load_exception(data: bytes) -> BaseException:
    told, _, pickled = data.partition(b"\n")
    try:
        error, text = _loads(pickled)
    except Exception:  # noqa: BLE001 - whatever the user's classes raise
        name, said, text = json.loads(told)
        error = RemoteError(name, said, text)
        error.data = pickled
    return _caused(error, text)


def _caused(error: BaseException, text: str) -> BaseException:
    error.__cause__ = RemoteTraceback(with_source(text))
    return error


def _not_loadable(error: Exception, data: bytes) -> TaskError:
    missing = (
        f"the module {error.name!r} is missing on the client"
        if isinstance(error, ImportError)
        else ""
    )
    told = missing or f"{type(error).__name__}: {error}"
    refused = ResultError(
        f"The task ended, but what came back cannot be loaded by the client: {told}. Its bytes are "
        "kept in the error's .data; once that is put right, fcx.load_result(error.data) gives the "
        "result.",
        data,
    )
    refused.__cause__ = error
    return refused


def load_result(data: bytes) -> Any:
    """Load the bytes that a ResultError has kept; an exception is returned, not raised."""
    value = _loads(data)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], BaseException):
        return _caused(*value)
    return value

"""(fn, args, kwargs) -> bytes; bytes -> outcome. The serialiser is ``fcx/protocol/pickling.py``."""

from __future__ import annotations

import functools
import hashlib
import json
import linecache
import re
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from ..errors import CallError, PayloadError, RemoteError, ResultError

_FRAME_LINE = re.compile(r'^(\s*)File "(.+)", line (\d+), in .*$')


def dump(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
    """Pickle a call. Raises PayloadError, with what pickling said as its cause."""
    from ..protocol import pickling

    try:
        return bytes(pickling.dumps((fn, args, dict(kwargs))))
    except Exception as error:
        culprit = _culprit(fn, args, kwargs)
        raise PayloadError(
            f"{culprit} cannot be pickled ({type(error).__name__}: {error}). Pass what it is made "
            "from, and make it inside the function."
        ) from error


def _culprit(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Which part of the call it is that does not pickle."""
    parts = [(f"argument {i}", value) for i, value in enumerate(args)]
    parts += [(f"argument {name!r}", value) for name, value in kwargs.items()]
    parts.append((f"the function {name_of(fn)}", fn))
    for name, value in parts:
        try:
            _dumps(value)
        except Exception:  # noqa: BLE001 - any failure is the answer
            return name if name.startswith("the") else f"{name} of {name_of(fn)}"
    return f"the call of {name_of(fn)}"


def _dumps(value: Any) -> bytes:
    from ..protocol import pickling

    return bytes(pickling.dumps(value))


def dump_initializer(initializer: Callable[..., Any], initargs: tuple[Any, ...]) -> bytes:
    """Pickle what each worker runs first."""
    try:
        return _dumps((initializer, initargs))
    except Exception as error:
        raise PayloadError(
            f"the initializer {name_of(initializer)} or its arguments cannot be pickled "
            f"({type(error).__name__}: {error})"
        ) from error


def name_of(fn: Any) -> str:
    """A function's name for people."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    module = getattr(fn, "__module__", None)
    return name if module in {None, "__main__", "builtins"} else f"{module}.{name}"


def function_key(fn: Any) -> str:
    """Tells functions apart whose running times are remembered; short, the same in each process."""
    code = getattr(getattr(fn, "func", fn), "__code__", None)
    place = f"{code.co_filename}:{code.co_firstlineno}" if isinstance(code, CodeType) else ""
    return hashlib.sha256(f"{name_of(fn)}@{place}".encode()).hexdigest()[:10]


class RemoteTraceback(Exception):
    """Where the exception was raised over there; stands as the cause of what the future raises."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def with_source(text: str) -> str:
    """Add the source lines that the far side could not see, from the files here."""
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
        f"The call ended well, but its result, a {name}, cannot be pickled over there ({told}). "
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


def _not_loadable(error: Exception, data: bytes) -> CallError:
    missing = f"the module {error.name!r} is missing here" if isinstance(error, ImportError) else ""
    told = missing or f"{type(error).__name__}: {error}"
    refused = ResultError(
        f"The call ended, but what came back cannot be loaded here: {told}. Its bytes are kept in "
        "the error's .data; once that is mended, fcx.load_result(error.data) gives the result.",
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


def run_chunk() -> Callable[..., list[Any]]:
    """What ``map`` submits for a chunk: a function that both sides have."""
    from ..protocol import pickling

    return pickling.run_chunk  # type: ignore[no-any-return]

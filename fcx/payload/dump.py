"""A task to bytes: (fn, args, kwargs) pickled. The serialiser is ``fcx/protocol/pickling.py``."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from ..errors import PayloadError
from .places import is_users_own
from .sharing import Parcel, Sharing

CELL = "ipykernel_"  # in the name of the file that a notebook says a cell is


def dump(
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    sharing: Sharing | None = None,
) -> Parcel:
    """Pickle a task, without what it shares. Raises PayloadError, caused by what pickling said."""
    try:
        return _parcel((fn, args, dict(kwargs)), sharing)
    except PayloadError:
        raise
    except Exception as error:
        culprit = _culprit(fn, args, kwargs, sharing)
        raise PayloadError(f"{culprit} cannot be pickled ({_why(error)}") from error


def dump_object(value: Any, sharing: Sharing) -> Parcel:
    """Pickle an object that tasks take. Raises PayloadError."""
    try:
        return _parcel(value, sharing)
    except PayloadError:
        raise
    except Exception as error:
        told = f"The object, a {name_of_kind(value)}, cannot be pickled ({_why(error)}"
        raise PayloadError(told) from error


def _parcel(value: Any, sharing: Sharing | None) -> Parcel:
    return sharing.dump(value, is_own) if sharing else Parcel(_dumps(value))


def _why(error: Exception) -> str:
    """What pickling said, and what to do."""
    if isinstance(error, RecursionError):
        return (
            "RecursionError: it is nested too deeply, or is made of itself). Pass it flat, as a "
            "list of its parts, or call sys.setrecursionlimit with more."
        )
    return (
        f"{type(error).__name__}: {error}). Pass what it is made from, and make it inside the "
        "function."
    )


def _culprit(
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    sharing: Sharing | None,
) -> str:
    """Which part of the task it is that does not pickle."""
    parts = [(f"argument {i}", value) for i, value in enumerate(args)]
    parts += [(f"argument {name!r}", value) for name, value in kwargs.items()]
    parts.append((f"the function {name_of(fn)}", fn))
    for name, value in parts:
        try:
            _parcel(value, sharing)
        except Exception:  # noqa: BLE001 - any failure is the answer
            return name if name.startswith("the") else f"{name} of {name_of(fn)}"
    return f"the task {name_of(fn)}"


def _dumps(value: Any) -> bytes:
    """What is installed is on the other end, too; the user's own may have been changed since."""
    from ..protocol import pickling

    return bytes(pickling.dumps(value, own=is_own))


def is_own(module: str) -> bool:
    """Whether a module is the user's own, so that its functions take their globals along."""
    return is_users_own(module.partition(".")[0])


def dump_initializer(initializer: Callable[..., Any], initargs: tuple[Any, ...]) -> bytes:
    """Pickle what each worker runs first."""
    try:
        return _dumps((initializer, initargs))
    except Exception as error:
        raise PayloadError(
            f"the initializer {name_of(initializer)} or its arguments cannot be pickled "
            f"({_why(error)}"
        ) from error


def name_of(fn: Any) -> str:
    """A function's name for people."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    module = getattr(fn, "__module__", None)
    return name if module in {None, "__main__", "builtins"} else f"{module}.{name}"


def name_of_kind(value: Any) -> str:
    """A value's type, for people."""
    module, name = type(value).__module__, type(value).__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def function_key(fn: Any) -> str:
    """Tells functions apart whose running times are remembered; short, the same in each process."""
    code, name = getattr(getattr(fn, "func", fn), "__code__", None), name_of(fn)
    place = ""
    if isinstance(code, CodeType):
        # A file has one of that name, wherever it is edited; that of a cell is another each time.
        file, line = code.co_filename, code.co_firstlineno if "<" in name else 0
        place = f"{'' if '<' in file or CELL in file else file}:{line}"
    return hashlib.sha256(f"{name}@{place}".encode()).hexdigest()[:10]


def run_chunk() -> Callable[..., list[Any]]:
    """What ``map`` submits for a chunk: a function that both sides have."""
    from ..protocol import pickling

    return pickling.run_chunk  # type: ignore[no-any-return]

"""A task to bytes: (fn, args, kwargs) pickled. The serialiser is ``fcx/protocol/pickling.py``."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, NamedTuple

from ..errors import PayloadError
from .code import code_digest
from .places import is_users_own
from .sharing import Parcel, Sharing

CHUNK = "run_chunk"  # the name of what takes a chunk
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


def called(fn: Any) -> Any:
    """The user's own function: without arguments that it has already, and out of chunks."""
    while isinstance(fn, functools.partial):
        fn = fn.args[0] if _is_chunked(fn) else fn.func
    return fn


def _is_chunked(fn: functools.partial[Any]) -> bool:
    return getattr(fn.func, "__name__", "") == CHUNK and fn.func is run_chunk()


def name_of(fn: Any) -> str:
    """A function's name for people."""
    fn = called(fn)
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    module = getattr(fn, "__module__", None)
    return name if module in {None, "__main__", "builtins"} else f"{module}.{name}"


def name_of_kind(value: Any) -> str:
    """A value's type, for people."""
    module, name = type(value).__module__, type(value).__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def function_key(fn: Any) -> str:
    """Tells functions apart whose running times are remembered; short, the same in each process."""
    own, name = called(fn), name_of(fn)
    code, place = getattr(own, "__code__", None), ""
    if isinstance(code, CodeType):
        # A file has one of that name, wherever it is edited; that of a cell is another each time.
        file, line = code.co_filename, code.co_firstlineno if "<" in name else 0
        place = f"{'' if '<' in file or CELL in file else file}:{line}"
    chunks = "*" if isinstance(fn, functools.partial) and _is_chunked(fn) else ""
    return hashlib.sha256(f"{chunks}{name}@{place}".encode()).hexdigest()[:10]


class Named(NamedTuple):
    """What tells a function from others."""

    name: str  # for people
    key: str  # of what is remembered of its running times
    code: str  # SHA-256 of what it does; empty where that cannot be seen

    @classmethod
    def of(cls, fn: Any) -> Named:
        """Of a function, or of what carries one."""
        return cls(name_of(fn), function_key(fn), code_digest(called(fn)))


def run_chunk() -> Callable[..., list[Any]]:
    """What ``map`` submits for a chunk: a function that both sides have."""
    from ..protocol import pickling

    return pickling.run_chunk  # type: ignore[no-any-return]

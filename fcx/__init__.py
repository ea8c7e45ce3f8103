"""Python functions on a supercomputer, in the container image you have at hand.

``FirecrestExecutor`` is a standard ``concurrent.futures.Executor``; errors are in ``fcx.errors``.
Names are imported when they are used, so that ``import fcx`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors as errors
    from .errors import FcxError as FcxError
    from .errors import ParityError as ParityError
    from .executor.attach import attach as attach
    from .executor.attach import latest as latest
    from .executor.attach import runs as runs
    from .executor.future import FirecrestFuture as FirecrestFuture
    from .executor.interface import FirecrestExecutor as FirecrestExecutor
    from .payload.outcome import load_result as load_result
    from .payload.shared import SharedObject as SharedObject

__version__ = "0.1.0"

_WHERE = {
    "FcxError": "errors",
    "FirecrestExecutor": "executor.interface",
    "FirecrestFuture": "executor.future",
    "ParityError": "errors",
    "SharedObject": "payload.shared",
    "attach": "executor.attach",
    "latest": "executor.attach",
    "load_result": "payload.outcome",
    "runs": "executor.attach",
}

__all__ = [
    "FcxError",
    "FirecrestExecutor",
    "FirecrestFuture",
    "ParityError",
    "SharedObject",
    "attach",
    "errors",
    "latest",
    "load_result",
    "runs",
]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module(".errors", __name__)
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])

"""Context variables, which pickle does not take: made anew, or found in their module."""

from __future__ import annotations

import functools
import sys
from contextvars import Context, ContextVar
from typing import Any

from ..protocol.pickling import MAINS, _is_importable  # the pickler's own question


def reduced(variable: ContextVar[Any]) -> tuple[Any, ...]:
    """How one is made on the other end: of its name and default, without what it is set to."""
    for name, module in list(sys.modules.items()):
        if name not in MAINS and _is_importable(name, module):
            for key, value in list(vars(module).items()):
                if value is variable:
                    return getattr, (module, key)
    try:
        default = {"default": Context().run(variable.get)}
    except LookupError:
        default = {}
    return functools.partial(ContextVar, variable.name, **default), ()

"""Whether an exception handler, or a ``with`` statement, lets an ImportError pass without harm."""

from __future__ import annotations

import builtins
from itertools import pairwise

from .flow import Flow

_MATCHES = {"CHECK_EXC_MATCH", "CHECK_EG_MATCH", "JUMP_IF_NOT_EXC_MATCH"}
_TESTS = {"CHECK_EXC_MATCH"}  # the jump where there is no match comes next; before 3.11 it is one
_LEAVES = {"POP_EXCEPT", "RETURN_VALUE", "RETURN_CONST", "FOR_ITER", "YIELD_VALUE"}
_GROUP_ENDS = {"PREP_RERAISE_STAR", "CALL_INTRINSIC_2"}
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_DEREF", "LOAD_FAST")


def forgives(flow: Flow, handler: int) -> bool:
    """Whether an exception handler takes an ImportError."""
    loaded: list[str] = []
    index = handler
    while index < len(flow.steps):
        step = flow.steps[index]
        if step.opname == "WITH_EXCEPT_START":
            return _suppresses(flow, handler)
        if step.opname == "BUILD_LIST":  # only `except*` collects what is left over
            return _forgives_group(flow, index)
        if step.opname in _MATCHES:
            if any(_may_catch_import_error(name) for name in loaded):
                return not _raises(flow, index + (step.opname in _TESTS))
            loaded = []
            index = flow.otherwise(index)
            continue
        if step.opname.startswith(_LOADS):
            loaded.append(str(step.argval))
        elif step.opname == "POP_TOP" and not loaded:
            return not _raises(flow, index)  # a bare `except:`
        elif step.opname not in {"PUSH_EXC_INFO", "DUP_TOP", "BUILD_TUPLE", "COPY", "SWAP"}:
            return False  # a `finally:`, or the last clause did not match
        index += 1
    return False


def _raises(flow: Flow, start: int) -> bool:
    """Whether a clause ends with an exception, whatever happens in it."""
    for step in flow.steps[start + 1 :]:
        if step.opname == "RAISE_VARARGS":
            return True
        if step.opname in _LEAVES or "JUMP" in step.opname:
            return False
    return False


def _forgives_group(flow: Flow, start: int) -> bool:
    """Whether an ``except*`` clause after ``start`` takes an ImportError."""
    for name, step in pairwise(flow.steps[start:]):
        if step.opname in _GROUP_ENDS:
            return False
        if step.opname == "CHECK_EG_MATCH" and _may_catch_import_error(str(name.argval)):
            return True
    return False


def _suppresses(flow: Flow, handler: int) -> bool:
    """Whether the ``with`` statement that a handler belongs to is contextlib.suppress."""
    before = list(range(flow.opening(handler) - 1, -1, -1))[:8]
    for index in before:
        step = flow.steps[index]
        if step.argval == "suppress":
            return True
        if step.opname.startswith(("POP_TOP", "STORE_", "END_")):
            return False
    return False


def _may_catch_import_error(name: str) -> bool:
    """True for ImportError, its kin, and any name that is not a built-in exception."""
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return True
    return issubclass(ImportError, kind) or issubclass(kind, ImportError)

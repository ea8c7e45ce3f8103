"""Code without its place: the same for the same source in another file, cell or line."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import CodeType

GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"})
IMPORTS = frozenset({"IMPORT_NAME"})
ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "STORE_ATTR"})


def canonical_code(code: CodeType, digest: Callable[[object], bytes]) -> bytes:
    """What it does, as bytes; ``digest`` is asked for its constants.

    Names of files and lines, and tables of them, are left out.
    """
    numbers = (
        *(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        *(code.co_flags, code.co_nlocals),
    )
    named = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    parts = [code.co_name.encode(), repr(numbers).encode(), repr(named).encode(), code.co_code]
    parts.append(_exceptions(code))
    parts += [digest(constant) for constant in code.co_consts]
    return b"".join(b"%d:%s" % (len(part), part) for part in parts)


def _exceptions(code: CodeType) -> bytes:
    """Where exceptions lead, in Pythons that keep a table of it."""
    return bytes(getattr(code, "co_exceptiontable", b""))


@lru_cache(maxsize=4096)
def globals_named(code: CodeType) -> tuple[str, ...]:
    """The globals that code, or code in it, refers to."""
    return tuple(sorted(_named(code, GLOBALS)))


@lru_cache(maxsize=4096)
def attributes_named(code: CodeType) -> tuple[str, ...]:
    """The attributes that code, or code in it, refers to."""
    return tuple(sorted(_named(code, ATTRIBUTES)))


@lru_cache(maxsize=4096)
def modules_named(code: CodeType) -> tuple[str, ...]:
    """The modules that code, or code in it, imports when it runs."""
    return tuple(sorted(_named(code, IMPORTS)))


def _named(code: CodeType, instructions: frozenset[str]) -> set[str]:
    found = {
        str(each.argval)
        for each in dis.get_instructions(code)
        if each.opname in instructions and each.argval is not None
    }
    for inner in _inner(code):
        found |= _named(inner, instructions)
    return found


def _inner(code: CodeType) -> Iterable[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))

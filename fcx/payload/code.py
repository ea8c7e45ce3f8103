"""Code without its place: the same for the same source in another file, cell or line.

Instructions are taken rather than bytes: Python compiles ``time.sleep`` in two ways, by whether the
same file or cell imports ``time`` beside the function.
"""

from __future__ import annotations

import dis
import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import CodeType

SILENT = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "PUSH_NULL", "RESUME"})
SAME = {"LOAD_METHOD": "LOAD_ATTR", "CALL_METHOD": "CALL_FUNCTION"}
JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
NAMED = frozenset((*dis.hasname, *dis.haslocal, *dis.hasfree, *dis.hascompare))
GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"})
IMPORTS = frozenset({"IMPORT_NAME"})
ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "STORE_ATTR"})


def code_digest(fn: object) -> str:
    """SHA-256 of what a function does, in hex; empty where its code cannot be seen.

    Without closures, globals and what it calls: these may be large. Of one minor version of Python.
    """
    code = getattr(fn, "__code__", None)
    if not isinstance(code, CodeType):  # an object may answer whatever it is asked
        return ""
    return _digest(code)


@lru_cache(maxsize=4096)
def _digest(code: CodeType) -> str:
    return hashlib.sha256(canonical_code(code, _constant)).hexdigest()


def _constant(value: object) -> bytes:
    """Code in code, and constants; a frozenset's order is the process's own."""
    if isinstance(value, CodeType):
        return canonical_code(value, _constant)
    if isinstance(value, (tuple, frozenset)):
        parts = [_constant(one) for one in value]
        parts = sorted(parts) if isinstance(value, frozenset) else parts
        return repr((type(value).__name__, parts)).encode()
    return repr((type(value).__name__, value)).encode()


def canonical_code(code: CodeType, digest: Callable[[object], bytes]) -> bytes:
    """What it does, as bytes; ``digest`` is asked for its constants.

    Names of files and lines, and tables of them, are left out.
    """
    numbers = (
        *(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        *(code.co_flags, code.co_nlocals),
    )
    named = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    parts = [code.co_name.encode(), repr(numbers).encode(), repr(named).encode()]
    parts.append(_instructions(code))
    parts += [digest(constant) for constant in code.co_consts]
    return b"".join(b"%d:%s" % (len(part), part) for part in parts)


@lru_cache(maxsize=4096)
def _instructions(code: CodeType) -> bytes:
    """What is done in which order, and where jumps and exceptions lead, by numbers of steps."""
    kept = [each for each in dis.get_instructions(code) if each.opname not in SILENT]
    offsets = [each.offset for each in kept]
    steps = [(SAME.get(each.opname, each.opname), _argument(each, offsets)) for each in kept]
    caught = [
        (*(bisect_left(offsets, place) for place in entry[:3]), *entry[3:])
        for entry in vars(dis.Bytecode(code)).get("exception_entries", ())  # from Python 3.11 on
    ]
    return repr((steps, caught)).encode()


def _argument(each: dis.Instruction, offsets: list[int]) -> object:
    """A jump's target as a step, a name as itself, anything else by number."""
    if each.opcode in JUMPS:
        return bisect_left(offsets, each.argval)
    return each.argval if isinstance(each.argval, str) and each.opcode in NAMED else each.arg


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

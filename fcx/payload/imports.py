"""The import statements of a code object, and which of them may fail without harm.

Read from bytecode, because what travels to the cluster is bytecode: the source may be absent (a
notebook, a REPL, a zip) or edited since. Works on the code objects of CPython 3.10 and later.
"""

from __future__ import annotations

import dis
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from types import CodeType

from .flow import NOISE, Flow
from .handlers import forgives
from .requirements import GUARDED, INSTEAD, LOOKED_FOR, PLATFORM, Import

_CHANGES = {
    *("append", "insert", "extend", "remove", "pop", "clear", "sort", "reverse"),
    *("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"),
}
"""What a function does that changes a list; one that only reads ``sys.path`` does none of it."""

_BESIDE = NOISE | {"COPY", "DUP_TOP"}  # what may stand between ``sys`` and ``path``
_LOOKS_FIRST = {"find_spec", "find_loader", "importorskip"}
_ASKS_PLATFORM = {"version_info", "hexversion", "platform", "python_implementation", "system"}


def imports_of(*codes: CodeType) -> tuple[Import, ...]:
    """Every import in ``codes`` and in the functions, classes and lambdas nested in them.

    If any of them changes ``sys.path``, no absence can be foretold: all are pardoned.
    """
    looked = [_imports_of(code, code.co_filename) for code in codes]
    found = tuple(dict.fromkeys(one for imports, _ in looked for one in imports))
    if not any(touches for _, touches in looked):
        return found
    return tuple(replace(one, pardon=one.pardon or "beside a change of sys.path") for one in found)


@lru_cache(maxsize=4096)
def _imports_of(code: CodeType, _filename: str) -> tuple[tuple[Import, ...], bool]:
    """Keyed by the file name as well, which the equality of code objects leaves out."""
    nested = list(with_nested(code))
    found = tuple(one for each in nested for one in _direct(each))
    return found, any(_touches_sys_path(each) for each in nested)


def absolute(name: str, package: str) -> str:
    """A dotted name as seen from ``package``; empty if it points above the top."""
    if not name.startswith("."):
        return name
    try:
        return importlib.util.resolve_name(name, package).rstrip(".") if package else ""
    except ImportError:
        return ""


def with_nested(code: CodeType) -> Iterator[CodeType]:
    """A code object, and those of the functions, classes and lambdas defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from with_nested(constant)


def _direct(code: CodeType) -> Iterator[Import]:
    """The imports of one code object, without those of nested ones."""
    flow = Flow(code)
    line = code.co_firstlineno
    lines = dict(dis.findlinestarts(code))
    function = getattr(code, "co_qualname", code.co_name)
    importers = _importers(flow.steps)
    for index, instruction in enumerate(flow.steps):
        line = lines.get(instruction.offset) or line
        if instruction.opname == "IMPORT_NAME":
            level, names = (flow.steps[index - 2].argval, flow.steps[index - 1].argval)
            dots = "." * level if isinstance(level, int) else ""
            names = names if isinstance(names, tuple) else ()
            pardon = "relative" if dots else _pardon(flow, index)
            module = dots + str(instruction.argval)
            yield Import(module, names, function, code.co_filename, line, pardon)
        elif _is_named(flow.steps, index, importers):
            pardon = _pardon(flow, index)
            yield Import(instruction.argval, (), function, code.co_filename, line, pardon)


def _importers(steps: Sequence[dis.Instruction]) -> set[object]:
    """The names that a code object has for the functions that import what text names."""
    renamed = (
        after.argval
        for step, after in pairwise(steps)
        if step.opname == "IMPORT_FROM" and step.argval == "import_module"
    )
    return {"import_module", "__import__", *renamed}


def _is_named(steps: Sequence[dis.Instruction], index: int, importers: set[object]) -> bool:
    """Whether a constant is the first argument of such a function, and a module's dotted name."""
    name = steps[index].argval
    if not steps[index].opname.startswith("LOAD_CONST") or not isinstance(name, str):
        return False
    before = [step for step in steps[max(index - 2, 0) : index] if step.opname != "PUSH_NULL"]
    called = (
        bool(before) and before[-1].opname.startswith("LOAD_") and before[-1].argval in importers
    )
    return called and all(part.isidentifier() for part in name.split("."))


def _pardon(flow: Flow, index: int) -> str:
    """Why the import at ``index`` may fail without harm; empty if it may not."""
    if not flow.runs(index):
        return "for type checkers" if "TYPE_CHECKING" in flow.names else INSTEAD
    if any(forgives(flow, handler) for handler in flow.handlers(index)):
        return GUARDED
    if flow.names & _LOOKS_FIRST:
        return LOOKED_FOR
    if flow.names & _ASKS_PLATFORM and flow.is_conditional(index):
        return PLATFORM
    return ""


def _touches_sys_path(code: CodeType) -> bool:
    if "addsitedir" in code.co_names:
        return True
    if "path" not in code.co_names or "sys" not in code.co_names:
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname not in _BESIDE]
    # `sys.path`, or `from sys import path`
    if not any(
        step.argval == "path" and before.argval == "sys" for before, step in pairwise(steps)
    ):
        return False
    return bool(_CHANGES & {*code.co_names, *(step.opname for step in steps)}) or any(
        step.opname.startswith("STORE_") and step.argval == "path" for step in steps
    )

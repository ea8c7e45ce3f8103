"""The import statements of a code object, and which of them may fail without harm.

Read from bytecode, because what travels to the cluster is bytecode: the source may be absent (a
notebook, a REPL, a zip) or edited since. Works on the code objects of CPython 3.10 and later.
"""

from __future__ import annotations

import builtins
import dis
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from types import CodeType

from .requirements import Import

_ENDS = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"}
_JUMPS = {"JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"}
_SETUPS = {"SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"}  # exception edges of Python 3.10
_MATCHES = {"CHECK_EXC_MATCH", "CHECK_EG_MATCH", "JUMP_IF_NOT_EXC_MATCH"}
_GROUP_ENDS = {"PREP_RERAISE_STAR", "CALL_INTRINSIC_2"}
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_DEREF", "LOAD_FAST")
_NOISE = {"EXTENDED_ARG", "CACHE", "NOP", "RESUME"}
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


def with_nested(code: CodeType) -> Iterator[CodeType]:
    """A code object, and those of the functions, classes and lambdas defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from with_nested(constant)


def _direct(code: CodeType) -> Iterator[Import]:
    """The imports of one code object, without those of nested ones."""
    flow = _Flow(code)
    line = code.co_firstlineno
    lines = dict(dis.findlinestarts(code))
    for index, instruction in enumerate(flow.steps):
        line = lines.get(instruction.offset) or line
        if instruction.opname != "IMPORT_NAME":
            continue
        level, names = (flow.steps[index - 2].argval, flow.steps[index - 1].argval)
        dots = "." * level if isinstance(level, int) else ""
        yield Import(
            dots + str(instruction.argval),
            names if isinstance(names, tuple) else (),
            getattr(code, "co_qualname", code.co_name),
            code.co_filename,
            line,
            "relative" if dots else flow.pardon(index),
        )


def _touches_sys_path(code: CodeType) -> bool:
    if "addsitedir" in code.co_names:
        return True
    if "path" not in code.co_names or "sys" not in code.co_names:
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname not in _NOISE]
    # `sys.path`, or `from sys import path`
    return any(step.argval == "path" and before.argval == "sys" for before, step in pairwise(steps))


class _Flow:
    """Which instructions of a code object run, and under which exception handlers."""

    def __init__(self, code: CodeType) -> None:
        self.names = set(code.co_names)
        self.steps = [step for step in dis.get_instructions(code) if step.opname not in _NOISE]
        self._at = self._offsets(code)
        self._table = self._exception_table(code)
        self._blocks = self._block_stacks() if self._table is None else {}
        self._normal = self._reachable(without=-1)

    def pardon(self, index: int) -> str:
        """Why the import at ``index`` may fail without harm; empty if it may not."""
        if index not in self._normal:
            return "only when something else fails, or for type checkers"
        if any(self._forgives(handler) for handler in self._handlers(index)):
            return "guarded by except"
        if self.names & _LOOKS_FIRST:
            return "beside a look whether it is there"
        if self.names & _ASKS_PLATFORM and self._is_conditional(index):
            return "depends on the platform or the Python version"
        return ""

    def _offsets(self, code: CodeType) -> dict[int, int]:
        """Index of the first real instruction at or after each offset that may be jumped to."""
        at: dict[int, int] = {}
        following = len(self.steps)
        real = {step.offset: index for index, step in enumerate(self.steps)}
        for offset in range(len(code.co_code) + 2, -1, -2):
            following = real.get(offset, following)
            at[offset] = following
        return at

    @staticmethod
    def _exception_table(code: CodeType) -> list[tuple[int, int, int]] | None:
        """(start, end, target) of each protected range; None on Python 3.10, which has none."""
        entries = getattr(dis.Bytecode(code), "exception_entries", None)
        if entries is None:
            return None
        return [(entry.start, entry.end, entry.target) for entry in entries]

    def _next(self, index: int) -> list[int]:
        """Where control goes after an instruction that raises nothing."""
        step = self.steps[index]
        if step.opname in _ENDS:
            return []
        jumps = step.opcode in dis.hasjrel or step.opcode in dis.hasjabs
        if not jumps or step.opname in _SETUPS:
            return [index + 1]
        target = self._at.get(step.argval, len(self.steps))
        if step.opname in _JUMPS:
            return [target]
        if step.opname.startswith("POP_JUMP") and self._asks_type_checking(index):
            taken = step.opname.endswith("IF_FALSE")  # TYPE_CHECKING is False when code runs
            return [target if taken else index + 1]
        return [index + 1, target]

    def _asks_type_checking(self, index: int) -> bool:
        before = [step.argval for step in self.steps[max(index - 2, 0) : index]]
        return "TYPE_CHECKING" in before

    def _reachable(self, without: int) -> set[int]:
        """Instructions that run when nothing raises, with ``without`` taken for a wall."""
        seen: set[int] = set()
        todo = [0]
        while todo:
            index = todo.pop()
            if index in seen or index == without or index >= len(self.steps):
                continue
            seen.add(index)
            todo += self._next(index)
        return seen

    def _is_conditional(self, index: int) -> bool:
        others = self._reachable(without=index)
        return any(self.steps[other].opname.startswith("RETURN_") for other in others)

    def _handlers(self, index: int) -> Iterator[int]:
        """The handlers that see an exception of an instruction, innermost first."""
        if self._table is None:
            yield from reversed(self._blocks.get(index, ()))
            return
        offset = self.steps[index].offset
        for _ in self._table:
            targets = [target for start, end, target in self._table if start <= offset < end]
            if not targets:
                return
            yield self._at[targets[0]]
            offset = targets[0]

    def _block_stacks(self) -> dict[int, tuple[int, ...]]:
        """Python 3.10: the handlers that are set up when each instruction runs."""
        stacks: dict[int, tuple[int, ...]] = {}
        todo: list[tuple[int, tuple[int, ...]]] = [(0, ())]
        while todo:
            index, stack = todo.pop()
            if index in stacks or index >= len(self.steps):
                continue
            stacks[index] = stack
            step = self.steps[index]
            if step.opname in _SETUPS:
                handler = self._at[step.argval]
                todo.append((handler, stack))
                stack = (*stack, handler)
            elif step.opname == "POP_BLOCK":
                stack = stack[:-1]
            todo += [(following, stack) for following in self._next(index)]
        return stacks

    def _forgives(self, handler: int) -> bool:
        """Whether an exception handler takes an ImportError."""
        loaded: list[str] = []
        index = handler
        while index < len(self.steps):
            step = self.steps[index]
            if step.opname == "WITH_EXCEPT_START":
                return self._suppresses(handler)
            if step.opname == "BUILD_LIST":  # only `except*` collects what is left over
                return self._forgives_group(index)
            if step.opname in _MATCHES:
                if any(_may_catch_import_error(name) for name in loaded):
                    return True
                loaded = []
                index = self._otherwise(index)
                continue
            if step.opname.startswith(_LOADS):
                loaded.append(str(step.argval))
            elif step.opname == "POP_TOP" and not loaded:
                return True  # a bare `except:`
            elif step.opname not in {"PUSH_EXC_INFO", "DUP_TOP", "BUILD_TUPLE", "COPY", "SWAP"}:
                return False  # a `finally:`, or the last clause did not match
            index += 1
        return False

    def _forgives_group(self, start: int) -> bool:
        """Whether an ``except*`` clause after ``start`` takes an ImportError."""
        for name, step in pairwise(self.steps[start:]):
            if step.opname in _GROUP_ENDS:
                return False
            if step.opname == "CHECK_EG_MATCH" and _may_catch_import_error(str(name.argval)):
                return True
        return False

    def _suppresses(self, handler: int) -> bool:
        """Whether the ``with`` statement that a handler belongs to is contextlib.suppress."""
        before = list(range(self._opening(handler) - 1, -1, -1))[:8]
        for index in before:
            step = self.steps[index]
            if step.argval == "suppress":
                return True
            if step.opname.startswith(("POP_TOP", "STORE_", "END_")):
                return False
        return False

    def _opening(self, handler: int) -> int:
        """Index of the instruction that enters the ``with`` statement of a handler."""
        if self._table is None:
            opens = (i for i, step in enumerate(self.steps) if step.opname in _SETUPS)
            return next(i for i in opens if self._at[self.steps[i].argval] == handler)
        starts = [start for start, _, target in self._table if self._at[target] == handler]
        return self._at[min(starts)] - 1

    def _otherwise(self, match: int) -> int:
        """Where the next except clause begins when the one tested at ``match`` does not apply."""
        for index in range(match, min(match + 3, len(self.steps))):
            step = self.steps[index]
            if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
                return self._at.get(step.argval, len(self.steps))
        return len(self.steps)


def _may_catch_import_error(name: str) -> bool:
    """True for ImportError, its kin, and any name that is not a built-in exception."""
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return True
    return issubclass(ImportError, kind) or issubclass(kind, ImportError)

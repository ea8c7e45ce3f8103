"""The flow of control through a code object, of CPython 3.10 and later."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType

NOISE = {"EXTENDED_ARG", "CACHE", "NOP", "RESUME"}
_ENDS = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"}
_JUMPS = {"JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"}
_SETUPS = {"SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"}  # exception edges of Python 3.10


class Flow:
    """Which instructions of a code object run, and under which exception handlers."""

    def __init__(self, code: CodeType) -> None:
        self.names = set(code.co_names)
        self.steps = [step for step in dis.get_instructions(code) if step.opname not in NOISE]
        self._at = self._offsets(code)
        self._table = self._exception_table(code)
        self._blocks = self._block_stacks() if self._table is None else {}
        self._normal = self._reachable(without=-1)

    def runs(self, index: int) -> bool:
        """Whether an instruction runs when nothing raises."""
        return index in self._normal

    def is_conditional(self, index: int) -> bool:
        """Whether the code may return without an instruction having run."""
        others = self._reachable(without=index)
        return any(self.steps[other].opname.startswith("RETURN_") for other in others)

    def handlers(self, index: int) -> Iterator[int]:
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

    def opening(self, handler: int) -> int:
        """Index of the instruction that enters the ``with`` statement of a handler."""
        if self._table is None:
            opens = (i for i, step in enumerate(self.steps) if step.opname in _SETUPS)
            return next(i for i in opens if self._at[self.steps[i].argval] == handler)
        starts = [start for start, _, target in self._table if self._at[target] == handler]
        return self._at[min(starts)] - 1

    def otherwise(self, match: int) -> int:
        """Where the next except clause begins when the one tested at ``match`` does not apply."""
        for index in range(match, min(match + 3, len(self.steps))):
            step = self.steps[index]
            if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
                return self._at.get(step.argval, len(self.steps))
        return len(self.steps)

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

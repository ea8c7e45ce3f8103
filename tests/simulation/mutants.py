"""Mutation testing: faults are put into both cores, and the simulator alone must find them.

The mutants are mutmut's own (its operators, its rules of what to leave alone). Its runner works here
too (`mutmut run`, see pyproject.toml), but sends every call through a trampoline, which makes worlds
five times slower; this one puts a mutant's code in the place of the function's in a forked process,
runs seeds until one fails, and goes on with the next. Texts for people are not mutated.

A mutant is tried on the worlds that run its lines: first those of few that show most, then, for as
long as ``--patience`` lasts, all others of many.

    PYTHONPATH=tests python -m simulation.mutants [--seeds 600] [--only fleet] [--every 4]
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import Mutation, create_mutations, deep_replace

from .chosen import Worlds
from .faults import KNOWN
from .seeds import from_seed
from .simulation import Simulation
from .table import Table

ROOT = Path(__file__).parents[2]
CORES = (
    *sorted(p.relative_to(ROOT) for p in (ROOT / "fcx/executor/core").glob("[a-z]*.py")),
    *(
        Path("fcx/remote") / f"{n}.py"
        for n in ("core", "offers", "queue", "slots", "timers", "guard")
    ),
)
SECONDS = 30.0  # of a processor for one world, after which a mutant counts as hanging: as killed
KILLED, SURVIVED, HANGS, NO_CODE = 0, 1, 2, 3
WORDLESS = (
    *('"info"', '"warning"', '"error"', '""', '"-inf"', '"inf"'),  # whose case nobody reads
    *('"memory"', '"own"'),  # kinds of fates that are retried no more, which nobody tells apart
)
WORDS = {KILLED: "killed", SURVIVED: "survived", HANGS: "hangs", NO_CODE: "same code"}


class Mutant(NamedTuple):
    """One change of one function."""

    path: Path
    function: str  # qualified
    before: str
    after: str
    module: cst.Module
    mutation: Mutation
    lines: range  # that it changes

    def code(self) -> CodeType:
        """The code of the changed function."""
        node = self.mutation
        changed = deep_replace(self.module, node.original_node, node.mutated_node)
        assert isinstance(changed, cst.Module)
        found: CodeType = compile(changed.code, str(self.path), "exec", dont_inherit=True)
        for name in self.function.split("."):
            found = next(c for c in _codes(found) if c.co_name == name)
        return found

    def put(self) -> bool:
        """Put it in the function's place; False where that changes nothing."""
        function = _function(self.path, self.function)
        code = self.code()
        if code.co_code == function.__code__.co_code and _equal(code, function.__code__):
            return False
        function.__code__ = code
        return True

    def __str__(self) -> str:
        return f"{self.path}:{self.function}: {self.before} -> {self.after}"


def _codes(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _equal(one: CodeType, other: CodeType) -> bool:
    return one.co_consts == other.co_consts and one.co_names == other.co_names


def _function(path: Path, name: str) -> FunctionType:
    found: Any = importlib.import_module(".".join(path.with_suffix("").parts))
    for part in name.split("."):
        found = vars(found)[part]
    if isinstance(found, property):
        found = found.fget
    function = getattr(found, "__func__", found)
    assert isinstance(function, FunctionType)
    return function


# -- which ----------------------------------------------------------------------------------


def mutants(only: str = "") -> Iterator[Mutant]:
    """All of them, file by file."""
    for path in CORES:
        if only in str(path):
            module, mutations, *_ = create_mutations(str(path), (ROOT / path).read_text())
            where = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
            names = _names(module)
            texts = _in_texts(module)
            for mutation in mutations:
                function = mutation.contained_by_top_level_function
                told = mutation.original_node in texts
                if isinstance(function, cst.FunctionDef) and not told and _counts(mutation):
                    yield Mutant(
                        path,
                        names[function],
                        _told(module, mutation.original_node),
                        _told(module, mutation.mutated_node),
                        module,
                        mutation,
                        _lines(where[mutation.original_node]),
                    )


def _lines(place: CodeRange) -> range:
    return range(place.start.line, place.end.line + 1)


def _names(module: cst.Module) -> dict[cst.CSTNode, str]:
    found: dict[cst.CSTNode, str] = {}
    for node in module.body:
        if isinstance(node, cst.FunctionDef):
            found[node] = node.name.value
        elif isinstance(node, cst.ClassDef):
            for each in node.body.body:
                if isinstance(each, cst.FunctionDef):
                    found[each] = f"{node.name.value}.{each.name.value}"
    return found


def _in_texts(module: cst.Module) -> dict[cst.CSTNode, None]:
    """What stands in the middle of a sentence for people: numbers, and the words for them."""
    found: dict[cst.CSTNode, None] = {}

    class Finder(cst.CSTVisitor):
        def visit_IfExp(self, node: cst.IfExp) -> None:  # noqa: N802
            if isinstance(node.body, cst.FormattedString) and " " in _told(module, node.body):
                found[node] = None  # whether words for people are said

        def visit_FormattedString(self, node: cst.FormattedString) -> None:  # noqa: N802
            parts = [p.value for p in node.parts if isinstance(p, cst.FormattedStringText)]
            if any(" " in part for part in parts):
                found.update(dict.fromkeys(_below(node)))

    module.visit(Finder())
    return found


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for child in node.children:
        yield child
        yield from _below(child)


def _counts(mutation: Mutation) -> bool:
    """Whether it is more than a text for people, and not what a signature defaults to."""
    node = mutation.original_node
    if isinstance(node, cst.SimpleString):
        return " " not in node.value and node.value not in WORDLESS
    code = cst.Module([]).code_for_node(node)
    if isinstance(node, cst.Assign) and code.endswith(("= False", "] = None")):
        return False  # it becomes None, which is as false; or a mark whose value nobody reads
    if code.startswith(('Fate("own"', 'Fate("memory"')):  # no other kind is told from these
        return not _told(cst.Module([]), mutation.mutated_node).startswith("Fate(None")
    if code.endswith("RATE"):
        return False  # which is 1: to multiply by it is to divide by it
    return not (
        code.startswith(("text =", "text %=", "told =", "fix =", "notes =")) or ".say(" in code
    )


def _told(module: cst.Module, node: cst.CSTNode) -> str:
    return " ".join(module.code_for_node(node).split())[:110]


# -- tried ----------------------------------------------------------------------------------


def fails(seed: int) -> bool:
    """Whether a world fails."""
    return bool(Simulation(from_seed(seed, KNOWN), Table()).run().failure)


def trial(mutant: Mutant, seeds: list[int], patience: float) -> int:
    """In a process of its own: run worlds until one fails, or for as long as patience lasts."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
    signal.signal(signal.SIGPROF, lambda *_: os._exit(HANGS))
    if not mutant.put():
        return NO_CODE
    for seed in seeds:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        if fails(seed):
            return KILLED
        if time.process_time() > patience:
            break
    return SURVIVED


class Trials:
    """Mutants that are being tried, each in a forked process."""

    def __init__(self, worlds: Worlds, first: list[int], processes: int, patience: float) -> None:
        self.worlds = worlds
        self.first = first
        self.processes = processes
        self.patience = patience
        self.counts = dict.fromkeys(WORDS, 0)
        self.survivors: list[Mutant] = []
        self._running: dict[int, Mutant] = {}

    def start(self, mutant: Mutant) -> None:
        """Try one, once there is room."""
        if len(self._running) >= self.processes:
            self.wait()
        seeds = self._seeds(mutant)
        child = os.fork()
        if not child:
            try:
                os._exit(trial(mutant, seeds, self.patience))
            except BaseException:  # noqa: BLE001 - whatever it broke, it did not go unseen
                os._exit(KILLED)
        self._running[child] = mutant

    def _seeds(self, mutant: Mutant) -> list[int]:
        """Worlds that run what it changes: those that show most before the others."""
        running = self.worlds.running(ROOT / mutant.path, mutant.lines)
        there = dict.fromkeys(running)
        first = [seed for seed in self.first if seed in there]
        return list(dict.fromkeys([*first, *running]))

    def wait(self) -> bool:
        """Hear of one that has ended; False if none runs."""
        if not self._running:
            return False
        child, status = os.wait()
        mutant = self._running.pop(child)
        how = os.WEXITSTATUS(status) if os.WIFEXITED(status) else HANGS
        self.counts[how if how in WORDS else KILLED] += 1
        if how == SURVIVED:
            self.survivors.append(mutant)
            print(f"survived: {mutant}", flush=True)
        return True

    def summary(self) -> str:
        """The share that was killed, and the counts."""
        killed = self.counts[KILLED] + self.counts[HANGS]
        tried = killed + self.counts[SURVIVED]
        counts = ", ".join(f"{count} {WORDS[how]}" for how, count in self.counts.items())
        return f"{tried} mutants, {100 * killed / max(1, tried):.1f} % killed: {counts}"


def main(arguments: list[str]) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=600, help="worlds that each must survive first"
    )
    parser.add_argument(
        "--patience", type=float, default=60.0, help="seconds of a processor for each, then"
    )
    parser.add_argument("--of", type=int, default=4000, help="worlds from which those are chosen")
    parser.add_argument("--only", default="", help="part of the path of the files to change")
    parser.add_argument("--every", type=int, default=1, help="try only one of so many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="begin with this one")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    began = time.perf_counter()
    worlds = Worlds(ROOT / path for path in CORES)
    worlds.see(range(given.of), given.processes)
    trials = Trials(worlds, worlds.chosen(given.seeds), given.processes, given.patience)
    print(f"{len(trials.first)} seeds chosen of {given.of}", flush=True)
    for number, mutant in enumerate(mutants(given.only)):
        if number >= given.first and not (number - given.first) % given.every:
            trials.start(mutant)
    while trials.wait():
        pass
    print(f"{trials.summary()}, in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

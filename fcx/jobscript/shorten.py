"""Names that only their function, or only our programs know -> short ones: half of a source.

Instructions and lines stay as they are. A name is left alone where it could be met from outside: it
stands in a text, some call gives an argument by it, it is a field of a tuple, or what Python brings
along has one like it.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import itertools
import keyword
import re
import string
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from types import ModuleType
from typing import TypeVar

T = TypeVar("T", bound=ast.AST)
Edit = tuple[int, int, str, str]  # line, column, name, shorter

SHORTEST = len("_x")

_WORD = re.compile(r"\w+")
_OF_OBJECTS = re.compile(r"self\.(\w+)")


def shorten(sources: Iterable[str], known: Iterable[str] = ()) -> list[str]:
    """Sources that call each other, with short names; what is ``known`` to others stays."""
    texts = list(sources)
    trees = [list(ast.walk(ast.parse(text))) for text in texts]  # a walk takes longer than a look
    given = {each.arg for nodes in trees for each in _nodes(nodes, ast.keyword) if each.arg}
    shared = _shared(list(itertools.chain(*trees)), {*known, *given})
    return [
        _written(text, {*_local(nodes, given, shared), *_marked(nodes, shared)})
        for text, nodes in zip(texts, trees, strict=True)
    ]


def _nodes(nodes: Iterable[ast.AST], kind: type[T]) -> Iterator[T]:
    return (each for each in nodes if isinstance(each, kind))


def _written(text: str, edits: Iterable[Edit]) -> str:
    lines = [line.encode() for line in text.split("\n")]
    for line, column, old, new in sorted(edits, reverse=True):
        whole = lines[line - 1]
        lines[line - 1] = whole[:column] + new.encode() + whole[column + len(old.encode()) :]
    return b"\n".join(lines).decode()


def _short(taken: Collection[str], start: str = "") -> Iterator[str]:
    """The shortest names that are free."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            name = start + "".join(letters)
            if not keyword.iskeyword(name) and name not in taken:
                yield name


# -- names that the sources share --------------------------------------------------------------


def _shared(nodes: list[ast.AST], known: set[str]) -> dict[str, str]:
    """Of those that the sources define: name -> shorter, the most frequent ones first."""
    names = [name for each in nodes for *_, name in _place(each)]
    ours = {name for each in nodes for name in _defined(each)} - known - set(_pythons(nodes))
    ours -= {name for each in nodes for name in _elsewhere(each)}
    count = Counter(name for name in names if name in ours and len(name) > SHORTEST)
    free = _short(set(names), "_")
    return {name: next(free) for name, _ in count.most_common()}


def _defined(node: ast.AST) -> Iterator[str]:
    """Functions, classes, attributes, and what a module or a class has under a name."""
    if isinstance(node, ast.FunctionDef):
        yield node.name
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr
    elif isinstance(node, (ast.Module, ast.ClassDef)):
        for part in node.body:
            if isinstance(part, ast.ClassDef):
                yield part.name
            elif isinstance(part, (ast.Assign, ast.AnnAssign)):
                yield from (name for each in ast.walk(part) for name in _own(each))


def _elsewhere(node: ast.AST) -> Iterator[str]:
    """Names that are also met where ``_place`` does not find them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _WORD.findall(node.value)
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        if not node.target.id.startswith("_"):
            yield node.target.id  # a tuple tells its fields in texts, too
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from node.names
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    elif isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level):
        yield from (each.asname or each.name for each in node.names)


def _pythons(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What builtins have, and modules of Python that are imported, their classes and objects."""
    names = {name for each in nodes for name in _imported(each)}
    modules = [builtins, *map(importlib.import_module, sorted(names & sys.stdlib_module_names))]
    for module in modules:
        yield from dir(module)
        for each in vars(module).values():
            yield from dir(each) if isinstance(each, type) else ()
        yield from _OF_OBJECTS.findall(_source(module))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module or ""


def _source(module: ModuleType) -> str:
    try:
        return inspect.getsource(module)
    except (OSError, TypeError):  # in C
        return ""


def _place(node: ast.AST) -> Iterator[tuple[int, int, str]]:
    """(line, column, name) of what a node names."""
    if isinstance(node, ast.Name):
        yield node.lineno, node.col_offset, node.id
    elif isinstance(node, ast.arg):
        yield node.lineno, node.col_offset, node.arg
    elif isinstance(node, ast.Attribute):
        yield node.end_lineno or 0, (node.end_col_offset or 0) - len(node.attr), node.attr
    elif isinstance(node, ast.FunctionDef):
        yield node.lineno, node.col_offset + len("def "), node.name
    elif isinstance(node, ast.ClassDef):
        yield node.lineno, node.col_offset + len("class "), node.name
    elif isinstance(node, ast.alias):
        yield node.lineno, node.col_offset, node.name
        if node.asname:
            yield node.end_lineno or 0, (node.end_col_offset or 0) - len(node.asname), node.asname


def _marked(nodes: Iterable[ast.AST], shared: dict[str, str]) -> Iterator[Edit]:
    for each in nodes:
        for line, column, name in _place(each):
            if name in shared:
                yield line, column, name, shared[name]


# -- names within functions -------------------------------------------------------------------


def _local(nodes: list[ast.AST], given: set[str], shared: Collection[str]) -> Iterator[Edit]:
    module, foreign = nodes[0], {*given, *shared}
    known = {each.id for each in _nodes(nodes, ast.Name)} | set(_bound(module))
    for function in _outermost(module):
        yield from _edits(function, foreign, known)


def _outermost(node: ast.AST) -> Iterator[ast.FunctionDef]:
    """Functions and methods, without those inside of others."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield child
        else:
            yield from _outermost(child)


def _edits(function: ast.FunctionDef, given: set[str], known: set[str]) -> Iterator[Edit]:
    """For each place where a function has a name of its own."""
    inside = list(ast.walk(function))
    own = {name for each in inside for name in _own(each)} - _foreign(inside) - given
    free, shorter = _short(known - own), dict[str, str]()
    for each in inside:
        if not isinstance(each, (ast.Name, ast.arg)):
            continue
        name = each.id if isinstance(each, ast.Name) else each.arg
        if name in own:
            if name not in shorter:
                shorter[name] = next(free)
            yield each.lineno, each.col_offset, name, shorter[name]


def _own(node: ast.AST) -> Iterator[str]:
    """The names that a node binds in a way that can be told by its place."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id


def _foreign(inside: list[ast.AST]) -> set[str]:
    """Names that others know, or that stand where they have no place of their own."""
    found = set(dir(builtins))
    for each in inside:
        if isinstance(each, (ast.Global, ast.Nonlocal)):
            found.update(each.names)
        elif isinstance(each, ast.ClassDef):
            found.update(_bound(each))
        elif isinstance(each, ast.arguments) and each.kwarg:  # any name may be given to it
            found.update(one.arg for one in (*each.posonlyargs, *each.args, *each.kwonlyargs))
        elif isinstance(each, ast.ExceptHandler) and each.name:
            found.add(each.name)
        elif isinstance(each, ast.alias):
            found.add((each.asname or each.name).partition(".")[0])
        elif isinstance(each, ast.FunctionDef):
            found.add(each.name)
    return found


def _bound(node: ast.AST) -> Iterator[str]:
    """What a module's or a class's own statements bind."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            yield child.name
        elif isinstance(child, ast.alias):
            yield (child.asname or child.name).partition(".")[0]
        else:
            yield from _own(child)
            yield from _bound(child)

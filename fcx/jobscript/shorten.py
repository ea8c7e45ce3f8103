"""Names that only their function, or only our programs know -> short ones: half of a source.

Instructions and lines stay as they are. A name is left alone where it could be met from outside: it
is a module's or Python's own, it belongs to a class, or some call gives an argument by it. Of what
belongs to a module or a class, names with an underscore are ours alone.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import string
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

Edit = tuple[int, int, str, str]  # line, column, name, shorter

PYTHONS = {"_asdict", "_field_defaults", "_fields", "_make", "_replace"}  # of named tuples


def shorten(sources: Iterable[str]) -> list[str]:
    """Sources that call each other, with short names."""
    texts = list(sources)
    trees = [ast.parse(text) for text in texts]
    nodes = [each for tree in trees for each in ast.walk(tree)]
    given = {each.arg for each in nodes if isinstance(each, ast.keyword) and each.arg}
    private = _private(nodes, given)
    return [
        _written(text, {*_local(tree, given, private), *_marked(tree, private)})
        for text, tree in zip(texts, trees, strict=True)
    ]


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


# -- names with an underscore -----------------------------------------------------------------


def _private(nodes: list[ast.AST], given: set[str]) -> dict[str, str]:
    """Of those that the sources define: name -> shorter, the most frequent ones first."""
    places = [place for each in nodes for place in _place(each)]
    defined = {each.name for each in nodes if isinstance(each, (ast.FunctionDef, ast.ClassDef))}
    defined |= {
        each.attr
        for each in nodes
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
    }
    defined -= {each.name for each in nodes if isinstance(each, ast.alias)} | given | PYTHONS
    defined -= set(_of_modules(nodes))
    count = Counter(name for _, _, name in places if name in defined and _is_private(name))
    free = _short({name for _, _, name in places}, "_")
    return {name: next(free) for name, _ in count.most_common()}


def _of_modules(nodes: list[ast.AST]) -> Iterator[str]:
    """What Python's own modules have: ``_exit`` of ``os``."""
    imports = (node for node in nodes if isinstance(node, ast.Import))
    modules = {each.asname or each.name for node in imports for each in node.names}
    attributes = (node for node in nodes if isinstance(node, ast.Attribute))
    for each in attributes:
        if isinstance(each.value, ast.Name) and each.value.id in modules:
            yield each.attr


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and len(name) > len("_x")


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


def _marked(tree: ast.AST, private: dict[str, str]) -> Iterator[Edit]:
    for each in ast.walk(tree):
        for line, column, name in _place(each):
            if name in private:
                yield line, column, name, private[name]


# -- names within functions -------------------------------------------------------------------


def _local(tree: ast.Module, given: set[str], private: Collection[str]) -> Iterator[Edit]:
    known = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)} | set(_bound(tree))
    for function in _outermost(tree):
        yield from _edits(function, {*given, *private}, known)


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

"""The programs travel as one file: small, the same bytes each time, and still themselves."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import runpy
import subprocess
import sys
import zlib
from pathlib import Path

import interpreters
import pytest

from fcx.jobscript import programs
from fcx.jobscript import render as script
from fcx.jobscript.options import Options

MOST = 40_000  # bytes in each job script


def sources():
    return programs.travelling()


class Unannotated(ast.NodeTransformer):
    """To Python the type of an attribute is a comment, and one in a string no more than a word.

    What is asserted for type checkers alone goes with it.
    """

    def visit_Assert(self, node):
        """That something is there."""
        return None if ast.unparse(node.test).endswith(" is not None") else node

    def visit_AnnAssign(self, node):
        """Of an attribute: an assignment like any other."""
        if isinstance(node.target, ast.Attribute) and node.value is not None:
            return ast.Assign([node.target], node.value)
        if isinstance(node.annotation, ast.Constant):
            node.annotation = ast.Constant("z")
        return node


def meaning(text):
    """What a source says to Python: without docstrings, annotations and types' imports."""
    tree = ast.fix_missing_locations(Unannotated().visit(ast.parse(text)))
    tree.body = [
        n
        for n in tree.body
        if not ast.unparse(n).startswith(("if TYPE_CHECKING:", "TYPE_CHECKING = "))
    ]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Expr(ast.Constant(0))]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return tree


def named(tree):
    """(part of the file, node, field, name) of what may have a shorter name, in the order of nodes."""
    for part in ast.walk(tree):
        if isinstance(part, (ast.Module, ast.ClassDef)):
            for number, each in enumerate(part.body):
                if not isinstance(each, ast.ClassDef):
                    for node in ast.walk(each):
                        yield from ((id(part), number, node, *found) for found in identifier(node))
                else:
                    yield (id(part), number, each, "name", each.name)


def identifier(node):
    for kind, field in (
        (ast.Name, "id"), (ast.arg, "arg"), (ast.Attribute, "attr"), (ast.FunctionDef, "name"),
        (ast.alias, "name"), (ast.alias, "asname"),
    ):  # fmt: skip
        if isinstance(node, kind) and getattr(node, field):
            yield field, getattr(node, field)


def with_names_of(full, travelling):
    """The second, with the first's names where they are one for one, and no other's."""
    shared, taken = {}, {name for *_, name in named(full)}
    functions = {}
    for before, after in zip(named(full), named(travelling), strict=True):
        old, new = before[-1], after[-1]
        hidden = new.startswith("_")
        within = isinstance(after[2], (ast.Name, ast.arg)) and not hidden
        assert hidden or within or old == new
        known = functions.setdefault(before[:2], {}) if within else shared
        assert known.setdefault(old, new) == new
        setattr(after[2], after[3], old)
    for known in (shared, *functions.values()):
        assert len(set(known.values())) == len(known), "two names have become one"
    assert not taken & {new for old, new in shared.items() if old != new}
    return travelling


def test_are_small_as_they_stand_in_a_script():
    """Every script has them: the first pilot may never start."""
    empty = script.Shape(Options.check([], []), "/r/run", "x")
    text = script.render(empty, "x-001", [])
    part = text[text.index('put "$programs".py') : text.index('put "$programs".sh')]
    assert len(part) <= MOST


def test_are_cut_where_it_saves():
    """In one block they are larger; before whichever other file, they are hardly smaller."""
    rest = {name: text for name, text in sources().items() if name != programs.START}
    data = programs._joined(rest)
    best = len(programs._compressed(data))
    assert len(in_blocks(data, len(data))) > best + 50
    starts = [found.start() for found in re.finditer(b"\f", data)]
    assert min(len(in_blocks(data, cut)) for cut in starts) > best - 100


def in_blocks(data, cut):
    """Compressed as they are, in two blocks."""
    coder = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 8)
    first = coder.compress(data[:cut]) + coder.flush(zlib.Z_BLOCK)
    return first + coder.compress(data[cut:]) + coder.flush()


def test_are_the_same_bytes_each_time():
    """Named by content: so they are written once, and byte code is kept."""
    first = programs.program(), programs.name()
    for made in programs.program, programs.name, programs.shell, programs.digest:
        made.cache_clear()
    assert (programs.program(), programs.name()) == first
    assert programs._packed() == programs.program()
    assert programs.digest() == hashlib.sha256(programs.program()).hexdigest()


def test_unpack_what_was_packed(tmp_path):
    """Each file, and a copy of the start, which workers run."""
    file = tmp_path / "programs-x.py"
    file.write_bytes(programs.program())
    found = unpacked_by(file)
    assert (found / "__main__.py").read_bytes() == programs.program()
    texts = {str(path.relative_to(found)): path.read_text() for path in found.rglob("*.py")}
    del texts["__main__.py"]
    assert texts == {name: text for name, text in sources().items() if name != programs.START}


def unpacked_by(file):
    """The folder that the start itself makes."""
    old = os.umask(0o22)
    try:
        return Path(runpy.run_path(str(file))["place"](str(file)))
    finally:
        os.umask(old)


def test_have_one_package_and_a_beginning():
    """Nothing of ours has a name that a user's module might have."""
    names = set(sources())
    assert {name.partition("/")[0] for name in names - {programs.START}} == {"_fcx"}
    assert "_fcx/remote/agent.py" in names
    assert "_fcx/protocol/pickling.py" in names
    assert "_fcx/remote/start.py" not in names


@pytest.mark.parametrize("name", sorted(sources()))
def test_say_the_same_as_their_sources(name):
    """Line by line, without what only people and type checkers read."""
    full, travelling = programs._sources()[name], sources()[name]
    told = meaning(full)
    assert ast.dump(with_names_of(told, meaning(travelling))) == ast.dump(told)
    assert travelling.count("\n") == full.count("\n")
    assert travelling.isascii()
    assert '"""' not in travelling
    assert "TYPE_CHECKING" not in travelling


@pytest.mark.parametrize("name", sorted(sources()))
def test_are_read_by_python_3_6(name):
    """So that one that is too old for tasks is refused in words, not by a SyntaxError."""
    python = interpreters.found().get((3, 6))
    if python is None:
        ast.parse(programs._sources()[name], feature_version=(3, 6))
        return
    code = "import sys; compile(sys.stdin.buffer.read(), 'x', 'exec')"
    subprocess.run([python, "-c", code], input=programs._sources()[name].encode(), check=True)


def test_import_nothing_of_fcx_but_each_other():
    """By relative imports, as they are another package there."""
    for text in programs._sources().values():
        for node in ast.walk(ast.parse(text)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""] if node.level == 0 else []
            assert not [name for name in names if name.partition(".")[0] == "fcx"]


def test_can_be_asked_what_a_place_is(tmp_path):
    """By hand, on a node."""
    (tmp_path / "programs-x.py").write_bytes(programs.program())
    code = "from _fcx.remote import place; print('distributions' in place.snapshot())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(unpacked_by(tmp_path / "programs-x.py"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "True", done.stderr

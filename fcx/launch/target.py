"""What is to be run: found, read and compiled here, so that a slip costs no request."""

from __future__ import annotations

import ast
import re
import sys
import traceback
import zipfile
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType

from ..errors import UsageError

FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
CALL, MAIN = "call.py", "__main__.py"
STDIN = "-"
_MADE_BY = {"__getattr__", "globals", "vars", "exec", "setattr"}  # names that no statement binds


@dataclass(frozen=True)
class Target:
    """A file for the worker's Python, and code from whose imports it is told what it needs."""

    name: str  # as the user knows it
    file: str
    content: bytes
    arguments: list[str]
    needs: CodeType
    beside: str  # the folder that is first where it looks for modules


def find(what: str, arguments: list[str]) -> Target:
    """A script or its folder by a path, or ``module:function``; what it imports lies beside it.

    ``-`` is the script that stands in standard input, a zip with a ``__main__.py`` one, too.
    Raises UsageError for what is not there or cannot be compiled. Nothing of it is run.
    """
    path = Path(what).expanduser()
    name = path.name
    if what == STDIN:
        return _script(STDIN, STDIN, sys.stdin.buffer.read(), arguments, Path.cwd())
    if path.is_dir() and (path / MAIN).is_file():
        name, path = path.resolve().name, path / MAIN  # as `python folder` does
    if path.is_file() and zipfile.is_zipfile(path):
        return _packed(path, arguments)
    if path.is_file():
        beside = path.resolve().parent  # as `python script.py` does
        return _script(what, name, path.read_bytes(), arguments, beside, path.name)
    if path.suffix == ".py" or not FUNCTION.fullmatch(what):
        kind = f"a folder without a {MAIN}" if path.is_dir() else "no file"
        raise UsageError(
            f"{what!r} is {kind}: give the path of a script, a function as module:function, or a "
            "module after -m."
        )
    module, _, function = what.partition(":")
    _check(module, function.partition(".")[0])
    return _called(what, f"from {module} import {function.partition('.')[0]}", arguments)


def find_module(name: str, arguments: list[str]) -> Target:
    """What ``python -m name`` runs: a module, or the ``__main__`` of a package.

    Raises UsageError as `find` does.
    """
    spec = _found(name)
    runs = name
    if spec.submodule_search_locations is not None:
        runs = f"{name}.__main__"
        if _spec(runs) is None:
            raise UsageError(
                f"{name!r} is a package without a {MAIN}: name one of its modules, or a function "
                f"as {name}:function."
            )
    return _called(name, f"import {runs}", arguments)


def _script(
    what: str, name: str, content: bytes, arguments: list[str], beside: Path, file: str = ""
) -> Target:
    """A file of source."""
    needs = _compiled(content, what)
    _refuse_relative(content, what)
    return Target(name, file or name, content, arguments, needs, str(beside))


def _packed(path: Path, arguments: list[str]) -> Target:
    """A zip application: modules in it are found there, as `python app.pyz` finds them."""
    with zipfile.ZipFile(path) as packed:
        try:
            content = packed.read(MAIN)
        except KeyError:
            raise UsageError(
                f"{str(path)!r} is a zip without a {MAIN}: `python -m zipapp FOLDER` makes one "
                "that can be run."
            ) from None
    needs = _compiled(content, f"{path}/{MAIN}")
    return Target(
        path.name, path.name, path.read_bytes(), arguments, needs, str(path.resolve().parent)
    )


def _called(what: str, needs: str, arguments: list[str]) -> Target:
    """By a program of ours, which is told what; modules lie in the current folder."""
    content = (resources.files(__package__) / CALL).read_bytes()
    code = compile(needs, "<fcx run>", "exec")
    return Target(what, CALL, content, [what, *arguments], code, str(Path.cwd()))


def _refuse_relative(content: bytes, what: str) -> None:
    """A script has no package, so that what it imports from its own is not found in any place."""
    for statement in ast.parse(content).body:
        if isinstance(statement, ast.ImportFrom) and statement.level:
            path = Path(what).resolve()
            package = path.parent.name
            module = package if path.name == MAIN else f"{package}.{path.stem}"
            raise UsageError(
                f"{what} imports from the package that it lies in (line {statement.lineno}), which "
                "Python refuses of a script (attempted relative import with no known parent "
                f"package). Run it as that package's: `fcx run -m {module}`, or one of its "
                "functions as package.module:function, from the folder that the package lies in."
            )


def _compiled(content: bytes, file: str) -> CodeType:
    try:
        return compile(content, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        told = "".join(traceback.format_exception_only(type(error), error)).rstrip()
        raise UsageError(f"{file} cannot be compiled, so nothing was sent:\n{told}") from None


def _check(module: str, name: str) -> None:
    """Raise UsageError for a module that is not found, or whose text does not have the name."""
    spec = _found(module)
    text = _text(spec)
    if text is None:
        return  # an extension, a namespace, or built in: the worker's Python tells
    code = _compiled(text, str(spec.origin))
    stars = "*" in {name for const in code.co_consts if isinstance(const, tuple) for name in const}
    if stars or name in code.co_names or not _MADE_BY.isdisjoint(code.co_names):
        return
    near = get_close_matches(name, code.co_names, 1)
    meant = f" Did you mean {module}:{near[0]}?" if near else ""
    raise UsageError(f"There is no {name!r} in module {module!r} ({spec.origin}).{meant}")


def _found(module: str) -> ModuleSpec:
    """Where a module is. UsageError: nowhere."""
    spec = _spec(module)
    if spec is None:
        raise UsageError(
            f"There is no module {module!r}: it was looked for in {Path.cwd()}, on PYTHONPATH, and "
            f"among what is installed for {sys.executable}."
        )
    return spec


def _text(spec: ModuleSpec) -> bytes | None:
    """The source of a module, be it in a zip; None where it has none that can be read."""
    read = getattr(spec.loader, "get_data", None)
    if read is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return bytes(read(spec.origin))


def _spec(module: str) -> ModuleSpec | None:
    """Where a module is, without its packages being imported."""
    places, whole, spec = None, "", None
    for part in module.split("."):
        whole = f"{whole}.{part}" if whole else part
        spec = _asked(whole, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return spec


def _asked(name: str, places: list[str] | None) -> ModuleSpec | None:
    """What Python's finders say, those of editable installs included; None for a top-level name."""
    path = [str(Path.cwd()), *sys.path] if places is None else places
    for finder in sys.meta_path:
        if finder is PathFinder:
            # By the last part: for a namespace in another it asks for the outer one as imported.
            tail = name.rpartition(".")[2]
            found = PathFinder.find_spec(tail, path)
        else:
            found = finder.find_spec(name, places)
        if found is not None:
            return found
    return None

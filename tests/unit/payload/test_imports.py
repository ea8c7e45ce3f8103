"""Which imports a code object has, and which of them may fail without harm."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pickled import by_value

from fcx.payload import flow
from fcx.payload.imports import imports_of

STATEMENTS = """
import must_top
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import may_types
else:
    import must_runtime
if not TYPE_CHECKING:
    import must_runtime_too
import contextlib
try:
    import may_guarded
except ImportError:
    import may_fallback
try:
    import must_other_error
except ValueError:
    pass
try:
    import must_finally
finally:
    print()
with contextlib.suppress(ImportError):
    import may_suppressed
with open("x") as f:
    import must_with
try:
    try:
        import may_outer
    finally:
        pass
except (KeyError, ModuleNotFoundError) as e:
    print(e)
try:
    import must_raised_anew
except ImportError as e:
    raise RuntimeError("install it") from e
try:
    import must_raised_bare
except:
    print()
    raise
try:
    import may_raised_perhaps
except ImportError as e:
    if x:
        raise
try:
    try:
        import may_outer_exception
    except ValueError:
        pass
except Exception:
    pass
try:
    import may_bare
except:
    pass
try:
    import may_own_error
except my.Error:
    pass
def f(x):
    if x:
        import must_conditional
        return 1
    try:
        import may_returned
        return may_returned
    except ImportError:
        return None
def g():
    from . import may_relative
    from .may_relative_module import y
    import must_dotted.b as c
    def h():
        from must_nested.c import d, e
def k():
    import sys
    sys.path.append("x")
    import may_path
def n():
    import sys
    if sys.version_info > (3,):
        import may_version
    import must_anyway
def o():
    from importlib.util import find_spec
    if find_spec("may_looked_for"):
        import may_looked_for
def m():
    for i in range(3):
        try:
            import may_loop
        except ImportError:
            continue
        else:
            import must_else
    import os.path
    os.path.join("a")
    import must_os_path
class K:
    import must_class
    async def z(self):
        async with x:
            import must_async
        return lambda: [must for must in __import__("zz")]
    def tried(self):
        while True:
            try:
                import may_in_while
                break
            except Exception as error:
                print(error)
"""
GROUP = """
def q():
    try:
        import must_group
    except* OSError:
        pass
    try:
        import may_group
    except* OSError:
        pass
    except* ImportError:
        pass
"""


def test_each_kind_of_import_statement():
    """What must succeed and what may fail is told apart, statement by statement."""
    source = STATEMENTS + (GROUP if sys.version_info >= (3, 11) else "")
    whole = compile(source, "script.py", "exec")
    functions = [each for each in whole.co_consts if hasattr(each, "co_names")]
    # the module's own statements alone: k() changes sys.path, which pardons its neighbours
    alone = whole.replace(
        co_consts=tuple(None if each in functions else each for each in whole.co_consts)
    )
    found = [one for code in (alone, *functions) for one in imports_of(code)]
    seen = {}
    for one in found:
        for part in (*one.module.split("."), *one.names):
            if part.startswith(("must_", "may_")):
                seen[part] = bool(one.pardon)
    wrong = {name for name, pardoned in seen.items() if pardoned != name.startswith("may_")}
    assert wrong == set()
    assert set(seen) == set(re.findall(r"import ((?:must|may)_\w+)", source)) | {
        "may_relative_module", "must_nested",
    }  # fmt: skip


def test_import_knows_its_place():
    """Function, file and line, as a message needs them."""
    fn = by_value("def f():\n    def inner():\n        import pandas.core as p\n    return inner")
    one = imports_of(fn.__code__)[0]
    assert (one.module, one.top, one.file, one.line) == ("pandas.core", "pandas", "script.py", 3)
    assert "inner (script.py:3)" in one.where


def test_every_installed_python_agrees(tmp_path):
    """Other interpreters of this machine, whose bytecode differs, tell the same."""
    others = [Path(p) for p in sorted(Path.home().glob(".pyenv/versions/3.1[0-9]*/bin/python"))]
    package = tmp_path / "fcx"
    package.mkdir()
    for name in ("imports.py", "flow.py", "handlers.py", "requirements.py"):
        (package / name).write_text((Path(flow.__file__).parent / name).read_text())
    (package / "__init__.py").touch()
    script = tmp_path / "ask.py"
    script.write_text(
        f"import json, types\nfrom fcx.imports import imports_of\n"
        f"code = compile({STATEMENTS!r}, 's.py', 'exec')\n"
        "each = [c for c in code.co_consts if isinstance(c, types.CodeType)]\n"
        "print(json.dumps([[o.module, o.line, bool(o.pardon)] "
        "for c in each for o in imports_of(c)]))\n"
    )
    answers = {}
    for python in [Path(sys.executable), *others]:
        done = subprocess.run([python, script], capture_output=True, text=True, check=True)
        answers[str(python)] = json.loads(done.stdout)
    assert len({json.dumps(answer) for answer in answers.values()}) == 1


NAMED = """
import importlib
from importlib import import_module
from importlib import import_module as load
def f(name):
    importlib.import_module("must_named.part")
    try:
        importlib.import_module("may_named")
    except ImportError:
        pass
    importlib.import_module(name)
    importlib.import_module(".relative", "package")
    importlib.import_module("not a module")
    __import__("must_builtin.part")
    __import__(name)
def g():
    return import_module("must_plain")
def h():
    from importlib import import_module as other
    return other("must_renamed")
"""


def test_a_module_that_is_named_by_text():
    """`import_module("x")` is an import of x; of a name that only the run knows, nobody can tell."""
    whole = compile(NAMED, "script.py", "exec")
    named = {one.module: bool(one.pardon) for one in imports_of(whole)}
    named = {name: pardon for name, pardon in named.items() if not name.startswith("importlib")}
    wanted = {"must_named.part": False, "may_named": True, "must_plain": False}
    wanted["must_builtin.part"] = False
    assert named == {**wanted, "must_renamed": False}


@pytest.mark.parametrize(
    ("before", "pardoned"),
    [
        ("print(sys.path)", False),
        ("any(map(str, sys.path))", False),
        ("sys.path.insert(0, 'x')", True),
        ("sys.path += ['x']", True),
        ("sys.path[:0] = ['x']", True),
        ("sys.path = ['x']", True),
    ],
)
def test_who_only_reads_the_path_pardons_nothing(before, pardoned):
    """Who changes it may find there what is not yet."""
    code = compile(f"def f():\n    {before}\n    import module\n", "x", "exec").co_consts[0]
    assert [bool(one.pardon) for one in imports_of(code)] == [pardoned]


def test_where_the_platform_decides_releases_are_compared():
    """The module may be absent, as where an ImportError is caught, but of no other release."""
    text = "def f():\n    if sys.version_info >= (3, 8):\n        import module\n"
    (one,) = imports_of(compile(text, "x", "exec").co_consts[0])
    assert one.optional

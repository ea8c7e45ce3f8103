"""Which modules a call needs, which of them travel, and the archive that carries them."""

from __future__ import annotations

import functools
import importlib
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path
from types import ModuleType

import dill
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcx.errors import PayloadError, UsageError
from fcx.payload import archive as modules_shipping
from fcx.payload.imports import imports_of
from fcx.payload.installed import here
from fcx.payload.needs import (
    RequirementsCache,
    archive,
    archive_name,
    needed,
    needs_extraction,
    shippable,
)


def dump(fn, *args, protocol=None):
    """Pickle a call as the executor does."""
    return dill.dumps((fn, args, {}), recurse=True, protocol=protocol)


def by_value(source: str, name: str = "f"):
    """A function of ``__main__``: defined in a script, so that it is pickled by value."""
    space = {"__name__": "__main__"}
    exec(compile(textwrap.dedent(source), "script.py", "exec"), space)  # noqa: S102
    return space[name]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder on sys.path; ``write`` puts modules into it, which are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(files: dict[str, str], folder: Path = tmp_path) -> Path:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        return folder

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def names_in(data: bytes) -> list[str]:
    """The files of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as content:
        return [name for name in content.namelist() if not name.endswith("/")]


# --- imports in bytecode -------------------------------------------------------------------

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
    raise RuntimeError
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
    if not others:
        pytest.skip("no other interpreter here")
    package = tmp_path / "fcx"
    package.mkdir()
    for name in ("imports.py", "requirements.py"):
        (package / name).write_text((Path(modules_shipping.__file__).parent / name).read_text())
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


# --- what a call needs ---------------------------------------------------------------------


def test_imports_of_helpers_and_nested_functions():
    """Code that travels by value: the function, its helpers, nested functions, methods."""
    fn = by_value(
        """
        def helper():
            import in_helper
        class Tool:
            def work(self):
                import in_method
        def f():
            helper()
            Tool()
            def g():
                import in_nested
            return [(lambda: __import__("dynamic")), g]
        """
    )
    found = needed(fn, dump(fn))
    assert {one.module for one in found.imports} == {"in_helper", "in_method", "in_nested"}


@pytest.mark.parametrize("protocol", range(6))
def test_references_under_every_protocol(protocol):
    """Modules that unpickling imports, however the protocol spells a global."""
    from fractions import Fraction

    call = pickle.dumps((len, Fraction(1, 2), {json.JSONDecoder}), protocol)
    assert {"fractions", "json.decoder"} <= needed(len, call).references


def test_modules_as_globals():
    """A module that a function of ``__main__`` names is a reference."""
    fn = by_value("import numpy as np, json\ndef f(x):\n    return np.sin(x), json")
    found = needed(fn, dump(fn))
    assert {"numpy", "json"} <= found.references
    assert "__main__" not in found.references
    assert found.installed["numpy"] == {"numpy": importlib.metadata.version("numpy")}


def test_modules_travel_by_name(project, monkeypatch):
    """The user's own module that a function names: neither its contents nor what they refer to."""
    from fcx.protocol import pickling

    project({"own.py": "import numpy\nGEN = (i for i in range(3))\ndef g():\n    import wave\n"})
    fn = by_value("import own\ndef f():\n    return own.g()")
    call = pickling.dumps((fn, (), {}))
    assert needed(fn, call).references == {"own"}


def test_submodules_that_code_names(project, tmp_path):
    """`import a.b` binds a; the far side imports a.b as well, whichever helper names it."""
    from fcx.protocol import pickling

    fn = by_value(
        """
        import xml, xml.etree.ElementTree, xml.dom.minidom
        def helper():
            return xml.dom.minidom.__name__
        def f():
            return xml.etree.ElementTree.__name__, helper()
        """
    )
    (tmp_path / "call").write_bytes(pickling.dumps((fn, (), {})))
    folder = Path(pickling.__file__).parent
    shutil.copy(folder / "pickling.py", tmp_path / "_fcx_pickling.py")
    shutil.copytree(Path(dill.__file__).parent, tmp_path / "dill")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import _fcx_pickling; "
        "fn, args, kwargs = _fcx_pickling.loads(open(sys.argv[1], 'rb').read()); print(fn())"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(tmp_path / "call")]  # without fcx
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "('xml.etree.ElementTree', 'xml.dom.minidom')\n", done.stderr


def test_memoised_names():
    """A module's name that the pickle has already used for something else."""
    import fractions

    call = pickle.dumps((("fractions", "Fraction"), fractions.Fraction), 5)
    assert "fractions" in needed(len, call).references


class Odd:
    """A callable whose attributes answer with an error."""

    def __call__(self):  # noqa: D102
        import of_the_instance  # noqa: F401

    def __getattr__(self, name):
        raise ZeroDivisionError(name)


def odd_callables():
    """Callables of every kind."""
    import numpy as np

    def plain():
        import of_the_function  # noqa: F401

    @functools.wraps(plain)
    def wrapper():
        return plain()

    return {
        "builtin": len,
        "method of a builtin": [].append,
        "ufunc": np.sin,
        "partial": functools.partial(plain),
        "partial of partial": functools.partial(functools.partial(plain, 1), 2),
        "wrapped": wrapper,
        "class": Odd,
        "lru_cache": functools.lru_cache(plain),
        "type": int,
        "lambda": lambda: None,
        "instance": object.__new__(Odd),
        "bound method": Path().exists,
        "class method": dict.fromkeys,
        "generator function": (lambda: (yield)),
        "no callable": None,
    }


@pytest.mark.parametrize("name", odd_callables())
@pytest.mark.parametrize(
    "payload", [b"", b"\x80\x05.", b"\x80\x05cos\nsystem\n(X\x02\x00\x00\x00lsR."]
)
def test_never_raises(name, payload):
    """Odd callables and damaged pickles get an answer."""
    fn = odd_callables()[name]
    found = needed(fn, payload)
    if name in {"partial", "partial of partial", "wrapped", "lru_cache"} and not payload:
        assert "of_the_function" in {one.module for one in found.imports}
    if name in {"class", "instance"} and not payload:
        assert "of_the_instance" in {one.module for one in found.imports}


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(payload):
    """No payload makes it raise."""
    needed(len, payload)


def test_nothing_of_the_pickle_runs(tmp_path):
    """Looking at a pickle calls nothing that it names."""
    target = tmp_path / "touched"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(target),)

    call = pickle.dumps((len, (Trap(),), {}))
    assert "posix" in needed(len, call).references
    assert not target.exists()


def test_functions_of_the_users_own_modules(project):
    """A function by reference is looked at where it lives, with the helpers that it reaches."""
    project(
        {
            "own/__init__.py": "",
            "own/a.py": """
                from . import b
                def f():
                    import wanted_by_f
                    return b.g()
                def unrelated():
                    import wanted_by_nobody
                """,
            "own/b.py": "def g():\n    import wanted_by_g\n",
        }
    )
    own = importlib.import_module("own.a")
    found = needed(own.f, dump(own.f))
    assert found.references == {"own.a"}
    assert {one.module for one in found.imports} == {"wanted_by_f", "wanted_by_g"}


# --- what is shipped -----------------------------------------------------------------------


def test_follows_imports_of_own_modules(project):
    """Absolute and relative imports of the user's modules are followed, others are not."""
    project(
        {
            "pkg/__init__.py": "",
            "pkg/a.py": "from .sub import b\nimport json\nimport numpy\n",
            "pkg/sub/__init__.py": "",
            "pkg/sub/b.py": "def f():\n    import single\n",
            "single.py": "import os\ntry:\n    import other\nexcept ImportError:\n    pass\n",
            "other.py": "",
            "unrelated.py": "",
        }
    )
    shipped = shippable(["pkg.a", "numpy", "json", "absent", "__main__"])
    assert [one.name for one in shipped] == ["other", "pkg", "single"]
    assert {one.top for each in shipped for one in each.imports if not one.pardon} >= {
        "json", "numpy", "os",
    }  # fmt: skip


def test_what_is_installed_is_not_shipped(project):
    """Neither the standard library nor site-packages."""
    folder = project({})
    site = folder / "lib" / "site-packages"
    project({"installed_one.py": ""}, site)
    sys.path.insert(0, str(site))
    try:
        assert shippable(["installed_one", "json", "numpy", "_ctypes", "sys", "fractions"]) == ()
    finally:
        sys.path.remove(str(site))


def test_files_of_a_package(project):
    """Sources and data, without caches, hidden folders and virtual environments."""
    project(
        {
            "pkg/__init__.py": "",
            "pkg/table.csv": "1,2",
            "pkg/__pycache__/x.cpython-311.pyc": "",
            "pkg/.git/config": "",
            "pkg/.hidden": "",
            "pkg/env/pyvenv.cfg": "",
            "pkg/env/lib/x.py": "",
            "pkg/sub/b.py": "",
        }
    )
    shipped = shippable(["pkg"])
    assert names_in(archive(shipped)) == ["pkg/__init__.py", "pkg/sub/b.py", "pkg/table.csv"]
    assert needs_extraction(shipped)


def test_namespace_package_of_two_places(project, tmp_path_factory, monkeypatch):
    """Portions of a namespace join; its data are left, for such a folder may hold anything."""
    other = tmp_path_factory.mktemp("other")
    project({"space/one/__init__.py": "", "space/huge.bin": "x"})
    project({"space/two/__init__.py": ""}, other)
    monkeypatch.syspath_prepend(str(other))
    importlib.invalidate_caches()
    shipped = shippable(["space.one"])
    assert names_in(archive(shipped)) == ["space/one/__init__.py", "space/two/__init__.py"]
    assert not needs_extraction(shipped)


def test_module_in_a_zip(project, tmp_path):
    """A module imported from a zip is taken out of it."""
    inner = tmp_path / "lib.zip"
    with zipfile.ZipFile(inner, "w") as target:
        target.writestr("zipped/__init__.py", "import zipped_too\n")
        target.writestr("zipped/a.py", "")
        target.writestr("zipped_too.py", "")
        target.writestr("stranger.py", "")
    sys.path.insert(0, str(inner))
    try:
        shipped = shippable(["zipped.a"])
        files = names_in(archive(shipped))
    finally:
        sys.path.remove(str(inner))
    assert files == ["zipped/__init__.py", "zipped/a.py", "zipped_too.py"]


def test_editable_install_by_a_finder(project, tmp_path_factory):
    """A module that only an import hook finds, as editable installs have them."""
    source = tmp_path_factory.mktemp("src")
    project({"hooked/__init__.py": "", "hooked/a.py": ""}, source)

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "hooked":
                place = source / "hooked" / "__init__.py"
                return importlib.util.spec_from_file_location(name, place)
            return None

    sys.meta_path.append(Finder)
    try:
        assert names_in(archive(shippable(["hooked.a"]))) == ["hooked/__init__.py", "hooked/a.py"]
    finally:
        sys.meta_path.remove(Finder)


def test_extension_module(project):
    """A compiled module of the user's own travels, and must be unpacked."""
    from importlib.machinery import EXTENSION_SUFFIXES

    project({f"fast{EXTENSION_SUFFIXES[0]}": "no machine code"})
    shipped = shippable(["fast"])
    assert names_in(archive(shipped)) == [f"fast{EXTENSION_SUFFIXES[0]}"]
    assert needs_extraction(shipped)


def test_module_that_does_not_compile(project):
    """A source with a syntax error is shipped all the same: importing it says what is wrong."""
    project({"broken.py": "def f(:\n"})
    assert [one.name for one in shippable(["broken"])] == ["broken"]


def test_include(project, tmp_path, tmp_path_factory, monkeypatch):
    """Names, dotted names, module objects, files, folders; installed ones as well."""
    aside = tmp_path_factory.mktemp("aside")
    project({"pkg/__init__.py": "", "pkg/sub.py": "", "single.py": "import pkg"})
    project({"tool.py": "", "folder/a.py": "", "conf.yaml": "x: 1", "onpath/x.py": ""}, aside)
    single = importlib.import_module("single")
    monkeypatch.syspath_prepend(str(aside / "onpath"))

    def files(*include):
        return names_in(archive(shippable([], include)))

    assert files("pkg.sub") == ["pkg/__init__.py", "pkg/sub.py"]
    assert files(single) == ["pkg/__init__.py", "pkg/sub.py", "single.py"]
    assert files(aside / "tool.py") == ["tool.py"]
    assert files(str(aside / "folder")) == ["folder/a.py"]
    assert files(aside / "onpath") == ["x.py"]
    assert files(aside / "conf.yaml") == ["conf.yaml"]
    assert "typer/__init__.py" in files("typer")
    monkeypatch.chdir(aside)
    assert files("folder") == ["folder/a.py"]
    with pytest.raises(UsageError, match="nowhere.*neither a module"):
        files("nowhere")


def test_too_large(project, monkeypatch):
    """The limits name what is largest and what to do."""
    project({"pkg/__init__.py": "", "pkg/data.bin": "x" * 5000})
    monkeypatch.setattr(modules_shipping, "MAX_BYTES", 4000)
    with pytest.raises(PayloadError, match=r"(?s)pkg.*data\.bin.*install the package in the image"):
        shippable(["pkg"])


# --- the archive ---------------------------------------------------------------------------


def test_archive_is_deterministic(project, tmp_path):
    """Times, order and place of the files do not matter; contents do."""
    folder = project({"pkg/__init__.py": "", "pkg/b.py": "1", "pkg/a.py": "2"})
    first = archive(shippable(["pkg"]))
    os.utime(folder / "pkg" / "a.py", (1, 1))
    assert archive(shippable(["pkg"])) == first
    (folder / "pkg" / "a.py").write_text("3")
    changed = archive(shippable(["pkg"]))
    assert changed != first
    assert archive_name(changed) != archive_name(first)
    assert archive_name(first).endswith(".zip")
    assert archive([]) == b""


def test_archive_works_elsewhere(project, tmp_path):
    """Another process imports packages, namespaces and modules out of the zip itself."""
    project(
        {
            "pkg/__init__.py": "",
            "pkg/a.py": "from .b import g\nimport space.deep.mod\ndef f(): return g()",
            "pkg/b.py": "import single\ndef g(): return single.X + 1",
            "single.py": "X = 41",
            "space/deep/mod.py": "",
        }
    )
    shipped = shippable(["pkg.a"])
    assert not needs_extraction(shipped)
    carried = tmp_path / "carried.zip"
    carried.write_bytes(archive(shipped))
    script = "import sys; sys.path.insert(0, sys.argv[1]); import pkg.a; print(pkg.a.f())"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(carried)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("42\n", "")


# --- the cache -----------------------------------------------------------------------------


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):  # noqa: D102
        return self.now


def test_cache_gives_the_same_object():
    """Calls of one kind share their needs, whatever the arguments."""
    fn = by_value("def f(x):\n    import json\n    return x")
    cache = RequirementsCache()
    assert cache.needs(fn, dump(fn, 1)) is cache.needs(fn, dump(fn, 2))
    assert cache.needs(fn, dump(fn, 1)).archive == b""


def test_cache_sees_edits(project):
    """A module that was edited since is sent anew; one that was not is not even read."""
    folder = project({"own.py": "def f(): return 1\n"})
    own = importlib.import_module("own")
    clock = Clock()
    cache = RequirementsCache(clock=clock)
    first = cache.needs(own.f, dump(own.f))
    assert names_in(first.archive) == ["own.py"]
    clock.now = 10.0
    assert cache.needs(own.f, dump(own.f)) is first
    (folder / "own.py").write_text("def f(): return 2000\n")
    clock.now = 20.0
    second = cache.needs(own.f, dump(own.f))
    assert second.archive_name != first.archive_name
    assert first.shipped == second.shipped


def test_requirements_beyond_what_is_shipped(project):
    """What travels need not be there; what it imports on top must be."""
    project(
        {
            "own.py": """
                import numpy
                import json
                def f():
                    import scipy
                def g():
                    import wave
                """
        }
    )
    own = importlib.import_module("own")
    needs = RequirementsCache().needs(own.f, dump(own.f))
    assert needs.requirements.references == frozenset()
    tops = [one.top for one in needs.requirements.imports]
    assert tops == ["scipy", "numpy", "json"]
    assert set(needs.requirements.installed) == {"scipy", "numpy", "json"}


def test_include_travels_with_every_call(project):
    """What a user includes is shipped although the call does not mention it."""
    project({"extra.py": ""})
    cache = RequirementsCache(include=["extra"])
    assert names_in(cache.needs(len, dump(len)).archive) == ["extra.py"]


def test_cost_of_a_submit():
    """The cached look at a small call is far below what pickling it costs."""
    fn = by_value("def f(x):\n    return x * x")
    cache = RequirementsCache()
    calls = [dump(fn, number) for number in range(300)]
    cache.needs(fn, calls[0])

    def seconds(work):
        start = time.perf_counter()
        for number, call in enumerate(calls):
            work(number, call)
        return time.perf_counter() - start

    looking = min(seconds(lambda _, call: cache.needs(fn, call)) for _ in range(3))
    pickling = min(seconds(lambda number, _: dump(fn, number)) for _ in range(3))
    assert looking < pickling / 2


# --- what is here --------------------------------------------------------------------------


def test_here():
    """Distributions go by other names than their modules; absent modules are left out."""
    found = here(["dateutil", "yaml", "sklearn", "json", "absent_one", "winreg", "_pytest"])
    assert set(found) == {"dateutil", "yaml", "sklearn", "json", "_pytest"}
    assert list(found["yaml"]) == ["pyyaml"]
    assert found["json"] == {}
    assert found["_pytest"] == {"pytest": pytest.__version__}


def test_here_of_a_module_without_metadata(project):
    """A loose module is there, and nobody knows its version."""
    project({"loose.py": ""})
    assert here(["loose"]) == {"loose": {}}


def test_module_made_at_run_time():
    """A module that exists in memory only is neither shipped nor does it disturb."""
    sys.modules["made_here"] = ModuleType("made_here")
    try:
        assert shippable(["made_here"]) == ()
        assert here(["made_here"]) == {"made_here": {}}
    finally:
        del sys.modules["made_here"]

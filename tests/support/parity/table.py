"""The table of parity: pairs of environments that must pass, and pairs that must be refused."""

from __future__ import annotations

from collections.abc import Iterator

from cluster import bases

from . import changes as do
from .cases import Case
from .changes import env, has, module
from .environments import OWN, PYPY, interpreter
from .tasks import (
    BY_REFERENCE,
    FOR_TYPES,
    GUARDED,
    IN_BODY,
    NOTHING,
    OWN_PACKAGE,
    WORK,
    body,
)  # fmt: skip
from .wheels import DILL

T = {version: has(f"tiny=={version}") for version in ("1.2", "1.2.0", "1.2.9", "1.3.0", "2.0.0")}
T120, T129, T130 = T["1.2.0"], T["1.2.9"], T["1.3.0"]
MINORS = ("3.10", "3.11", "3.12", "3.13", "3.14")
SUB = body("from tiny import sub as s")
SPACED = body("from spaced.deep import b")
BOTH = has("spaced-a==1.2.0", "spaced-b==1.2.0")
BY_NAME = body("import importlib", "importlib.import_module('tiny')")


def pythons() -> dict[str, str]:
    """The newest patch of each minor version that is here; the tests' own of its own."""
    found = {minor: bases.newest(minor) for minor in MINORS}
    return {**{m: v for m, v in found.items() if v}, OWN.rpartition(".")[0]: OWN}


def between_pythons() -> Iterator[Case]:
    """Each minor version with itself, and with its neighbours."""
    here = pythons()
    for minor, version in here.items():
        both = (version, version)
        yield Case(
            f"Python {minor} and itself", "hazard 11", IN_BODY, (T120,), (T120,), pythons=both
        )
    ordered = list(here.items())
    for (one, first), (other, second) in zip(ordered, ordered[1:], strict=False):
        for mine, remote, pair in ((one, other, (first, second)), (other, one, (second, first))):
            name = f"Python {mine} here, {remote} remotely"
            yield Case(name, "hazard 11", NOTHING, code="python-minor", pythons=pair)
    if interpreter("system").name == interpreter(OWN).name and "/usr/bin" not in str(
        interpreter(OWN)
    ):
        pair = (OWN, "system")
        yield Case(
            "another patch of Python",
            "hazard 12",
            IN_BODY,
            (T120,),
            (T120,),
            noted="python-micro",
            pythons=pair,
        )
    if PYPY.exists():
        yield Case("PyPy", "fault 14", NOTHING, code="error", pythons=(OWN, "pypy"))
    old = bases.newest("3.7")
    if old:
        yield Case("Python 3.7", "fault 14", NOTHING, code="error", pythons=(OWN, old))


def of_numpy() -> Iterator[Case]:
    """Arrays in pickles, whose modules numpy 2 has renamed; for Pythons that both are made for."""
    if OWN.rpartition(".")[0] not in ("3.10", "3.11", "3.12"):
        return
    array = "import numpy\nA = numpy.arange(4)\ndef f():\n    return A.sum()\n"
    old, new = do.real("numpy==1.26.4"), do.real("numpy==2.2.6")
    yield Case("numpy 2 on both sides", "numpy", array, (new,), (new,))
    yield Case("numpy 2 here, 1 remotely", "numpy", array, (new,), (old,), "reference-version")
    yield Case("numpy 1 here, 2 remotely", "numpy", array, (old,), (new,), "reference-version")


VERSIONS = [
    Case("in a body, another patch", "fault 3", IN_BODY, (T120,), (T129,)),
    Case("in a body, another release", "fault 3", IN_BODY, (T120,), (T130,), "import-version"),
    Case("of a part, another patch", "fault 3", SUB, (T120,), (T129,)),
    Case("of a part, another release", "fault 3", SUB, (T120,), (T130,), "import-version"),
    Case("by reference, another patch", "hazard 14", BY_REFERENCE, (T120,), (T129,)),
    Case("by reference, another release", "hazard 14", BY_REFERENCE, (T120,), (T130,), "reference-version"),
    Case("by its name as text, the same", "fault 3", BY_NAME, (T120,), (T120,)),
    Case("by its name as text, another release", "fault 3", BY_NAME, (T120,), (T130,), "import-version"),
    Case("by its name as text, absent", "fault 3", BY_NAME, (T120,), (), "import-missing"),
    Case("by a name for import_module", "fault 3", body("from importlib import import_module as load", "load('tiny')"), (T120,), (T130,), "import-version"),
    Case("a trailing zero", "version", IN_BODY, (T["1.2"],), (T120,)),
    Case("a local version", "version", IN_BODY, (T120,), (has("tiny==1.2.0+cu121"),)),
    Case("a local version of another release", "version", IN_BODY, (has("tiny==1.3.0+cu121"),), (T120,), "import-version"),
    Case("a pre-release", "version", IN_BODY, (T120,), (has("tiny==1.2.0rc1"),)),
    Case("a pre-release of another release", "version", IN_BODY, (T120,), (has("tiny==1.3.0rc1"),), "import-version"),
    Case("a post-release", "version", IN_BODY, (T120,), (has("tiny==1.2.0.post1"),)),
    Case("a development release", "version", IN_BODY, (T120,), (has("tiny==1.2.0.dev1"),)),
    Case("another epoch", "version", IN_BODY, (T120,), (has("tiny==1!1.2.0"),), "import-version"),
    Case("another major version", "version", BY_REFERENCE, (has("tiny==2.0.0"),), (T120,), "reference-version"),
    Case("a calendar's version", "version", IN_BODY, (T120,), (has("tiny==2026.11"),), "import-version"),
    Case("a name of many spellings", "name", body("import foobar"), (has("Foo.Bar_baz==1.2.0"),), (has("Foo.Bar_baz==1.2.9"),)),
    Case("a name of many spellings, another release", "name", body("import foobar"), (has("Foo.Bar_baz==1.2.0"),), (has("Foo.Bar_baz==1.3.0"),), "import-version"),
    Case("a name of many spellings, absent", "name", body("import foobar"), (has("Foo.Bar_baz==1.2.0"),), (), "import-missing"),
    Case("a rule that allows it", "rule", IN_BODY, (T120,), (T130,), parity={"packages": {"Tiny": ">=1.2,<2"}}),
    Case("a rule that forbids it", "rule", IN_BODY, (T120,), (T120,), "package-rule", parity={"packages": {"tiny": ">=1.3"}}),
    Case("taken for granted", "rule", IN_BODY, (T120,), (), parity={"assume": ["tiny"]}, runs=False),
    Case("unused, another release", "hazard 14", NOTHING, (T120,), (T130,), noted="package-version"),
    Case("unused, absent", "hazard 14", NOTHING, (T120,), (), noted="package-missing"),
    Case("unknown to the client", "hazard 14", NOTHING, (), (T120,), noted="package-extra"),
    Case("stubs of another release", "stubs", IN_BODY, (T120, has("types-tiny==1.2.0")), (T120, has("types-tiny==1.3.0"))),
    Case("stubs without the package", "stubs", IN_BODY, (T120, has("types-tiny==1.2.0")), (has("types-tiny==1.2.0"),), "import-missing"),
]  # fmt: skip

IMPORTS = [
    Case("in a body, absent", "fault 3", IN_BODY, (T120,), (), "import-missing"),
    Case("by reference, absent", "hazard 14", BY_REFERENCE, (T120,), (), "reference-missing"),
    Case("guarded, absent", "fault 3", GUARDED, (T120,), ()),
    Case("guarded, another release", "fault 3", GUARDED, (T120,), (T130,), "import-version"),
    Case("guarded, on neither side", "import", body("try:", "    import cupy", "except ImportError:", "    cupy = None")),
    Case("guarded, remotely only", "import", GUARDED, (), (T120,)),
    Case("an instead that is the same", "import", body("try:", "    import cupy", "except ImportError:", "    import tiny"), (T120,), (T129,)),
    Case("an instead of another release", "import", body("try:", "    import cupy", "except ImportError:", "    import tiny"), (T120,), (T130,), "import-version"),
    Case("looked for first", "import", body("from importlib.util import find_spec", "if find_spec('tiny'):", "    import tiny"), (T120,), ()),
    Case("guarded by suppress, absent", "import", body("import contextlib", "with contextlib.suppress(ImportError):", "    import tiny"), (T120,), ()),
    Case("for another release of Python", "import", body("import sys", "if sys.version_info < (3, 8):", "    import tiny"), (T120,), ()),
    Case("for type checkers", "import", FOR_TYPES, (T120,), (T130,)),
    Case("of another system", "import", body("import sys", "if sys.platform == 'win32':", "    import winreg")),
    Case("in a nested function", "import", body("def g():", "    import tiny", "return g()"), (T120,), (T130,), "import-version"),
    Case("in a method", "import", body("class C:", "    def m(self):", "        import tiny", "return C().m()"), (T120,), (), "import-missing"),
    Case("in a lambda's default", "import", "import tiny.sub\nf = lambda x=tiny.sub.VERSION: x\n", (T120,), ()),
    Case("of a helper beside it", "import", "def g():\n    import tiny\ndef f():\n    return g()\n", (T120,), (T130,), "import-version"),
    Case("of one's own package", "own modules", OWN_PACKAGE, (module("mine/__init__.py"), module("mine/work.py", WORK), module("mine/helper.py", "def h():\n    return 1\n"))),
    Case("of one's own package, and the same", "own modules", OWN_PACKAGE, (T120, module("mine/__init__.py"), module("mine/work.py", WORK), module("mine/helper.py", "import tiny\ndef h():\n    return 1\n")), (T129,)),
    Case("of one's own package, another release", "own modules", OWN_PACKAGE, (T120, module("mine/__init__.py"), module("mine/work.py", WORK), module("mine/helper.py", "import tiny\ndef h():\n    return 1\n")), (T130,), "import-version"),
    Case("of one's own package, absent", "own modules", OWN_PACKAGE, (T120, module("mine/__init__.py"), module("mine/work.py", WORK), module("mine/helper.py", "def h():\n    import tiny\n")), (), "import-missing"),
    Case("one's own module in a body", "own modules", body("import mine", "return mine.VALUE"), (module("mine.py", "VALUE = 1\n"),)),
    Case("one's own module, an older one remotely", "own modules", body("import mine", "return 1 / mine.VALUE"), (module("mine.py", "VALUE = 1\n"),), (do.file("{site}/mine.py", "VALUE = 0\n"),)),
    Case("one's own namespace package", "own modules", body("from mine.deep import work", "return work.VALUE"), (module("mine/deep/work.py", "VALUE = 1\n"),)),
    Case("a star", "own modules", body("import mine"), (T120, module("mine.py", "from tiny import *\n")), (T130,), "import-version"),
    Case("half of a namespace", "fault 5", SPACED, (BOTH,), (has("spaced-a==1.2.0"),), "import-missing"),
    Case("the half of a namespace that is used", "fault 5", body("import spaced.a"), (BOTH,), (has("spaced-a==1.2.0"),)),
    Case("a half of another release", "fault 5", SPACED, (BOTH,), (has("spaced-a==1.2.0", "spaced-b==1.3.0"),), "import-version"),
    Case("the other half of another release", "fault 5", SPACED, (BOTH,), (has("spaced-a==1.3.0", "spaced-b==1.2.0"),)),
    Case("a plugin in a package", "fault 5", body("import whole.plugins.p"), (has("whole==1.2.0", "whole-plugin==1.2.0"),), (has("whole==1.2.0"),), "import-missing"),
    Case("a package without its plugin", "fault 5", body("import whole"), (has("whole==1.2.0", "whole-plugin==1.2.0"),), (has("whole==1.2.0"),)),
]  # fmt: skip

METADATA = [
    Case("metadata alone", "fault 5", IN_BODY, (T120,), (T120, do.without("tiny/*")), "import-missing"),
    Case("metadata alone, by reference", "fault 5", BY_REFERENCE, (T120,), (T120, do.without("tiny/*")), "reference-missing"),
    Case("half removed", "fault 5", IN_BODY, (T120,), (T120, do.half_removed), "import-missing"),
    Case("compiled for another Python", "fault 5", IN_BODY, (T120,), (T120, do.compiled_for_another), "import-missing"),
    Case("a sibling", "fault 6", body("import cvx"), (has("cvx==1.2.0"),), (has("cvx-headless==1.2.0"),)),
    Case("a sibling, by reference", "fault 6", "import cvx\ndef f():\n    return cvx.VERSION\n", (has("cvx-headless==1.2.0"),), (has("cvx==1.2.9"),)),
    Case("a sibling of another release", "fault 6", body("import cvx"), (has("cvx==1.2.0"),), (has("cvx-headless==1.3.0"),), "import-version"),
    Case("no list of files", "fault 6", body("import dashed_name"), (has("dashed-name==1.2.0"), do.without("*/RECORD")), (has("dashed-name==1.2.0"), do.without("*/RECORD"))),
    Case("by conda", "fault 6", IN_BODY, (T120,), (T120, do.by_conda)),
    Case("by conda, another release", "fault 6", IN_BODY, (T120,), (T130, do.by_conda), "import-version"),
    Case("a leftover remotely", "fault 6", IN_BODY, (T120,), (T120, do.leftover("1.1.0"))),
    Case("a leftover here", "fault 6", BY_REFERENCE, (T130, do.leftover("1.1.0")), (T130,)),
    Case("a leftover that says what is wanted", "fault 6", IN_BODY, (T120,), (T130, do.leftover("1.2.0")), "import-version"),
    Case("an .egg-info folder", "metadata", IN_BODY, (T120,), (T129, do.as_eggs)),
    Case("an .egg-info folder of another release", "metadata", IN_BODY, (T120,), (T130, do.as_eggs), "import-version"),
    Case("an .egg-info file", "metadata", IN_BODY, (T120,), (T129, do.as_egg_file)),
    Case("an .egg-info file of another release", "metadata", IN_BODY, (T130,), (T120, do.as_egg_file), "import-version"),
    Case("an egg", "metadata", IN_BODY, (T120,), (T120, do.as_egg(zipped=False))),
    Case("an egg of another release", "metadata", IN_BODY, (T120,), (T130, do.as_egg(zipped=False)), "import-version"),
    Case("a zipped egg", "metadata", IN_BODY, (T120,), (T120, do.as_egg(zipped=True))),
    Case("a zipped egg of another release", "metadata", IN_BODY, (T120,), (T130, do.as_egg(zipped=True)), "import-version"),
    Case("a wheel on the path", "metadata", IN_BODY, (T120,), (do.zip_on_path("tiny==1.2.9"),)),
    Case("a wheel of another release on the path", "metadata", IN_BODY, (T120,), (do.zip_on_path("tiny==1.3.0"),), "import-version"),
    Case("from a URL that no index has", "private index", IN_BODY, (T120,), (do.private,), "import-version"),
    Case("from a URL that no index has, absent", "private index", IN_BODY, (do.private,), (), "import-missing"),
    Case("from a URL that no index has, on both sides", "private index", IN_BODY, (do.private,), (do.private,)),
    Case("metadata before it whose files are gone", "fault 6", IN_BODY, (T120,), (T120, env(PYTHONPATH="{home}/more"), do.elsewhere("more", "tiny==1.3.0"), do.gone("more/tiny"))),
    Case("metadata before it that say what is wanted", "fault 6", IN_BODY, (T120,), (T130, env(PYTHONPATH="{home}/more"), do.elsewhere("more", "tiny==1.2.0"), do.gone("more/tiny")), "import-version"),
    Case("an .egg-info folder before it", "metadata", IN_BODY, (T120,), (T120, env(PYTHONPATH="{home}/more"), do.elsewhere("more", "tiny==1.3.0"), do.eggs_in("more")), "import-version"),
    Case("installed as it stands, and gone", "fault 5", IN_BODY, (T120,), (T120, do.in_place(), do.gone("my project")), "import-missing"),
    Case("installed by a finder, and gone", "fault 5", IN_BODY, (T120,), (T120, do.by_a_finder, do.gone("my project")), "import-missing"),
    Case("by conda here, another release", "fault 6", IN_BODY, (T120, do.by_conda), (T130,), "import-version"),
    Case("an .egg-info folder here, another release", "metadata", IN_BODY, (T120, do.as_eggs), (T130,), "import-version"),
    Case("an .egg-info file here, another release", "metadata", BY_REFERENCE, (T120, do.as_egg_file), (T130,), "reference-version"),
    Case("a zipped egg here, another release", "metadata", IN_BODY, (T120, do.as_egg(zipped=True)), (T130,), "import-version"),
    Case("a zipped egg here", "metadata", IN_BODY, (T120, do.as_egg(zipped=True)), (T129,)),
    Case("a name of many spellings without a list of files", "name", body("import foobar"), (has("Foo.Bar_baz==1.2.0"), do.without("*/RECORD")), (has("Foo.Bar_baz==1.2.0"), do.without("*/RECORD")), noted="import-unknown"),
    Case("links into a store", "metadata", IN_BODY, (T120,), (T120, do.linked)),
    Case("installed as it stands", "fault 6", BY_REFERENCE, (T120,), (T120, do.in_place())),
    Case("installed as it stands, another release", "fault 6", BY_REFERENCE, (T120,), (T130, do.in_place()), "reference-version"),
    Case("installed as it stands, src layout", "fault 6", IN_BODY, (T120,), (T120, do.in_place("src"))),
    Case("installed by a finder", "fault 6", IN_BODY, (T120,), (T120, do.by_a_finder)),
    Case("installed by a finder, another release", "fault 6", IN_BODY, (T120,), (T130, do.by_a_finder), "import-version"),
    Case("installed by a finder here", "fault 6", IN_BODY, (T120, do.by_a_finder), (T129,)),
    Case("installed by develop", "fault 6", IN_BODY, (T120,), (T120, do.developed)),
    Case("installed by develop, another release", "fault 6", IN_BODY, (T120,), (T130, do.developed), "import-version"),
    Case("a file of nobody's", "fault 5", body("import loose"), (do.file("{site}/loose.py"),), (), "import-missing"),
    Case("a folder that a .pth file adds", "metadata", IN_BODY, (T120,), (do.pth("more"), do.elsewhere("more", "tiny==1.2.0"))),
    Case("a folder that a .pth file adds, another release", "metadata", IN_BODY, (T120,), (do.pth("more"), do.elsewhere("more", "tiny==1.3.0")), "import-version"),
    Case("an environment of uv", "fault 8", IN_BODY, (T120,), (T120, do.made_by_uv)),
]  # fmt: skip

LIBRARY = [
    *(
        Case(f"Python without {name}", "fault 5", body(f"import {name}"), (), (do.lacking(part),), "import-missing")
        for name, part in (("lzma", "_lzma"), ("sqlite3", "_sqlite3"), ("bz2", "_bz2"), ("readline", "readline"), ("ctypes", "_ctypes"), ("curses", "_curses"))
    ),
    Case("Python without ssl, asked for by a part", "fault 5", body("from http import client"), (), (do.lacking("_ssl"),)),
    Case("Python with all of its parts", "fault 5", body("import lzma, sqlite3, bz2"), (), (do.lacking(),)),
    Case("a part that is done without", "fault 5", body("try:", "    import sqlite3", "except ImportError:", "    sqlite3 = None"), (), (do.lacking("_sqlite3"),)),
    Case("another part is missing", "fault 5", body("import bz2"), (), (do.lacking("_lzma"),)),
    Case("a library split up by the system", "fault 5", body("import sqlite3.dbapi2"), (), (do.without_library("sqlite3"),), "import-missing"),
]  # fmt: skip

PLACES = [
    Case("PYTHONPATH, with nothing of use", "hazard 4", IN_BODY, (T120,), (T120, env(PYTHONPATH="{home}/more"), do.file("more/x.py")), noted="pythonpath"),
    Case("PYTHONPATH, another release", "hazard 4", IN_BODY, (T120,), (T120, env(PYTHONPATH="{home}/more"), do.elsewhere("more", "tiny==1.3.0")), "import-version"),
    Case("PYTHONPATH, the same", "hazard 4", IN_BODY, (T120,), (T130, env(PYTHONPATH="{home}/more"), do.elsewhere("more", "tiny==1.2.0")), noted="pythonpath"),
    Case("PYTHONPATH, a folder of nobody's", "hazard 4", IN_BODY, (T120,), (T120, env(PYTHONPATH="{home}/more"), do.elsewhere("more", "tiny==1.3.0", known=False)), "import-shadowed"),
    Case("PYTHONPATH, over the standard library", "hazard 4", body("import statistics", "return statistics.fmean([1])"), (), (env(PYTHONPATH="{home}/more"), do.file("more/statistics.py")), "import-shadowed"),
    Case("PYTHONPATH, over what is not used", "hazard 4", IN_BODY, (T120,), (T120, env(PYTHONPATH="{home}/more"), do.file("more/cvx.py"), has("cvx==1.2.0")), noted="pythonpath"),
    Case("PYTHONPATH, with the folder it starts in", "hazard 5", IN_BODY, (T120,), (T120, env(PYTHONPATH=":{home}/more"), module("tiny.py")), "import-shadowed"),
    Case("PYTHONPATH, spelt with a slash at its end", "hazard 4", IN_BODY, (T120,), (T120, env(PYTHONPATH="{home}/more/"), do.elsewhere("more", "tiny==1.3.0", known=False)), "import-shadowed"),
    Case("PYTHONPATH, a part of a namespace", "hazard 4", body("import spaced.a"), (has("spaced-a==1.2.0"),), (has("spaced-a==1.2.0"), env(PYTHONPATH="{home}/more"), do.elsewhere("more", "spaced-b==1.2.0"))),
    Case("PYTHONPATH here, one's own", "own modules", body("import tiny", "return tiny.VERSION"), (T120, env(PYTHONPATH="{home}/more"), do.elsewhere("more", "tiny==1.3.0", known=False)), (T120,)),
    Case("PYTHONSTARTUP=/nowhere", "hazard 6", IN_BODY, (T120,), (T120, env(PYTHONSTARTUP="/nowhere"))),
    Case("PYTHONPATH, by reference", "hazard 4", BY_REFERENCE, (T120,), (T120, env(PYTHONPATH="{home}/more"), do.elsewhere("more", "tiny==1.3.0", known=False)), "reference-shadowed"),
    Case("the user's site-packages, another patch", "hazard 4", IN_BODY, (T120,), (T120, do.user_site("tiny==1.2.9")), noted="user-site"),
    Case("the user's site-packages, another release", "hazard 4", IN_BODY, (T120,), (T120, do.user_site("tiny==1.3.0")), "import-version"),
    Case("the user's site-packages, a folder of nobody's", "hazard 4", IN_BODY, (T120,), (T120, do.user_site("tiny==1.3.0", known=False)), "import-shadowed"),
    Case("the user's site-packages, switched off", "hazard 4", IN_BODY, (T120,), (T120, do.user_site("tiny==1.3.0"), env(PYTHONNOUSERSITE="1"))),
    Case("a module in the folder it starts in", "hazard 5", IN_BODY, (T120,), (T120, do.module("tiny.py", "raise ImportError"))),
    *(
        Case(f"{name}={value}", "hazard 6", IN_BODY, (T120,), (T120, env(**{name: value})), noted=noted)
        for name, value, noted in (
            ("PYTHONHASHSEED", "7", ""), ("PYTHONDONTWRITEBYTECODE", "1", ""), ("PYTHONSAFEPATH", "1", ""), ("PYTHONUTF8", "1", ""),
            ("PYTHONOPTIMIZE", "1", "variable"), ("OMP_NUM_THREADS", "1", ""), ("LD_LIBRARY_PATH", "/nowhere", "variable"),
            ("VIRTUAL_ENV", "/elsewhere", "variable"), ("CONDA_PREFIX", "/elsewhere", "variable"), ("TZ", "Asia/Tokyo", "timezone"),
            ("LC_ALL", "C", ""), ("HOME", "unset", "no-home"), ("PATH", "/usr/bin:/bin", "other-python"),
        )
    ),
    Case("dill, another one", "hazard 13", NOTHING, (), (do.dill(DILL),), "dill"),
    Case("dill, another one here", "hazard 13", NOTHING, (do.dill(DILL),), (), "dill"),
    Case("dill, none", "hazard 13", NOTHING, (), (do.dill(""),), "dill-missing"),
    Case("dill, another one in PYTHONPATH", "hazard 13", NOTHING, (), (env(PYTHONPATH="{home}/more"), do.elsewhere("more", f"dill=={DILL}")), "dill"),
    Case("dill, another one that is allowed", "hazard 13", NOTHING, (), (do.dill(DILL),), parity={"packages": {"dill": ">=0.3.8"}}),
    Case("a sitecustomize that prints", "fault 14", IN_BODY, (T120,), (T120, do.file("{site}/sitecustomize.py", "print('hello')\n"))),
]  # fmt: skip

IMAGES = [
    Case("the image", "fault 4", IN_BODY, (T120,), image="tiny"),
    Case("the image, strict, from inside", "fault 4", IN_BODY, (), policy="strict", image="tiny", inside=True),
    Case("other times, modes, byte code", "decision 17", IN_BODY, (T120,), (do.touched,), image="tiny"),
    Case("other times, modes, byte code, strict", "decision 17", IN_BODY, (), (do.touched,), policy="strict", image="tiny", inside=True),
    Case("an image that asks for a GPU", "hazard 17", NOTHING, noted="no-gpu-driver", image="gpu"),
    Case("the image's own PYTHONPATH", "fault 7", body("import extra"), (do.file("{site}/extra.py"),), image="own path"),
    Case("the image's own PYTHONPATH, taken away", "fault 7", NOTHING, (), (env(PYTHONPATH="unset"),), "image-changed", image="own path"),
    Case("the image's own PYTHONPATH, replaced", "fault 7", NOTHING, (), (env(PYTHONPATH="/opt/env/project"),), "image-changed", image="own path"),
    Case("a changed module", "fault 4", IN_BODY, (T120,), (do.added("tiny/__init__.py", "#"),), "image-changed", image="tiny"),
    Case("a changed module of the same length, strict", "fault 4", IN_BODY, (), (do.file("{site}/tiny/__init__.py", "VERSION = '9.9.9'\n"),), "image-changed", policy="strict", image="tiny", inside=True),
    Case("an added module", "fault 4", IN_BODY, (T120,), (do.file("{site}/added.py"),), "image-changed", image="tiny"),
    Case("an added .pth file", "fault 4", IN_BODY, (T120,), (do.file("{site}/added.pth"),), "image-changed", image="tiny"),
    Case("a removed module", "fault 4", NOTHING, (), (do.without("tiny/sub.py"),), "image-changed", image="tiny"),
    Case("a removed distribution", "fault 4", NOTHING, (), (do.uninstalled("tiny"),), "image-changed", image="tiny"),
    Case("another release installed into it", "fault 4", NOTHING, (), (do.uninstalled("tiny"), T130), "image-changed", image="tiny"),
    Case("a data file that is no module", "decision 17", IN_BODY, (T120,), (do.file("{site}/tiny/notes.txt", "x"),), image="tiny"),
    Case("another build", "hazard 8", NOTHING, (), (do.record(build_id="d" * 64),), "build-id", image="tiny"),
    Case("no image of fcx", "hazard 8", NOTHING, (), (do.no_record,), "build-id", image="tiny"),
    Case("an edited recipe in its record", "fault 5", NOTHING, (), (do.record(recipe_id="d" * 64),), "image-changed", image="tiny"),
    Case("an edited name in its record", "fault 5", NOTHING, (), (do.record(name="other"),), "image-changed", image="tiny"),
    Case("a mount over a package", "fault 8", NOTHING, (), (do.mounted("{site}/tiny", "__init__.py"),), "image-overlaid", policy="strict", image="tiny", inside=True),
    Case("a mount over a package, under minor", "fault 8", NOTHING, (), (do.mounted("{site}/tiny", "__init__.py"),), noted="image-overlaid", image="tiny"),
    Case("a mount beside it", "fault 8", IN_BODY, (T120,), (do.mounted("/data", "x.py"),), image="tiny"),
    Case("PYTHONOPTIMIZE in the EDF", "fault 8", NOTHING, (), (env(PYTHONOPTIMIZE="1"),), noted="variable", image="tiny"),
    Case("PYTHONPATH in the EDF, strict", "fault 8", NOTHING, (), (env(PYTHONPATH="/opt/env/project"),), "pythonpath", policy="strict", image="tiny", inside=True),
    Case("outside of the image, strict", "hazard 8", NOTHING, (), (), "not-inside-image", policy="strict", image="tiny"),
    Case("in a body, absent in the image", "fault 3", IN_BODY, (T120,), (), "import-missing", image="bare"),
    Case("a manifest of schema 0", "fault 5", NOTHING, code="error", image="bare", manifest={"schema": 0}),
    Case("a manifest of a later schema", "fault 5", NOTHING, code="error", image="bare", manifest={"schema": 99}),
    Case("a manifest whose schema is text", "fault 5", NOTHING, code="error", image="bare", manifest={"schema": "1"}),
    Case("an edited image id", "fault 5", NOTHING, code="error", image="bare", manifest={"image_id": "sha256:" + "e" * 64}),
    Case("an edited build id", "fault 5", NOTHING, code="error", image="bare", manifest={"build_id": "d" * 64}),
    Case("an edited build id, and no seal", "fault 5", NOTHING, code="error", image="bare", manifest={"build_id": "d" * 64, "seal": ...}),
    Case("an older manifest, which has no seal", "fault 5", NOTHING, noted="manifest-unsealed", image="bare", manifest={"schema": 1, "seal": ...}),
    Case("an edited list of distributions", "fault 5", NOTHING, code="error", image="bare", manifest={"distributions": {}}),
    Case("an edited content", "fault 4", NOTHING, code="error", image="bare", manifest={"content": None}),
    Case("an edited architecture", "hazard 7", NOTHING, code="error", image="bare", manifest={"architecture": "arm64"}),
]  # fmt: skip

EDITED = [
    Case("another processor", "hazard 7", NOTHING, (), (), "architecture", image="bare", told={"arch": {"machine": "aarch64", "elf": "aarch64"}}),
    Case("another processor, no image known", "hazard 7", NOTHING, told={"arch": {"machine": "aarch64", "elf": "aarch64"}}),
    Case("an emulated processor", "hazard 7", NOTHING, noted="emulated", told={"arch": {"machine": "aarch64", "elf": "x86_64"}}),
    Case("another order of bytes", "hazard 7", NOTHING, (), (), "architecture", image="bare", told={"arch": {"machine": "s390x", "elf": "s390x"}}),
    Case("without the lock of threads", "free-threaded", NOTHING, noted="python-abi", told={"python": {"abi": "t"}}),
    Case("another C library", "libc", NOTHING, told={"libc": "musl"}),
    Case("an answer of schema 0", "fault 5", NOTHING, code="error", told={"schema": 0}),
]  # fmt: skip

TABLE = [
    *between_pythons(),
    *of_numpy(),
    *VERSIONS,
    *IMPORTS,
    *METADATA,
    *LIBRARY,
    *PLACES,
    *IMAGES,
    *EDITED,
]

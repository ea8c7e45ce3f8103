"""Finds CPython's own tests of concurrent.futures, whatever Python runs here.

Python 3.12 has them as a package, earlier ones as a module; many builds leave them out. So the
places are tried in turn: the interpreter's own, Debian's `libpython3.11-testsuite`, and
interpreters of the same version beside this one. What is not the interpreter's own is copied (the
tests and `test.support`, nothing else) and takes the name `test`: to the executor it is then a
package of the user's, which it has to carry to the workers.
"""

from __future__ import annotations

import atexit
import importlib
import shutil
import sys
import sysconfig
import tempfile
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = "apt-get install libpython3.11-testsuite"
MIXINS = ("ExecutorTest", "WaitTests", "AsCompletedTests", "ExecutorShutdownTest")
NAME = "test_concurrent_futures"
OWN = Path(sysconfig.get_path("stdlib")) / "test"


@dataclass(frozen=True)
class Suite:
    """The mixins by name, with the modules that they stand in; `path`: what makes `test` found."""

    path: str
    mixins: dict[str, type]
    modules: dict[str, types.ModuleType]


def find() -> Suite | None:
    """CPython's suite, None where there is none."""
    for folder in dict.fromkeys(_folders()):
        if any((folder / name).exists() for name in (NAME, f"{NAME}.py")):
            return _load(folder)
    return None


def _folders() -> Iterator[Path]:
    yield OWN
    yield from sorted(Path("/usr/lib").glob("python3.*/test"), reverse=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    beside = Path(sys.base_prefix).parent
    yield from sorted(beside.glob(f"{version}.*/lib/python{version}/test"), reverse=True)


def _load(folder: Path) -> Suite:
    path = "" if folder == OWN else _copy(folder)
    if path:
        sys.path.insert(0, path)
        for name in [name for name in sys.modules if name.partition(".")[0] == "test"]:
            del sys.modules[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another version's tests may use what is deprecated here
        whole = importlib.import_module(f"test.{NAME}")
        parts = [whole]
        if hasattr(whole, "__path__"):
            names = ("executor", "test_wait", "test_as_completed", "test_shutdown")
            parts = [importlib.import_module(f"test.{NAME}.{name}") for name in names]
    found = {name: part for part in parts for name in MIXINS if hasattr(part, name)}
    mixins = {name: getattr(part, name) for name, part in found.items()}
    return Suite(path, mixins, found)


def _copy(folder: Path) -> str:
    scratch = Path(tempfile.mkdtemp(prefix="fcx-suite-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    (scratch / "test").mkdir()
    (scratch / "test" / "__init__.py").touch()
    for name in ("support", NAME):
        if (folder / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(folder / name, scratch / "test" / name, ignore=ignored)
    if (folder / f"{NAME}.py").exists():
        shutil.copy(folder / f"{NAME}.py", scratch / "test")
    return str(scratch)

"""What Python imports in an image, as digests: what counts, and what must not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import interpreters
import pytest

from fcx.jobscript.look import Look
from fcx.protocol import content


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder on the path with a package and its metadata."""
    folder = tmp_path / "site-packages"
    for name, text in {
        "pkg/__init__.py": "a = 1\n",
        "pkg/_c.so": "elf",
        "pkg.libs/libx.so.5.0": "elf",
        "pkg-1.0.dist-info/RECORD": "pkg/__init__.py,sha256=abc,6\n",
        "pkg-1.0.dist-info/METADATA": "Name: pkg\nVersion: 1.0\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    return str(folder)


def told(entry: str) -> tuple[str | None, str | None]:
    """The digest of names and sizes, and that of every byte."""
    found = content.describe([entry], True)
    return found["files"][entry], found["contents"][entry]


@pytest.mark.parametrize(
    ("name", "text", "sizes", "contents"),
    [
        ("pkg/__init__.py", "a = 10\n", True, True),
        ("pkg/__init__.py", "a = 2\n", False, True),
        ("pkg/_c.so", "ELF", False, True),
        ("pkg.libs/libx.so.5.0", "elf!", True, True),
        ("pkg-1.0.dist-info/RECORD", "pkg/__init__.py,sha256=abd,6\n", True, True),
        ("pkg/more.py", "", True, True),
        ("own.pth", "/elsewhere\n", True, True),
        ("pkg/__pycache__/x.py", "", False, False),
        ("pkg/data.txt", "1", False, False),
    ],
)
def test_what_is_imported_counts(entry: str, name: str, text: str, sizes: bool, contents: bool):
    """Names and sizes quickly, each byte where that is asked for; nothing that is not imported."""
    before = told(entry)
    path = Path(entry, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    after = told(entry)
    assert (after[0] != before[0], after[1] != before[1]) == (sizes, contents)


def test_a_module_that_is_gone_counts(entry: str):
    """Its metadata may be there still."""
    before = told(entry)
    Path(entry, "pkg/_c.so").unlink()
    assert told(entry) != before


def test_times_modes_and_byte_code_do_not_count(entry: str):
    """Layers cut times, engines change modes, and the first import writes byte code."""
    before = told(entry)
    for path in Path(entry).rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o755 if path.is_dir() else 0o744)
    subprocess.run([sys.executable, "-m", "compileall", "-q", entry], check=True)
    assert told(entry) == before


def test_the_record_of_an_image_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """To the last byte, however long it is: an id that was edited is another image's."""
    record = tmp_path / "image.json"
    monkeypatch.setattr(content, "IMAGE_RECORD", str(record))
    assert str(record) not in content.own_entries()
    record.write_text('{"build_id": "a"}')
    assert str(record) in content.own_entries()
    before = content.describe([str(record)], False)["files"]
    record.write_text('{"build_id": "b"}')
    assert content.describe([str(record)], False)["files"] != before


def test_a_link_counts_as_what_it_says(entry: str, tmp_path: Path):
    """It is not followed: a circle ends nowhere."""
    Path(entry, "pkg/circle").symlink_to(entry)
    before = told(entry)
    Path(entry, "pkg/linked.py").symlink_to(tmp_path / "one.py")
    linked = told(entry)
    Path(entry, "pkg/linked.py").unlink()
    Path(entry, "pkg/linked.py").symlink_to(tmp_path / "two.py")
    assert len({before, linked, told(entry)}) == 3


def test_an_entry_within_another_counts_once(entry: str, monkeypatch: pytest.MonkeyPatch):
    """As site-packages lie in the folder of the standard library."""
    inner = f"{entry}/pkg"
    monkeypatch.syspath_prepend(inner)
    both = [entry, inner]
    before = content.describe(both, False)["files"]
    Path(inner, "new.py").write_text("")
    after = content.describe(both, False)["files"]
    assert after[entry] == before[entry]
    assert after[inner] != before[inner]


def test_what_is_not_on_the_path_is_not_there(entry: str, monkeypatch: pytest.MonkeyPatch):
    """An EDF that unsets PYTHONPATH takes an entry away, whatever lies there."""
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != entry])
    assert told(entry) == (None, None)
    gone = f"{entry}/gone"
    monkeypatch.syspath_prepend(gone)
    assert told(gone) == (None, None)


@pytest.mark.parametrize("version", [v for v in sorted(interpreters.found()) if v >= (3, 6)])
def test_as_it_travels_it_runs_on_each_python(version: tuple[int, int], tmp_path: Path):
    """Stripped of what only people read, for interpreters that we do not choose."""
    (tmp_path / "m.py").write_text("")
    program = Look((str(tmp_path),), contents=True).program()
    code = (
        "import json, sys; scope = {}; exec(sys.argv[1], scope); print(json.dumps(scope['found']))"
    )
    done = subprocess.run(
        [interpreters.found()[version], "-c", code, program],
        env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(found[kind][str(tmp_path)] for kind in ("files", "contents"))


def test_as_a_program_it_tells_of_its_interpreter():
    """As the build runs it inside an image: without the folder that it lies in."""
    done = subprocess.run([sys.executable, content.__file__], capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert sys.executable in found["files"]
    assert str(Path(content.__file__).parent) not in found["files"]
    assert set(found["files"]) == set(found["contents"])

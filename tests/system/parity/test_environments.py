"""Single tasks between two real environments: what passes, what is refused, and what the fix does.

Each case is a pair of virtual environments, filled by hand, and the source of a task. The remote
one is asked by the probe; a refusal's fix is run as it stands, and the task is judged again.
"""

from __future__ import annotations

import json
import os
import subprocess
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pip
import pytest
from places import REPOSITORY

from fcx.protocol import probe

pytestmark = pytest.mark.slow

JUDGE = """
import json, sys
from fcx.parity.compare import before_queue
from fcx.parity.gate import client_snapshot
from fcx.parity.snapshot import Snapshot
from fcx.payload.dump import dump
from fcx.payload.needs import RequirementsCache

source, remote, include = json.load(sys.stdin)
space = {"__name__": "__main__"}
exec(compile(source, "task.py", "exec"), space)
needs = RequirementsCache(include).needs(space["f"], dump(space["f"], (), {}))
place = Snapshot.from_probe(remote)
sys.stdout.write(before_queue(needs.requirements, place, "minor", caller=client_snapshot()).to_json())
"""


class Place:
    """A virtual environment with pip, at whose Python no setting of the caller's arrives."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        (self.site,) = folder.glob("lib/python3*/site-packages")
        (self.site / "pip").symlink_to(Path(pip.__file__).parent)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_", "VIRT"))}
        self.env = {**kept, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}

    def run(self, *command: str | Path, given: str = "", **more: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            command,
            input=given,
            env={**self.env, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def probed(self) -> dict[str, object]:
        """What the probe finds."""
        found: dict[str, object] = json.loads(self.run(self.python, probe.__file__))
        return found


def wheel(folder: Path, name: str, version: str, *files: str) -> Path:
    """A wheel of empty modules, whose list of files is as pip leaves it."""
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    texts = dict.fromkeys(files, f"VERSION = {version!r}\n")
    texts[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n"
    texts[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = [f"{file},,{len(text)}" for file, text in texts.items()]
    texts[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(path, "w") as made:
        for file, text in texts.items():
            made.writestr(file, text)
    return path


FILES = {
    "tiny": ["tiny/__init__.py", "tiny/sub.py"],
    "spaced-a": ["spaced/a/__init__.py"],
    "spaced-b": ["spaced/deep/b/__init__.py"],
    "whole": ["whole/__init__.py"],
    "whole-plugin": ["whole/plugins/p.py"],
    "cvx": ["cvx/__init__.py"],
    "cvx-headless": ["cvx/__init__.py"],
    "dashed-name": ["dashed_name.py"],
}
VERSIONS = ("1.2.0", "1.2.9", "1.3.0")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that can be installed here."""
    folder = tmp_path_factory.mktemp("wheels")
    for name, files in FILES.items():
        for version in VERSIONS:
            wheel(folder, name, version, *files)
    return folder


def put(place: Place, wheels: Path, *wanted: str) -> None:
    """Install ``name==version``."""
    for one in wanted:
        name, _, version = one.partition("==")
        file = wheels / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(file) as made:
            made.extractall(place.site)


Change = Callable[[Path], None]


def nothing(_site: Path) -> None:
    """As it was installed."""


def without(*parts: str) -> Change:
    """Files are gone."""

    def change(site: Path) -> None:
        for part in parts:
            for path in [found for found in site.glob(part) if found.is_file()]:
                path.unlink()

    return change


def leftover(version: str) -> Change:
    """Metadata of another version of tiny lie there still."""

    def change(site: Path) -> None:
        info = site / f"tiny-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        (info / "RECORD").write_text(f"tiny/__init__.py,,1\n{info.name}/METADATA,,1\n")

    return change


def half_removed(site: Path) -> None:
    """As pip leaves what it could not remove."""
    info = next(site.glob("tiny-*.dist-info"))
    info.rename(site / info.name.replace("tiny", "~iny"))
    (site / "tiny").rename(site / "~iny")


def in_place(site: Path) -> None:
    """tiny is installed as it stands, by a .pth file."""
    project = site.parents[3] / "my project"
    project.mkdir()
    (site / "tiny").rename(project / "tiny")
    (site / "__editable__.tiny.pth").write_text(f"{project}\n")
    info = next(site.glob("tiny-*.dist-info"))
    (info / "RECORD").write_text("__editable__.tiny.pth,,9\n")
    url = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(url))


def loose(site: Path) -> None:
    """A module without any distribution."""
    (site / "loose.py").write_text("")


@dataclass(frozen=True)
class Case:
    """What the sides have, what was changed on them by hand, and what must come of a task."""

    name: str
    source: str
    client: tuple[str, ...]
    remote: tuple[str, ...]
    code: str = ""  # of the refusal; empty: it passes
    at_client: Change = nothing
    at_remote: Change = nothing


def body(statement: str) -> str:
    """A task that imports when it runs."""
    return f"def f():\n    {statement}\n"


IN_BODY, GUARDED = (
    body("import tiny"),
    "def f():\n    try:\n        import tiny\n    except ImportError:\n        tiny = None\n",
)
BY_REFERENCE = "import tiny\ndef f():\n    return tiny.VERSION\n"
FOR_TYPES = (
    "from typing import TYPE_CHECKING\ndef f():\n    if TYPE_CHECKING:\n        import tiny\n"
)
T120, T129, T130 = (f"tiny=={version}" for version in VERSIONS)

CASES = [
    Case("in a body, another patch", IN_BODY, (T120,), (T129,)),
    Case("in a body, another release", IN_BODY, (T120,), (T130,), "import-version"),
    Case("of a part, another release", body("from tiny import sub as s"), (T120,), (T130,), "import-version"),
    Case("by reference, another release", BY_REFERENCE, (T120,), (T130,), "reference-version"),
    Case("in a body, absent", IN_BODY, (T120,), (), "import-missing"),
    Case("guarded, absent", GUARDED, (T120,), ()),
    Case("guarded, another release", GUARDED, (T120,), (T130,), "import-version"),
    Case("for type checkers", FOR_TYPES, (T120,), (T130,)),
    Case(
        "half of a namespace",
        body("from spaced.deep import b"),
        ("spaced-a==1.2.0", "spaced-b==1.2.0"),
        ("spaced-a==1.2.0",),
        "import-missing",
    ),
    Case(
        "the half of a namespace that is used",
        body("import spaced.a"),
        ("spaced-a==1.2.0", "spaced-b==1.2.0"),
        ("spaced-a==1.2.0",),
    ),
    Case(
        "a plugin in a package",
        body("import whole.plugins.p"),
        ("whole==1.2.0", "whole-plugin==1.2.0"),
        ("whole==1.2.0",),
        "import-missing",
    ),
    Case("metadata alone", IN_BODY, (T120,), (T120,), "import-missing", at_remote=without("tiny/*")),
    Case("half removed", IN_BODY, (T120,), (T120,), "import-missing", at_remote=half_removed),
    Case("a sibling", body("import cvx"), ("cvx==1.2.0",), ("cvx-headless==1.2.0",)),
    Case(
        "a sibling of another release",
        body("import cvx"),
        ("cvx==1.2.0",),
        ("cvx-headless==1.3.0",),
        "import-version",
    ),
    Case(
        "no list of files",
        body("import dashed_name"),
        ("dashed-name==1.2.0",),
        ("dashed-name==1.2.0",),
        at_client=without("*/RECORD"),
        at_remote=without("*/RECORD"),
    ),
    Case("a leftover remotely", IN_BODY, (T120,), (T120,), at_remote=leftover("1.1.0")),
    Case("a leftover here", BY_REFERENCE, (T130,), (T130,), at_client=leftover("1.1.0")),
    Case(
        "a leftover that says what is wanted",
        IN_BODY, (T120,), (T130,), "import-version", at_remote=leftover("1.2.0"),
    ),
    Case("installed as it stands", BY_REFERENCE, (T120,), (T120,), at_remote=in_place),
    Case(
        "installed as it stands, another release",
        BY_REFERENCE, (T120,), (T130,), "reference-version", at_remote=in_place,
    ),
    Case("a file of nobody's", body("import loose"), (), (), "import-missing", at_client=loose),
]  # fmt: skip


def judged(client: Place, remote: Place, source: str, *include: str) -> dict:
    """The verdict on a task of the client's."""
    given = json.dumps([source, remote.probed(), include])
    libraries = os.pathsep.join([str(REPOSITORY), str(Path(pip.__file__).parents[1])])
    verdict: dict = json.loads(
        client.run(client.python, "-c", JUDGE, given=given, PYTHONPATH=libraries)
    )
    return verdict


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_task_between_two_environments(case: Case, tmp_path: Path, wheels: Path) -> None:
    """Passes, or is refused once, and passes after the fix."""
    client, remote = Place(tmp_path / "client", wheels), Place(tmp_path / "remote", wheels)
    put(client, wheels, *case.client)
    put(remote, wheels, *case.remote)
    case.at_client(client.site)
    case.at_remote(remote.site)
    verdict = judged(client, remote, case.source)
    refused = [one for one in verdict["differences"] if one["severity"] == "refuse"]
    assert [one["code"] for one in refused] == ([case.code] if case.code else [])
    if refused:
        again = after(refused[0]["fix"], client, remote, case.source)
        assert again["passed"], again


def after(fix: str, client: Place, remote: Place, source: str) -> dict:
    """The verdict once what a fix says was done, to the letter."""
    if fix.startswith("FirecrestExecutor(..., include="):
        return judged(client, remote, source, fix.partition('["')[2].partition('"]')[0])
    client.run("sh", "-c", fix.removeprefix("on the cluster: "))
    return judged(client, remote, source)

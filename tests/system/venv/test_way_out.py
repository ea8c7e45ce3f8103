"""The way out of a mismatch is one command: what a refusal says is run as it stands."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster.bases import interpreters
from cluster.foreign import bring_dill
from cluster.project import FCX, Project
from shelf import Shelf, uv

from fcx.local import cluster

pytestmark = pytest.mark.slow

MINORS = ("3.12", "3.13")
OTHER = max(
    (one for one in interpreters() if one[:4] in MINORS and not sys.version.startswith(one[:4])),
    default="",
)
SCRIPT = """\
import sys
import small, tiny
from fcx import FirecrestExecutor

def told():
    return sys.version_info[:2], small.__version__, tiny.__version__

with FirecrestExecutor(sys.argv[1], ["--time=00:05:00"], python=sys.argv[2], idle_timeout=1) as executor:
    print(executor.submit(told).result())
"""


@dataclass
class Sides:
    """A client's project, and a plain environment on a cluster: another Python, two packages."""

    client: Project
    remote: Path
    work: Path
    shelf: Shelf

    def shell(self, command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """What a user types, with fcx in PATH as the first environment has it."""
        env = self.client.environment()
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.client.root, env=env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    @property
    def preflight(self) -> str:
        """The command that judges the remote side anew."""
        place = shlex.join(["--python", str(self.remote), "--working-dir", str(self.work)])
        return f"fcx preflight --json --fresh --edf '' {place}"

    @property
    def script(self) -> str:
        """The command that submits a task."""
        return shlex.join(["python", "script.py", str(self.work), str(self.remote)])


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sides]:
    """What fcx needs comes from the index that pip knows; the rest from a shelf."""
    if not OTHER:
        pytest.skip(f"no second Python here: one of {', '.join(MINORS)} would do")
    shelf = Shelf(tmp_path / "shelf")
    for name in ("small", "tiny"):
        for version in ("1.0.0", "2.0.0"):
            shelf.wheel(name, version)
    remote = tmp_path / "remote"
    python = interpreters()[OTHER] / "bin/python3"
    quiet = [str(uv()), "--quiet", "--offline"]
    subprocess.run([*quiet, "venv", "--no-project", "--python", str(python), str(remote)], check=True)
    links = ("--no-index", "--find-links", str(shelf.folder))
    place = ("pip", "install", "--python", str(remote / "bin/python"))
    shelf.wheel("packaging", "1.0.0")  # with which fcx could not do
    releases = ("small==2.0.0", "tiny==2.0.0", "packaging==1.0.0")
    subprocess.run([*quiet, *place, *links, *releases], check=True)
    (site,) = remote.glob("lib/python3*/site-packages")
    bring_dill(site)
    work = tmp_path / "work"
    work.mkdir()
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").symlink_to(uv())
    (tools / "fcx").write_text(f'#!/bin/sh\nexec {shlex.join(FCX)} "$@"\n')
    (tools / "fcx").chmod(0o755)
    with cluster(filesystems=[str(tmp_path)]) as site_env:
        links_of = f"{os.environ.get('PIP_FIND_LINKS', '')} {shelf.folder}".strip()
        env = {**site_env, "FCX_STATE_DIR": str(tmp_path / "state"), "PIP_FIND_LINKS": links_of}
        env["PATH"] = f"{tools}:{os.environ['PATH']}"
        client = Project(tmp_path / "client", env)
        client.write("fcx.toml", "")
        client.write("script.py", SCRIPT)
        yield Sides(client, remote / "bin/python", work, shelf)


def test_another_python_and_then_two_other_releases(sides: Sides):
    """Refused, followed, passed, and run; drifted, refused, followed from within, and run."""
    refused = json.loads(sides.shell(sides.preflight, code=3).stdout)
    fixes = {one["code"]: one["fix"] for one in refused["differences"]}
    fix, venv = fixes["python-minor"], f".venv-{OTHER.rpartition('.')[0]}"
    assert fix == f"fcx env sync --venv {venv} --remote && . {venv}/bin/activate"
    passed = sides.shell(f"{fix} && {sides.preflight}").stdout
    assert json.loads(passed[passed.index("{\n") :])["passed"]
    inside = f". {venv}/bin/activate &&"
    minor = tuple(int(part) for part in OTHER.split(".")[:2])
    right = f"{(minor, '2.0.0', '2.0.0')}\n"
    assert sides.shell(f"{inside} {sides.script}").stdout == right
    links = f"--no-index --find-links {shlex.quote(str(sides.shelf.folder))}"
    sides.shell(f"{inside} uv pip install {links} small==1.0.0 tiny==1.0.0")
    said = sides.shell(f"{inside} {sides.script}", code=1).stderr
    folder = shlex.quote(str(sides.client.root / venv))
    follow = f"fcx env sync --venv {folder} --remote"
    assert f"All that concerns the client at once: {follow}\n" in said
    assert sides.shell(f"{inside} {follow} && {sides.script}").stdout.endswith(right)
    assert "nothing to do" in sides.shell(f"{inside} {follow}").stdout
    again = sides.shell(f"{inside} {follow} --fresh")  # fcx runs in it: not even for a moment
    assert "but for packaging" in again.stdout
    assert "fcx needs that" in again.stderr
    assert sides.shell(f"{inside} {sides.script}").stdout == right

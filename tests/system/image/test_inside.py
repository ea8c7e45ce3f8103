"""The user's own Python in the image, on this machine."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster.bases import interpreters, newest, own_image
from cluster.engine import Engine
from cluster.foreign import bring_dill
from cluster.project import FCX, Project
from places import REPOSITORY

from fcx.config import VARIABLES
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe

pytestmark = pytest.mark.docker

REPORT = """
import json, os, sys
print(json.dumps({
    "argv": sys.argv, "uid": os.getuid(), "gid": os.getgid(), "cwd": os.getcwd(),
    "env": dict(os.environ), "version": sys.version.split()[0], "files": sorted(os.listdir()),
}))
"""


def test_as_here(built: Project):
    """Folder, user, arguments and variables are the caller's; Python is the image's."""
    built.write("report.py", REPORT)
    secrets = {name: f"value of {name}" for name in VARIABLES}
    built.env.update(secrets | {"UNRELATED": "x"})
    done = built.fcx("image", "run", "report.py", "--flag", "a b", "-m", "--name", "it's")
    said = json.loads(done.stdout)
    assert said["argv"] == ["report.py", "--flag", "a b", "-m", "--name", "it's"]
    assert (said["uid"], said["gid"]) == (os.getuid(), os.getgid())
    assert said["cwd"] == str(built.root)
    assert {name: said["env"].get(name) for name in VARIABLES} == secrets
    assert "UNRELATED" not in said["env"]
    assert said["version"] == built.manifest().python.version
    assert {"containers", "edf", "report.py"} <= set(said["files"])


def test_streams_and_exit_code(built: Project):
    """Output goes where it belongs, input comes in, the exit code comes back."""
    code = "import sys; print(sys.stdin.read().upper()); print('err', file=sys.stderr); sys.exit(7)"
    done = built.fcx("image", "run", "-c", code, code=7, stdin="hello")
    assert (done.stdout, done.stderr) == ("HELLO\n", "err\n")
    assert built.fcx("image", "run", "-c", "raise SystemExit(0)").stdout == ""
    built.fcx("image", "run", "-c", "import ctypes; ctypes.string_at(0)", code=139)


def test_much_output(built: Project):
    """Megabytes on both streams arrive whole."""
    code = "import sys\nfor i in range(20000): print(i, 'o' * 80); print(i, file=sys.stderr)"
    done = built.fcx("image", "run", "-c", code)
    assert done.stdout.count("\n") == done.stderr.count("\n") == 20000
    assert done.stdout.endswith(f"19999 {'o' * 80}\n")


def test_output_comes_as_it_is_written(built: Project):
    """A line is passed on before the program ends."""
    code = "import time; print('first'); time.sleep(600)"
    with subprocess.Popen(
        [*FCX, "image", "run", "-c", code],
        cwd=built.root,
        env=built.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"first\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=240)
    assert process.returncode in (1, 130)
    assert b"KeyboardInterrupt" in error


def test_modules_and_scripts_elsewhere(built: Project, tmp_path: Path):
    """`-m` finds modules of the folder; a script may lie outside of it."""
    built.write("mine/__init__.py", "")
    built.write("mine/__main__.py", "import sys; print('mine', sys.argv[1:])\n")
    assert built.fcx("image", "run", "-m", "mine", "x").stdout == "mine ['x']\n"
    (tmp_path / "else where").mkdir()
    script = tmp_path / "else where/s.py"
    script.write_text("import helper; print(helper.WORD)\n")
    (tmp_path / "else where/helper.py").write_text("WORD = 'there'\n")
    assert built.fcx("image", "run", str(script)).stdout == "there\n"
    assert built.fcx("image", "run", "../else where/s.py").stdout == "there\n"


def test_state_is_shared(built: Project, tmp_path: Path):
    """What fcx keeps on this machine is what it finds in the image."""
    built.env["FCX_STATE_DIR"] = str(tmp_path / "state")
    code = "import os; open(os.environ['FCX_STATE_DIR'] + '/mark', 'w').write('1')"
    built.fcx("image", "run", "-c", code)
    assert (tmp_path / "state/mark").read_text() == "1"
    assert (tmp_path / "state/mark").stat().st_uid == os.getuid()


@pytest.mark.lasts(60)
def test_submits_from_inside(tmp_path: Path, engine: Engine):
    """A driver in the image uses the local cluster's Python, although the host has another."""
    from fcx.local import cluster

    minor = "3.12" if sys.version_info[:2] != (3, 12) else "3.11"
    version = newest(minor)
    if version is None:
        pytest.skip(f"no CPython {minor} on this machine")
    project = Project(tmp_path / "project", dict(engine.env))
    shutil.copytree(REPOSITORY / "containers", project.root / "containers")
    shutil.copytree(REPOSITORY / "examples", project.root / "examples")
    with own_image(engine, version):
        project.build("--build-arg", f"PYTHON_VERSION={version}")
    far = tmp_path / "far"
    python = interpreters()[version] / "bin/python3"
    subprocess.run([python, "-m", "venv", "--without-pip", far], check=True)
    bring_dill(far / f"lib/python{minor}/site-packages")
    with cluster(python=str(far / "bin/python3")) as env:
        project.env.update(env)
        project.env["FCX_STATE_DIR"] = str(tmp_path / "state")
        done = project.fcx("image", "run", "examples/simple.py")
        assert "[4.0, 9.0, 16.0]" in done.stdout, done.stdout + done.stderr
        assert env.counts()


def test_the_snapshot_inside_is_the_manifest(built: Project):
    """The probe, run by `fcx image run`, finds what the build wrote down."""
    built.write("probe.py", Path(probe.__file__).read_text())
    found = Snapshot.from_json(built.fcx("image", "run", "probe.py").stdout)
    manifest = built.manifest()
    assert isinstance(manifest, Manifest)
    assert (found.build_id, found.python) == (manifest.build_id, manifest.python)
    assert (found.dill, dict(found.distributions)) == (manifest.dill, manifest.distributions)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.py"], "no script nowhere.py"),
        (["-m"], "Name a script or a module"),
    ],
)
def test_what_cannot_be_run(built: Project, words: list[str], message: str):
    """A wrong request is exit code 2, before any container."""
    assert message in built.fcx("image", "run", *words, code=2).stderr


def test_a_folder_that_would_hide_python(built: Project):
    """The top folder is not mounted over the image."""
    command = [*FCX, "image", "run", "--name", "fcx-image", "-c", "1"]
    manifest = (built.root / "edf/fcx-image.manifest.json").read_text()
    place = Path("/usr/edf")
    if place.exists():
        pytest.skip("/usr/edf is somebody's")
    place.mkdir()
    try:
        (place / "fcx-image.manifest.json").write_text(manifest)
        done = subprocess.run(
            command,
            cwd="/usr",
            env=built.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        (place / "fcx-image.manifest.json").unlink()
        place.rmdir()
    assert done.returncode == 2
    assert "would hide the image's Python" in done.stderr


def test_shell_needs_a_terminal(built: Project):
    """Without a terminal the way to run a program is named."""
    assert "fcx image run" in built.fcx("image", "shell", code=2).stderr


def test_shell(built: Project):
    """On a terminal it is a shell in the image, and its exit code comes back."""
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        [*FCX, "image", "shell"],
        cwd=built.root,
        env=built.environment(),
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        start_new_session=True,
    )
    os.close(other_end)
    until(terminal, rb"[$#] $", "")
    said = until(
        terminal, rb"at .*/edf\r\ntty-yes\r\n", "echo at $PWD/ed''f; test -t 0 && echo tty-''yes\n"
    )
    os.write(terminal, b"exit 9\n")
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        drain(terminal)
    os.close(terminal)
    assert process.wait(1) == 9
    assert str(built.root).encode() in said


def drain(terminal: int) -> bytes:
    """What the terminal shows now."""
    ready, _, _ = select.select([terminal], [], [], 0.2)
    try:
        return os.read(terminal, 4096) if ready else b""
    except OSError:
        return b""


def until(terminal: int, pattern: bytes, typed: str) -> bytes:
    """Type something, and read until the terminal shows a pattern."""
    import re

    if typed:
        os.write(terminal, typed.encode())
    said, deadline = b"", time.monotonic() + 120
    while not re.search(pattern, said):
        assert time.monotonic() < deadline, said
        said += drain(terminal)
    return said

"""Running commands and tasks in containers of an EDF, as srun of the local cluster does it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from cluster.bases import docker
from cluster.engine import Engine
from executors.deadline import eventually, within
from executors.fixtures import making

from fcx.edf.document import Edf
from fcx.edf.render import render
from fcx.local import cluster

PATH = "/usr/local/bin:/usr/bin:/bin"
DEADLINE = 300.0  # seconds that a busy machine may take


def run(
    engine: list[str], edf: Path | str, *command: str, **options
) -> subprocess.CompletedProcess:
    """What srun makes of `--environment=edf command`."""
    words = [*engine, "--environment", str(edf), "--", *command]
    options.setdefault("env", {"PATH": os.environ["PATH"], "HOME": "/root", "BOTH": "host"})
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def sh(engine: list[str], edf: Path | str, script: str, **options) -> str:
    """The standard output of a shell script in the container; it must end well."""
    done = run(engine, edf, "sh", "-c", script, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def started(engine: list[str], edf: Path, script: str) -> Iterator[subprocess.Popen]:
    """A script in a container that has said `up`, in a process group of its own."""
    words = [*engine, "--environment", str(edf), "--", "sh", "-c", script]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, start_new_session=True, env={"HOME": "/"}
    ) as process:
        try:
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def running(words: str) -> bool:
    """Whether a process with these words on its command line is there."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if words in path.read_text(errors="replace"):
                return True
    return False


def no_containers(engine: Engine, image: str) -> None:
    """Wait until no container of an image is left, running or not."""
    ours = f"--filter=ancestor={image}"
    eventually(lambda: docker(engine, "ps", "--all", "--quiet", ours).stdout == "", DEADLINE)


def a_look() -> Callable[[], tuple[str | None, str, list[str]]]:
    """A function that tells the place's build id, interpreter and sys.path; it needs no module here."""

    def look():
        import sys
        from pathlib import Path

        build = Path("/etc/build")
        found = build.read_text().strip() if build.exists() else None
        return found, sys.executable, sys.path

    return look


def tasks_in(engine: list[str], image: str, folder: Path, base: Path) -> None:
    """Tasks run in the image, with `environment=` and as scripts for the seed have it."""
    env = {"PATH": PATH, "PYTHONNOUSERSITE": "1", "PYTHONPATH": ""}
    edf = Edf(image=image, entrypoint=False, env=env)
    base.write_text(render(edf))
    with cluster(nodes=3, engine=engine) as env, making(env, folder) as make:
        build, interpreter, path = within(DEADLINE, make(environment=edf).submit(a_look()).result)
        assert build == "build-23"
        assert interpreter.startswith("/usr/local/bin/python3")
        assert not [entry for entry in path if str(Path.home()) in entry]
        seed = make(folder, ["--time=00:05:00"], [f"--environment={base}"])
        assert within(DEADLINE, seed.submit(a_look()).result)[0] == "build-23"
        assert within(DEADLINE, make().submit(a_look()).result)[0] is None

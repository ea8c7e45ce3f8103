"""The server in a child process, for the length of a `with` block.

The child is told what to serve by one JSON line on its standard input, answers with one JSON line
on its standard output when it is ready, and stops when it is signalled or when its standard input
ends, so that it never outlives the process that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .faults import validate
from .handle import Environment
from .options import Options

MAIN = "from fcx.local.child import main; main()"


@contextlib.contextmanager
def cluster(
    scheduler: str = "process",
    nodes: int = 1,
    python: str | None = None,
    faults: Mapping[str, Any] | None = None,
    root: str | os.PathLike[str] | None = None,
    *,
    cpus_per_node: int = Options.cpus_per_node,
    filesystems: Sequence[str] = (),
    minute: float = Options.minute,
    kill_wait: float = Options.kill_wait,
    engine: Sequence[str] | None = None,
    max_part_size: int = Options.max_part_size,
) -> Iterator[Environment]:
    """Serve a local cluster from a child process; it ends, with its jobs, when the block does.

    `python` is what jobs find as python3, `root` a directory for the cluster (a temporary one by
    default), `filesystems` what the API shows of the machine. `minute` is how many seconds a minute
    of `--time` lasts, `kill_wait` how many a job has between TERM and KILL. `engine` is the command
    that `srun --environment` puts before a task's; `max_part_size` the size in bytes of the parts
    of a large transfer, 0 for no stage at all. FCX_LOCAL_HOME in the environment gives jobs
    another home than the user's, so that login shells run other start-up files. RuntimeError if
    it does not start.
    """
    for name, value in (faults or {}).items():
        validate(name, value)
    options = Options(
        scheduler=scheduler,
        nodes=nodes,
        cpus_per_node=cpus_per_node,
        python=python,
        root=None if root is None else os.fspath(root),
        filesystems=list(filesystems),
        engine=None if engine is None else list(engine),
        minute=minute,
        kill_wait=kill_wait,
        max_part_size=max_part_size,
        faults=dict(faults or {}),
    )
    with _started(options) as announcement:
        yield Environment(announcement)


@contextlib.contextmanager
def _started(options: Options) -> Iterator[dict[str, Any]]:
    """The child, and what it announces."""
    child = subprocess.Popen(
        [sys.executable, "-c", MAIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "HOME": os.environ.get("FCX_LOCAL_HOME") or os.path.expanduser("~")},
        start_new_session=True,
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(asdict(options)).encode() + b"\n")
            child.stdin.flush()
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"the local cluster did not start (exit code {child.wait()})")
            yield json.loads(line)
        finally:
            with contextlib.suppress(OSError):
                child.stdin.close()
            child.wait()


def main() -> None:
    """What the child runs."""
    from .serve import serve

    options = Options(**json.loads(sys.stdin.readline()))

    def ready(announcement: dict[str, Any]) -> None:
        asyncio.get_running_loop().add_reader(0, _stop_at_end_of_input)
        print(json.dumps(announcement), flush=True)  # noqa: T201  # the parent reads it

    asyncio.run(serve(options, ready))


def _stop_at_end_of_input() -> None:
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        os.kill(os.getpid(), signal.SIGTERM)

"""The script of the job that tries how ranks are started, for a preflight of them (pure).

It writes the ranks' program (``rank.py``) and starts that by srun as a gang would be started, once
for each interface of MPI; ``parity/mpi`` judges what it leaves.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Sequence
from importlib import resources

from .render import STEP, Shape, directive_words, shell_word

LONGEST = 60  # seconds that ranks may take to find one another
ANSWER = "answer"


def script(shape: Shape, ranks: int, edf: bytes, types: Sequence[str]) -> str:
    """The whole script; ``shape.run`` is the folder that it works in, which is there.

    ``types`` are the interfaces that are tried, those of them that Slurm has.
    """
    name = f"fcx-ranks-{re.sub(r'[^A-Za-z0-9-]+', '-', shape.run_id)}"
    ours = ["--no-requeue", f"--ntasks={ranks}", f"--job-name={name}"]
    values = {
        "folder": shape.run,
        "rank": posixpath.join(shape.run, "rank.py"),
        "types": " ".join(types),
    }
    lines = [
        "#!/bin/bash -l",
        *(f"#SBATCH {line}" for line in map(directive_words, (shape.options.sbatch, ours)) if line),
        *shape.setup,
        *(f"{key}={shlex.quote(value)}" for key, value in values.items()),
        "places() {",
        _file("rank.py", _program()),
        *([_file(posixpath.basename(shape.edf), edf.decode("ascii"))] if shape.edf else []),
        "}",
        _step(shape, ranks),
        (resources.files("fcx") / "jobscript" / "ranks.sh").read_text("utf-8"),
    ]
    return "\n".join(lines)


def _program() -> str:
    return (resources.files("fcx") / "jobscript" / "rank.py").read_text("utf-8")


def _file(name: str, text: str) -> str:
    ended = text if text.endswith("\n") else f"{text}\n"
    return f"  cat >{shlex.quote(name)} <<'FCX_END' || return\n{ended}FCX_END"


def _step(shape: Shape, ranks: int) -> str:
    """A function of the shell that starts a program in each rank; ours stand last and win."""
    edf = []
    if shape.edf:
        edf = [f'{shape.edf_option}="$folder"/{shlex.quote(posixpath.basename(shape.edf))}']
    ours = [
        "--nodes=$SLURM_JOB_NUM_NODES",
        f"--ntasks={ranks}",
        "--cpu-bind=none",
        "--wait=30",
        "--kill-on-bad-exit=1",
        "--input=none",
    ]
    words = [*edf, *map(shell_word, shape.options.srun), *ours]
    start = f'timeout -k 10 {LONGEST} srun {" ".join(words)} "$how" {shlex.quote(shape.python)}'
    return f'step() {{\n  how=$1; shift\n  (unset {" ".join(STEP)}; {start} "$@")\n}}'

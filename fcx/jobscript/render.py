"""A pilot's shape -> the text that sbatch gets. Pure: every value is quoted, nothing is run.

The script takes its seat, writes what is not there yet (programs, configuration, a first bundle),
notes how much time the job has, and starts one agent per node with one srun.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ..errors import OptionError
from ..protocol.rundir import FOLDERS

PROGRAMS = {
    "start.sh": "remote/start.sh",
    "start.py": "remote/start.py",
    "agent.py": "remote/agent.py",
    "inbox.py": "remote/inbox.py",
    "log.py": "remote/log.py",
    "pool.py": "remote/pool.py",
    "probe.py": "protocol/probe.py",
    "worker.py": "remote/worker.py",
    "_fcx_pickling.py": "protocol/pickling.py",
}
"""Name of each program on the cluster -> its file below fcx/."""
JOB_NAME = re.compile(r"[^A-Za-z0-9-]+")

SBATCH_REFUSED = {
    "--wait": "the answer would be an error although the job runs, so each retry makes another job",
    "--parsable": "the answer would be an error although the job runs",
    "--test-only": "the answer is an error although it starts nothing that could be waited for",
    "--array": "one task of an array can be neither watched nor cancelled through the API; "
    "submit more calls instead",
    "--clusters": "the API reaches one cluster; make an executor for each",
    "--wrap": "the script is the executor's own",
    "--export": "the server overrides it; set variables inside the function or in the EDF's [env]",
    "--chdir": "the server overrides it; use working_dir",
    "--hetjob": "heterogeneous jobs have ids that the API does not take",
    ":": "heterogeneous jobs have ids that the API does not take",
}
SRUN_REFUSED = {
    "--multi-prog": "the program is the executor's own",
    "--bcast": "the program is the executor's own",
    "--het-group": "heterogeneous jobs have ids that the API does not take",
    "--jobid": "the job is the pilot's own",
    "--test-only": "nothing would run",
    "--pty": "there is no terminal",
    "--input": "the agent reads no input",
}
SHORT = {
    "-W": "--wait",
    "-a": "--array",
    "-M": "--clusters",
    "-D": "--chdir",
    "-J": "--job-name",
    "-N": "--nodes",
    "-n": "--ntasks",
    "-t": "--time",
    "-A": "--account",
    "-p": "--partition",
    "-o": "--output",
    "-e": "--error",
    "-i": "--input",
}
ENGINE = ("--environment", "--edf")
ONE_TASK = ("--ntasks-per-node", "--ntasks-per-socket", "--ntasks-per-core", "--ntasks-per-gpu")


@dataclass(frozen=True)
class Options:
    """The user's sbatch and srun options: checked, and what the executor must know of them."""

    sbatch: tuple[str, ...]
    srun: tuple[str, ...]
    job_name: str = ""
    nodes: int = 1
    requeue: bool = False
    environment: str = ""  # of the user's own --environment (or --edf) among the srun options
    engine_option: str = "--environment"  # or --edf, as the user has it
    output: str = ""

    @classmethod
    def check(cls, sbatch: Sequence[str], srun: Sequence[str]) -> Options:
        """Read and check both lists. Raises OptionError with the reason for what is refused."""
        sbatch_given = _parsed(_words("sbatch_options", sbatch))
        srun_given = _parsed(_words("srun_options", srun))
        _refuse("sbatch_options", sbatch_given, SBATCH_REFUSED)
        _refuse("srun_options", srun_given, SRUN_REFUSED)
        given = {option.name: option.value for option in sbatch_given}
        nodes = _node_count(given.get("--nodes", "1"))
        _one_task_per_node(given, nodes)
        engine = [option.value for option in srun_given if option.name in ENGINE]
        return cls(
            _kept(sbatch_given, ("--job-name",)),
            _kept(srun_given, ENGINE),
            given.get("--job-name", ""),
            nodes,
            "--requeue" in given,
            engine[-1] if engine else "",
            "--edf" if any(o.name == "--edf" for o in srun_given) else "--environment",
            given.get("--output", ""),
        )


@dataclass(frozen=True)
class _Option:
    """One option: its long name, its value, and the words it was given as."""

    name: str
    value: str
    words: tuple[str, ...]


def _words(name: str, options: Sequence[str]) -> list[str]:
    """The options as words; one element may hold several, as the seed joined them by spaces."""
    if isinstance(options, (str, bytes)):
        raise OptionError(f"{name} must be a list of strings, not one string: [{options!r}]")
    words: list[str] = []
    for option in options:
        if not isinstance(option, str):
            raise OptionError(f"{name} must be strings, not {type(option).__name__}: {option!r}")
        if any(ord(character) < 32 or ord(character) == 127 for character in option):
            raise OptionError(f"{name}: {option!r} has a newline or control character")
        try:
            words += shlex.split(option)
        except ValueError as error:
            raise OptionError(f"{name}: {option!r} cannot be split into words: {error}") from error
    return words


def _parsed(words: Sequence[str]) -> list[_Option]:
    """Words grouped into options; short ones under their long name."""
    found: list[_Option] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        attached = word[2:] if word[:2] in SHORT and not word.startswith("--") else ""
        if attached or word in SHORT:
            name, equals, value = SHORT[word[:2]], attached, attached
        given = [word]
        if not equals and name.startswith("-") and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
            given.append(value)
        found.append(_Option(name, value, tuple(given)))
    return found


def _kept(options: Sequence[_Option], without: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for o in options if o.name not in without for word in o.words)


def _refuse(where: str, given: Sequence[_Option], refused: Mapping[str, str]) -> None:
    for option in given:
        name = next((name for name in refused if _means(option.name, name)), None)
        if name is not None:
            raise OptionError(f"{where}: {option.words[0]} cannot be used: {refused[name]}")


def _means(given: str, name: str) -> bool:
    """Whether it is that option: Slurm's programs also take the unambiguous beginning of one."""
    return given == name or (len(given) > len("--x") and name.startswith(given))


def _node_count(text: str) -> int:
    """The number of nodes that is sure to come (the lower one of a range)."""
    match = re.match(r"\d+", text)
    return max(1, int(match.group())) if match else 1


def _one_task_per_node(given: Mapping[str, str], nodes: int) -> None:
    for name in ONE_TASK:
        if given.get(name, "1") not in {"", "1"}:
            raise OptionError(
                f"sbatch_options: {name}={given[name]} asks for several tasks per node; an agent "
                "drives a whole node: use workers_per_node for calls that run side by side"
            )
    tasks = given.get("--ntasks", "")
    if tasks.isdigit() and int(tasks) > nodes and "--nodes" in given:
        raise OptionError(
            f"sbatch_options: --ntasks={tasks} on {nodes} node(s) asks for several tasks per node; "
            "use workers_per_node for calls that run side by side"
        )


@dataclass(frozen=True)
class Shape:
    """What makes pilots of a run alike."""

    options: Options
    run: str  # the run directory
    run_id: str
    python: str = "python3"
    edf: str = ""  # path of the EDF in the run directory
    edf_option: str = "--environment"


@dataclass(frozen=True)
class File:
    """A file of the run directory that a script brings along."""

    path: str  # below the run directory
    data: bytes


@cache
def programs() -> list[File]:
    """The programs of ``fcx/remote`` as they lie over there."""
    folder = resources.files("fcx")
    return [File(name, (folder / path).read_bytes()) for name, path in PROGRAMS.items()]


def programs_folder(run: str) -> str:
    """Where the programs lie: beside the runs, named by content, so that byte code is kept too."""
    together = hashlib.sha256()
    for file in programs():
        together.update(f"{file.path} {len(file.data)}\n".encode() + file.data)
    return f"{posixpath.dirname(run)}/programs-{together.hexdigest()[:12]}"


def _programs() -> str:
    """Write the programs into a folder beside, then move it: several pilots may start at once."""
    own = '"$programs~$SLURM_JOB_ID"'
    writes = "\n".join(
        f"cat >{own}/{file.path} <<'FCX_END'\n{file.data.decode()}FCX_END" for file in programs()
    )
    move = f'mv -T {own} "$programs" 2>/dev/null || rm -rf {own}'
    return f'if [ ! -d "$programs" ]; then mkdir {own}\n{writes}\n{move}; fi'


def pilot_name(shape: Shape, number: int) -> str:
    """A job name that is unique for the account: the user's own prefix, the run, the pilot."""
    prefix = JOB_NAME.sub("-", shape.options.job_name).strip("-")[:40] or "fcx"
    return f"{prefix}-{shape.run_id}-{number:03d}"


def render(shape: Shape, pilot: str, config: Mapping[str, object], files: Sequence[File]) -> str:
    """The job script of one pilot, with the files that it brings along."""
    directives = [f"#SBATCH {option}" for option in _directives(shape, pilot)]
    config_file = File(
        f"pilots/{pilot}.json", json.dumps(config, sort_keys=True).encode("ascii") + b"\n"
    )
    parts = [
        "#!/bin/bash -l",
        *directives,
        _SEAT.format(
            run=shlex.quote(shape.run),
            programs=shlex.quote(programs_folder(shape.run)),
            folders=" ".join(f'"$run"/{folder}' for folder in FOLDERS),
            pilot=pilot,
        ),
        _programs(),
        *(_put(file) for file in (*files, config_file)),
        _START.format(srun=srun_line(shape, pilot)),
    ]
    return "\n".join(parts) + "\n"


def srun_line(shape: Shape, pilot: str) -> str:
    """The one srun of a pilot; what must not be otherwise stands last, where it wins."""
    words = [shell_word(word) for word in shape.options.srun]
    edf = []
    if shape.edf:
        edf = [f'{shape.edf_option}="$run"/{shlex.quote(shape.edf)}']
    ours = [
        "--nodes=$SLURM_JOB_NUM_NODES",
        "--ntasks=$SLURM_JOB_NUM_NODES",
        "--ntasks-per-node=1",
        "--cpu-bind=none",
        "--wait=0",
        "--kill-on-bad-exit=0",
    ]
    agent = [
        "sh",
        '"$programs"/start.sh',
        shlex.quote(shape.python),
        '"$programs"/start.py agent',
        '"$run"',
        f'"$run"/pilots/{pilot}.json',
    ]
    return " ".join(["srun", *edf, *words, *ours, *agent])


def _directives(shape: Shape, pilot: str) -> list[str]:
    """The user's options as they were, then ours: the last one wins."""
    user = [_directive_word(word) for word in shape.options.sbatch]
    ours = ["--no-kill", f"--job-name={pilot}"]
    if not shape.options.requeue:
        ours.insert(0, "--no-requeue")
    joined = " ".join(user)
    return ([joined] if joined else []) + [" ".join(ours)]


def _directive_word(word: str) -> str:
    """Quoted where sbatch would split it: it reads #SBATCH lines with shell-like quotes."""
    return (
        word
        if re.fullmatch(r"[A-Za-z0-9_@%+=:,./~-]+", word)
        else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def shell_word(word: str) -> str:
    """Quote a word for bash; ``$NAME`` and ``${NAME}`` still expand, as they did in the seed."""
    if not re.search(r"\$(\w|\{\w+\})", word):
        return shlex.quote(word)
    escaped = re.sub(r"([\\\"`]|\$(?!\w|\{\w+\}))", r"\\\1", word)
    return f'"{escaped}"'


def _put(file: File) -> str:
    """Write a file unless it is there: a requeued job must not rewrite what was claimed from."""
    path = f'"$run"/{shlex.quote(file.path)}'
    text = file.data.decode("utf-8", "surrogateescape")
    plain = file.data.isascii() and text.endswith("\n") and "\nFCX_END\n" not in f"\n{text}"
    if plain and "\0" not in text and "\r" not in text:
        command, body = "cat", text
    else:
        command, body = "base64 -d", base64.encodebytes(file.data).decode("ascii")
    return f"put {path} {command} <<'FCX_END'\n{body}FCX_END"


_SEAT = """\
mask=$(umask); umask 077
run={run}
programs={programs}
mkdir -p {folders} || exit 1
chmod 700 "$run"
ln -sn "$SLURM_JOB_ID" "$run"/seats/{pilot} 2>/dev/null
[ "$(readlink "$run"/seats/{pilot})" = "$SLURM_JOB_ID" ] || exit 0
[ -e "$run"/inbox/closed ] && exit 0
left="$run"/seats/$SLURM_JOB_ID.${{SLURM_RESTART_COUNT:-0}}.left
(squeue -h -j "$SLURM_JOB_ID" -o %L >"$left~" && mv "$left~" "$left") 2>/dev/null &
put() {{ # path command...: its input becomes the file, whole or not at all
  [ -e "$1" ] && return
  f=$1; shift
  "$@" >"$f~$SLURM_JOB_ID" && mv "$f~$SLURM_JOB_ID" "$f"
}}"""

_START = """\
export FCX_UMASK=$mask
{srun}
code=$?
[ -e "$run"/inbox/closed ] && [ "$(cat "$run"/inbox/closed)" = remove ] && rm -rf "$run"
exit $code"""

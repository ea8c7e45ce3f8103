"""A pilot's shape -> the text that sbatch gets. Pure: every value is quoted, nothing is run.

The script takes its seat, writes what is not there yet (programs, configuration, a first bundle),
notes how much time the job has, and starts one agent per node with one srun.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from .errors import OptionError
from .rundir import FOLDERS

PROGRAMS = ("agent.py", "inbox.py", "outlog.py", "pool.py", "probe.py", "worker.py", "pickling.py")
SHIPPED_AS = {"pickling.py": "_fcx_pickling.py"}
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
    output: str = ""

    @classmethod
    def check(cls, sbatch: Sequence[str], srun: Sequence[str]) -> Options:
        """Read and check both lists. Raises OptionError with the reason for what is refused."""
        sbatch_words = _words("sbatch_options", sbatch)
        srun_words = _words("srun_options", srun)
        given = _parsed(sbatch_words)
        _refuse("sbatch_options", given, SBATCH_REFUSED)
        srun_given = _parsed(srun_words)
        _refuse("srun_options", srun_given, SRUN_REFUSED)
        if ":" in sbatch_words:
            raise OptionError(f"sbatch_options: ':' makes {SBATCH_REFUSED['--hetjob']}")
        nodes = _node_count(given.get("--nodes", "1"))
        _one_task_per_node(given, nodes)
        environment = srun_given.get("--environment") or srun_given.get("--edf") or ""
        return cls(
            tuple(w for w in sbatch_words if not _is_option(w, "--job-name", sbatch_words)),
            tuple(w for w in srun_words if not _is_option(w, "--environment", srun_words)),
            given.get("--job-name", ""),
            nodes,
            "--requeue" in given,
            environment,
            given.get("--output", ""),
        )


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


def _parsed(words: Sequence[str]) -> dict[str, str]:
    """Long names and values; short options under their long name; the last one wins."""
    given: dict[str, str] = {}
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            given[name] = value if equals else ("" if following.startswith("-") else following)
        elif word[:2] in SHORT:
            given[SHORT[word[:2]]] = word[2:] or following
    return given


def _is_option(word: str, name: str, words: Sequence[str]) -> bool:
    """Whether a word is the option ``name`` or the value that stands behind it."""
    shorts = [short for short, long in SHORT.items() if long == name]
    if word.startswith((f"{name}=", *shorts)) or word == name:
        return True
    before = [words[i - 1] for i, other in enumerate(words) if other == word and i]
    return any(previous in {name, *shorts} for previous in before)


def _refuse(where: str, given: Mapping[str, str], refused: Mapping[str, str]) -> None:
    for name in given:
        if name in refused:
            raise OptionError(f"{where}: {name} cannot be used: {refused[name]}")


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
    run: str  # the run directory; "~user" parts are written as $(id -un) by ``run_expression``
    working_dir: str
    run_id: str
    python: str = "python3"
    edf: str = ""  # path of the EDF in the run directory
    edf_option: str = "--environment"


@dataclass(frozen=True)
class File:
    """A file of the run directory that a script brings along."""

    path: str  # below the run directory
    data: bytes
    mode: str = "600"


def programs() -> list[File]:
    """The programs of ``fcx/remote`` as files of a run directory."""
    folder = resources.files("fcx") / "remote"
    return [
        File(f"agent/{SHIPPED_AS.get(name, name)}", (folder / name).read_bytes())
        for name in PROGRAMS
    ]


def pilot_name(shape: Shape, number: int) -> str:
    """A job name that is unique for the account: the user's own prefix, the run, the pilot."""
    prefix = JOB_NAME.sub("-", shape.options.job_name).strip("-")[:40] or "fcx"
    return f"{prefix}-{shape.run_id}-{number:03d}"


def render(shape: Shape, pilot: str, config: Mapping[str, object], files: Sequence[File]) -> str:
    """The job script of one pilot, with the files that it brings along."""
    directives = [f"#SBATCH {option}" for option in _directives(shape, pilot)]
    config_file = File(f"pilots/{pilot}.json", json.dumps(config, sort_keys=True).encode("ascii"))
    parts = [
        "#!/bin/bash -l",
        *directives,
        _SEAT.format(
            run=f'{shlex.quote(shape.working_dir)}"/.fcx-$(id -un)/"{shape.run_id}',
            folders=" ".join(f'"$run"/{folder}' for folder in FOLDERS),
            pilot=pilot,
        ),
        *(_heredoc(file) for file in (*files, config_file)),
        _START.format(srun=srun_line(shape, pilot)),
    ]
    return "\n".join(parts) + "\n"


def srun_line(shape: Shape, pilot: str) -> str:
    """The one srun of a pilot; what must not be otherwise stands last, where it wins."""
    words = [shlex.quote(word) for word in shape.options.srun]
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
        '"$run"/agent/start.sh',
        shlex.quote(shape.python),
        '"$run"/agent/agent.py',
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
    return word if re.fullmatch(r"[A-Za-z0-9_@%+=:,./~-]+", word) else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _heredoc(file: File) -> str:
    """Write a file unless it is there: a requeued job must not rewrite what was claimed from."""
    path = f'"$run"/{shlex.quote(file.path)}'
    text = file.data.decode("utf-8", "surrogateescape")
    plain = file.data.isascii() and text.endswith("\n") and "\nFCX_END\n" not in text
    if plain and "\0" not in text and "\r" not in text:
        command, body = "cat", text
    else:
        command, body = "base64 -d", base64.encodebytes(file.data).decode("ascii")
    return f"put {path} {file.mode} {command} <<'FCX_END'\n{body}FCX_END"


_SEAT = """\
mask=$(umask); umask 077
run={run}
mkdir -p {folders} || exit 1
chmod 700 "$run"
ln -sn "$SLURM_JOB_ID" "$run"/seats/{pilot} 2>/dev/null
[ "$(readlink "$run"/seats/{pilot})" = "$SLURM_JOB_ID" ] || exit 0
[ -e "$run"/inbox/closed ] && exit 0
left="$run"/seats/$SLURM_JOB_ID.${{SLURM_RESTART_COUNT:-0}}.left
(squeue -h -j "$SLURM_JOB_ID" -o %L >"$left~" && mv "$left~" "$left") 2>/dev/null &
put() {{ # path mode command...: its input becomes the file, whole or not at all
  [ -e "$1" ] && return
  f=$1 m=$2; shift 2
  "$@" >"$f~$SLURM_JOB_ID" && chmod "$m" "$f~$SLURM_JOB_ID" && mv "$f~$SLURM_JOB_ID" "$f"
}}"""

_START = """\
put "$run"/agent/start.sh 600 cat <<'FCX_END'
# Starts the agent and leaves a note when it ends otherwise than by itself.
trap : TERM USR1 USR2 INT HUP
"$@"
code=$?
[ $code -eq 0 ] || echo "exit code $code" >>"$4"/logs/$SLURM_JOB_ID.${{SLURM_RESTART_COUNT:-0}}.$SLURM_NODEID.exit
exit $code
FCX_END
export FCX_UMASK=$mask
{srun}
code=$?
[ -e "$run"/inbox/closed ] && [ "$(cat "$run"/inbox/closed)" = remove ] && rm -rf "$run"
exit $code"""

"""A pilot's shape -> the text that sbatch gets. Pure: every value is quoted, nothing is run.

The script holds the folder of our runs open, which must be ours alone, and takes its lock. It
writes what is not there yet (programs, configuration, a first bundle), notes how much time the job
has, compares the programs, and starts one agent per node with one srun.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..protocol import layout, names
from . import programs
from .options import Options

JOB_NAME = re.compile(r"[^A-Za-z0-9-]+")
FOREIGN = (
    "is not yours alone: it belongs to somebody else, is a link or no folder, or others may write "
    "there. Nothing in it was run. See who made it, remove it, or name another working_dir"
)
LONGEST_PREFIX = 40  # characters of the user's own job name in a pilot's


@dataclass(frozen=True)
class Shape:
    """What makes pilots of a run alike."""

    options: Options
    run: str  # the run directory
    run_id: str
    python: str = "python3"
    edf: str = ""  # path of the EDF in the run directory
    edf_option: str = "--environment"
    workers: int = 1  # on each node
    setup: tuple[str, ...] = ()  # the user's own commands, which come first


@dataclass(frozen=True)
class File:
    """A file of the run directory that a script brings along."""

    path: str  # below the run directory
    data: bytes


def pilot_name(shape: Shape, number: int) -> str:
    """A job name that is unique for the account: the user's own prefix, the run, the pilot."""
    prefix = JOB_NAME.sub("-", shape.options.job_name).strip("-")[:LONGEST_PREFIX] or "fcx"
    return f"{prefix}-{shape.run_id}-{number:03d}"


def render(shape: Shape, pilot: str, files: Sequence[File]) -> str:
    """The job script of one pilot, with the files that it brings along.

    Among these is the pilot's configuration, unless it is uploaded: then its keys are in no script.
    """
    home = shlex.quote(posixpath.dirname(posixpath.dirname(shape.run)))
    parts = [
        "#!/bin/bash -l",
        *(f"#SBATCH {option}" for option in _directives(shape, pilot)),
        *_setup(shape.setup, home),
        _LOCK.format(
            home=home,
            run=shlex.quote(shape.run),
            programs=shlex.quote(f"{posixpath.dirname(shape.run)}/{programs.name()}"),
            folders=" ".join(f'"$run"/{folder}' for folder in layout.FOLDERS),
            pilot=pilot,
            full=names.DISK_FULL,
            refused=names.NOT_OURS,
            foreign=FOREIGN,
        ),
        _put('"$programs".py', programs.program()),
        _put('"$programs".sh', programs.shell()),
        *(_put(f'"$run"/{shlex.quote(file.path)}', file.data) for file in files),
        _START.format(
            puts=2 + len(files),
            starved=names.TEMPORARY_FULL,
            name=programs.name(),
            py=programs.digest(),
            sh=hashlib.sha256(programs.shell()).hexdigest(),
            edf=_SAME if shape.edf else "",
            batch=OF_BATCH,
            neighbours=_NEIGHBOURS if shape.workers > 1 else "",
            step=" ".join(STEP),
            srun=srun_line(shape, pilot),
        ),
    ]
    return "\n".join(parts) + "\n"


def srun_line(shape: Shape, pilot: str) -> str:
    """The one srun of a pilot; what must not be otherwise stands last, where it wins."""
    words = [shell_word(word) for word in shape.options.srun]
    edf = []
    if shape.edf:
        edf = [f'{shape.edf_option}="$where"/{shlex.quote(shape.edf)}']
    ours = [
        "--nodes=$SLURM_JOB_NUM_NODES",
        "--ntasks=$SLURM_JOB_NUM_NODES",
        "--ntasks-per-node=1",
        "--cpu-bind=none",
        "--wait=0",
        "--kill-on-bad-exit=0",
    ]
    agent = [
        f"sh -c {shlex.quote(_PIN.format(foreign=FOREIGN, refused=names.NOT_OURS))}",
        '"$base" "$programs"',
        shlex.quote(shape.python),
        '"$programs".py agent',
        '"$run"',
        f'"$run"/pilots/{layout.pilot_config(pilot)}',
    ]
    return " ".join(["srun", *edf, *words, *ours, *agent])


def _directives(shape: Shape, pilot: str) -> list[str]:
    """The user's options as they were, then ours."""
    user = directive_words(shape.options.sbatch)
    ours = ["--no-kill", f"--job-name={pilot}"]
    if not shape.options.requeue:
        ours.insert(0, "--no-requeue")
    return [user, " ".join(ours)] if user else [" ".join(ours)]


def _setup(commands: Sequence[str], home: str) -> list[str]:
    """The user's own commands, in the shell of the job: what they load or export stays."""
    made = [_SETUP.format(command=command, told=shlex.quote(command)) for command in commands]
    return [f"cd {home} 2>/dev/null", *made] if made else []


def directive_words(words: Iterable[str]) -> str:
    """What follows `#SBATCH` of some options."""
    return " ".join(map(_directive_word, words))


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


def _put(path: str, data: bytes) -> str:
    """Write a file unless it is there: a requeued job must not rewrite what was claimed from.

    ``path`` is a word of the shell.
    """
    text = data.decode("utf-8", "surrogateescape")
    plain = data.isascii() and text.endswith("\n") and "\nFCX_END\n" not in f"\n{text}"
    if plain and "\0" not in text and "\r" not in text:
        command, body = "cat", text
    else:
        command, body = "base64 -d", _lines(base64.b64encode(data).decode("ascii"))
    return f"put {path} {command} <<'FCX_END'\n{body}FCX_END"


def _lines(text: str) -> str:
    """A text in lines of a length that no editor and no shell minds; each costs a byte."""
    return "".join(f"{text[start : start + 1000]}\n" for start in range(0, len(text), 1000))


_SETUP = """\
{command}
code=$?
if [ $code != 0 ]; then
  echo "fcx: setup:" {told} "ended with code $code" >&2
  exit $code
fi"""

_LOCK = """\
set +Ceu # whatever a profile or a setup has set
mask=$(umask); umask 077
run={run}
programs={programs}
base=${{run%/*}} where=$run
cd {home} 2>/dev/null # a profile may have left it; where it is gone, that is said below
fail() {{ # what it was, what was said of it
  echo "fcx: $1: $2" >&2
  case $2 in *"o space left"*|*uota*) exit {full};; esac
  exit 1
}}
refuse() {{
  echo "fcx: $1 {foreign}" >&2
  exit {refused}
}}
private() {{ # ours, and nobody else may write there
  [ -d "$1/." ] && [ -O "$1" ] && [ -z "$(find "$1/." -maxdepth 0 -perm /022)" ]
}}
[ -e "$base" ] || told=$(LC_ALL=C mkdir -m 700 "$base" 2>&1) || [ -e "$base" ] ||
  fail "$base cannot be made: working_dir may be gone" "$told"
exec 9<"$base" || fail "$base cannot be opened" "it is not yours"
[ ! -L "$base" ] && private /proc/self/fd/9 || refuse "$base"
told=$(LC_ALL=C chmod 700 /proc/self/fd/9/. 2>&1) || fail "$base cannot be made private" "$told"
  run=/proc/self/fd/9/${{run##*/}}; programs=/proc/self/fd/9/${{programs##*/}}
[ ! -L "$run" ] || refuse "$where"
told=$(LC_ALL=C mkdir -p {folders} 2>&1) || fail "$where cannot be made" "$told"
private "$run" || refuse "$where"
chmod 700 "$run"
told=$(LC_ALL=C ln -sn "$SLURM_JOB_ID" "$run"/locks/{pilot} 2>&1)
holder=$(readlink "$run"/locks/{pilot}) || fail "the lock of {pilot} cannot be taken" "$told"
over() {{ # the word that the run is over; whoever finds that nobody wants it, removes it
  [ -e "$run"/inbox/closed ] || return 1
  [ "$(cat "$run"/inbox/closed)" != remove ] || rm -rf "$run"
}}
quit() {{ # with this code; an output in which nothing stands is taken along, if Slurm has named it
  out=slurm-$SLURM_JOB_ID.out
  [ "$1" != 0 ] || [ -s "$out" ] || [ ! "$out" -ef /proc/$$/fd/1 ] || rm -f "$out"
  exit "$1"
}}
[ "$holder" = "$SLURM_JOB_ID" ] || quit 0
over && quit 0
me=$SLURM_JOB_ID.${{SLURM_RESTART_COUNT:-0}}
left="$run"/locks/$me.left
(squeue -h -j "$SLURM_JOB_ID" -o %L >"$left~" && mv "$left~" "$left") 2>/dev/null &
puts=0
put() {{ # path command...: its input becomes the file, whole or not at all
  puts=$((puts + 1))
  [ -e "$1" ] && return
  f=$1; shift
  told=$(
    export LC_ALL=C
    exec 2>&1
    "$@" >"$f~$SLURM_JOB_ID" && mv "$f~$SLURM_JOB_ID" "$f"
  ) && return
  rm -f "$f~$SLURM_JOB_ID"
  fail "$base${{f#/proc/self/fd/9}} cannot be written" "$told"
}}"""

_START = """\
if [ $puts != {puts} ]; then # bash had no room for a file with what one of them was to read
  echo "fcx: there is no room for temporary files in ${{TMPDIR:-/tmp}} of $(uname -n)" >&2
  exit {starved}
fi
if [ "$(sha256sum <"$programs".py)" != "{py}  -" ] ||
    [ "$(sha256sum <"$programs".sh)" != "{sh}  -" ]; then
  echo "fcx: the programs $base/{name}.* are not those of this job: remove it, submit again" |
    tee -a "$run"/logs/"$me".0.exit >&2
  exit 1
fi
{edf}export FCX_UMASK=$mask FCX_JOB
FCX_JOB=$(env | grep '^SLURM_' | grep -Ev '^({batch})=')
{neighbours}unset {step}
SLURM_OVERLAP=1 SLURM_EXPORT_ENV=ALL {srun}
code=$?
over
quit $code"""

OF_BATCH = (
    "SLURM_(EXPORT_ENV|OVERLAP|PROCID|LOCALID|NODEID|GTIDS|TASK_PID|CPUS_ON_NODE|TOPOLOGY_ADDR.*)"
)
"""Variables of the batch script that are no task's: of its one process, or of its one node."""

STEP = (
    *(f"${{!SLURM_{name}*}}" for name in (
        "CPU_BIND", "CPUS_PER_", "DIST", "EX", "GPU", "GRES", "MEM_", "NTASKS", "TRES",
    )),
    *(f"SLURM_{name}" for name in (
        "ACCTG_FREQ", "BCAST", "COMPRESS", "HINT", "IMMEDIATE", "KILL_BAD_EXIT", "LABELIO",
        "NNODES", "NPROCS", "OPEN_MODE", "OVERCOMMIT", "REMOTE_CWD", "STDERRMODE", "STDINMODE",
        "STDOUTMODE", "THREADS", "THREADS_PER_CORE", "UNBUFFEREDIO", "WAIT", "WHOLE", "WORKING_DIR",
    )),
    "SRUN_CPUS_PER_TASK",
)  # fmt: skip
"""Variables that change what srun does: the step of the agents is to be as it is written here.

Words of bash, some with all names that begin so. They come from a profile, or from sbatch, which
sets them for steps of the user's own; those inside tasks have them again.
"""

_NEIGHBOURS = """\
FCX_JOB=$FCX_JOB$'\\n'SLURM_OVERLAP=1
"""
"""Workers of one node share it: a step of one does not wait for that of another."""

_SAME = """\
[ "$base" -ef /proc/self/fd/9/. ] || refuse "$base"
"""
"""srun takes the EDF by its path: another folder may have taken that name since it was held."""

_PIN = """\
exec 9<"$0"; programs=$1; shift
[ -O /proc/self/fd/9/. ] && [ -O "$programs".sh ] && [ -O "$programs".py ] || {{
  echo "fcx: $0 {foreign}" >&2
  exit {refused}
}}
exec sh "$programs".sh "$@\""""
"""On each node too the folder is held open: whatever takes its name is not looked at."""

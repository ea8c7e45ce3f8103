"""What sbatch makes of a script and its options: a JobSpec, or a refusal in sbatch's own words."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fcx.local.errors import SchedulerError
from fcx.local.programs.getopts import OptionProblem, Table
from fcx.local.scheduler import JobRequest

MAX_SCRIPT = 4 * 1024 * 1024
MAX_ARGUMENT = 131_072  # one argument of one command, as the kernel has it
UNLIMITED = 0

OPTIONS = Table(
    "a|array= A|account= bb= bbf= b|begin= comment= cpu-freq= c|cpus-per-task= d|dependency= "
    "deadline= delay-boot= D|chdir= e|error= export? export-file= get-user-env? gid= gres= "
    "gres-flags= H|hold ignore-pbs i|input= J|job-name= k|no-kill? L|licenses= M|clusters= "
    "container= m|distribution= mail-type= mail-user= mcs-label= n|ntasks= nice? no-requeue "
    "ntasks-per-node= N|nodes= o|output= O|overcommit p|partition= parsable? power= priority= "
    "profile= propagate? q|qos= Q|quiet reboot requeue s|oversubscribe S|core-spec= signal= "
    "spread-job switches= test-only thread-spec= t|time= time-min= uid= use-min-nodes v|verbose "
    "W|wait wckey= wrap= cluster-constraint= contiguous C|constraint= F|nodefile= mem= mincpus= "
    "reservation= tmp= w|nodelist= x|exclude= exclusive? mem-per-cpu= sockets-per-node= "
    "cores-per-socket= threads-per-core= ntasks-per-core= ntasks-per-socket= cpus-per-gpu= "
    "G|gpus= gpu-bind= gpu-freq= gpus-per-node= gpus-per-socket= gpus-per-task= mem-per-gpu= "
    "kill-on-invalid-dep= open-mode= cpu-bind= mem-bind= hint= overlap tasks-per-node= acctg-freq= "
    "h|help usage V|version"
)

_MEMORY_UNITS = {"": 1, "k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}


@dataclass(frozen=True)
class WarnSignal:
    """`--signal=[B:]SIG@seconds`: which signal, how long before the limit, who gets it."""

    number: int
    before: int
    shell_only: bool


@dataclass(frozen=True)
class JobSpec:
    """What was asked for. Times are minutes (None: the partition's default, 0: no limit)."""

    script: str
    chdir: str
    name: str = "sbatch"
    account: str | None = None
    partition: str | None = None
    reservation: str | None = None
    constraint: str | None = None
    qos: str | None = None
    output: str | None = None
    error: str | None = None
    input: str | None = None
    time: int | None = None
    nodes: int | None = None
    ntasks: int | None = None
    ntasks_per_node: int | None = None
    cpus_per_task: int | None = None
    mem: int | None = None  # MiB on each node
    exclusive: bool = False
    requeue: bool = True
    hold: bool = False
    append: bool = False
    kill: bool = True
    signal: WarnSignal | None = None
    export: str = "ALL"
    variables: Mapping[str, str] = field(default_factory=dict)
    dependency: str | None = None
    array: str | None = None
    comment: str | None = None
    begin: float = 0.0  # seconds from now
    answers_oddly: str | None = None  # "parsable", "wait" or "test-only"

    @property
    def asks_for_less(self) -> bool:
        """Whether tasks or CPUs were named, so that the job shares its nodes."""
        named = (self.ntasks, self.ntasks_per_node, self.cpus_per_task)
        return not self.exclusive and any(one is not None for one in named)


def refusal(text: str, status: int = 1) -> SchedulerError:
    """Sbatch ends with this status and prints these lines."""
    lines = "".join(f"sbatch: {line}\n" for line in text.splitlines())
    return SchedulerError.of_command(status, lines)


def refused_by_controller(text: str) -> SchedulerError:
    """What slurmctld says no to."""
    return refusal(f"error: Batch job submission failed: {text}")


def read_request(request: JobRequest, script: str) -> JobSpec:
    """The JobSpec of a request: options of the API call win over `#SBATCH` lines."""
    export = ",".join(["ALL", *(f"{key}={value}" for key, value in request.environment.items())])
    if len(f"--export={export}") >= MAX_ARGUMENT:
        raise SchedulerError.of_command(1, "/bin/bash: Argument list too long\n")
    _check_script(script)
    spec = JobSpec(script=script, chdir=request.working_directory)
    if request.script_path:
        spec = replace(spec, name=request.script_path.rpartition("/")[2])
    for name, value in (*_directives(script), *_call_options(request)):
        spec = _with_option(spec, name, value)
    return replace(
        spec, chdir=request.working_directory, export=export, variables=_exported(export)
    )


def without_script(spec: JobSpec) -> JobSpec:
    """The same, once the script is on disk: a thousand jobs need not hold theirs in memory."""
    return replace(spec, script="")


def _call_options(request: JobRequest) -> Iterable[tuple[str, str | None]]:
    given = {
        "partition": request.partition,
        "reservation": request.reservation,
        "account": request.account,
        "job-name": request.name,
        "error": request.standard_error,
        "output": request.standard_output,
        "input": request.standard_input,
        "constraint": request.constraints,
    }
    return [(name, value) for name, value in given.items() if value]


def _exported(export: str) -> dict[str, str]:
    """What sbatch makes of `--export`: it splits at every comma, so values end at their first."""
    pairs = (token.partition("=") for token in export.split(",")[1:])
    return {name: value for name, equals, value in pairs if equals and name}


def _check_script(script: str) -> None:
    if not script.strip():
        raise refusal(
            f"error: Batch script {'contains only whitespace' if script else 'is empty'}!"
        )
    if not script.startswith("#!"):
        raise refusal(
            "error: This does not look like a batch script.  The first\n"
            "error: line must start with #! followed by the path to an interpreter.\n"
            "error: For instance: #!/bin/sh"
        )
    if "\0" in script:
        raise refusal(
            "error: The Slurm controller does not allow scripts that\n"
            "error: contain a NULL character '\\0'."
        )
    if "\r\n" in script:
        raise refusal(
            "error: Batch script contains DOS line breaks (\\r\\n)\n"
            "error: instead of expected UNIX line breaks (\\n)."
        )


def _directives(script: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for line in script.split("\n"):
        if line and not line.isspace() and not line.startswith("#"):
            break
        if re.match(r"#SBATCH\s", line):
            found.extend(_directive(line[len("#SBATCH") :]))
    return found


def _directive(text: str) -> list[tuple[str, str | None]]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        raise refusal("error: Unmatched quote in batch script directive") from None
    try:
        options, rest = OPTIONS.parse(words)
    except OptionProblem as problem:
        lines = f'sbatch: {problem}\nTry "sbatch --help" for more information\n'
        raise SchedulerError.of_command(255, lines) from None
    if rest:
        raise refusal(f"error: Invalid directive found in batch script: {rest[0]}", 255)
    return options


def _with_option(spec: JobSpec, name: str, value: str | None) -> JobSpec:
    reader = _READERS.get(name)
    if reader is None:
        return spec
    try:
        return replace(spec, **reader(value))
    except ValueError:
        raise refusal(f"error: Invalid --{name} specification", 255) from None


def _count(key: str, option: str) -> Any:
    def read(value: str | None) -> dict[str, Any]:
        if value is None or not value.isdigit() or int(value) < 1:
            raise refusal(f'error: Invalid numeric value "{value}" for --{option}.')
        return {key: int(value)}

    return read


def _text(key: str) -> Any:
    return lambda value: {key: value}


def _nodes(value: str | None) -> dict[str, Any]:
    match = re.fullmatch(r"(\d+)(-\d+)?", value or "")
    if match is None:
        raise refusal(f'error: "{value}" is not a valid node count', 255)
    return {"nodes": int(match[1])}


def _open_mode(value: str | None) -> dict[str, Any]:
    if value not in {"append", "truncate", "a", "t"}:
        raise ValueError(value)
    return {"append": value.startswith("a")}


def minutes(text: str) -> int:
    """Slurm's `--time`: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S; seconds round up; 0 is no limit."""
    if text.lower() in {"unlimited", "infinite", "-1"}:
        return UNLIMITED
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text)
    if match is None:
        raise ValueError(text)
    days, first, second, third = match.groups()
    numbers = [int(one or 0) for one in (first, second, third)]
    if days is None and third is None:
        numbers = [0, *numbers[:2]]  # M or M:S
    hours, mins, seconds = numbers
    total = (((int(days or 0) * 24 + hours) * 60 + mins) * 60) + seconds
    return -(-total // 60)


def _time(value: str | None) -> dict[str, Any]:
    return {"time": minutes(value or "")}


def _memory(value: str | None) -> dict[str, Any]:
    match = re.fullmatch(r"(\d+)([kKmMgGtT]?)[bB]?", value or "")
    if match is None:
        raise ValueError(value)
    return {"mem": int(int(match[1]) * _MEMORY_UNITS[match[2].lower()]) or None}


def signal_number(text: str) -> int:
    """The number of a signal given as `USR1`, `SIGUSR1` or `10`; ValueError for any other."""
    if text.isdigit() and 0 < int(text) < signal.NSIG:
        return int(text)
    try:
        return int(signal.Signals[f"SIG{text.upper().removeprefix('SIG')}"])
    except KeyError:
        raise ValueError(text) from None


def _signal(value: str | None) -> dict[str, Any]:
    match = re.fullmatch(r"(?:([RB]+):)?(\w+)(?:@(\d+))?", value or "")
    if match is None:
        raise ValueError(value)
    before = int(match[3]) if match[3] else 60
    return {"signal": WarnSignal(signal_number(match[2]), before, "B" in (match[1] or ""))}


def _begin(value: str | None) -> dict[str, Any]:
    """`now+N[seconds|minutes|hours]`; a date or a time of day is not honoured here."""
    match = re.fullmatch(r"now(?:\+(\d+)(second|minute|hour)?s?)?", value or "")
    if match is None:
        raise ValueError(value)
    unit = {"second": 1, "minute": 60, "hour": 3600}[match[2] or "second"]
    return {"begin": float(int(match[1] or 0) * unit)}


_READERS: dict[str, Any] = {
    "job-name": _text("name"),
    "account": _text("account"),
    "partition": _text("partition"),
    "reservation": _text("reservation"),
    "constraint": _text("constraint"),
    "qos": _text("qos"),
    "output": _text("output"),
    "error": _text("error"),
    "input": _text("input"),
    "array": _text("array"),
    "dependency": _text("dependency"),
    "comment": _text("comment"),
    "time": _time,
    "begin": _begin,
    "nodes": _nodes,
    "ntasks": _count("ntasks", "ntasks"),
    "ntasks-per-node": _count("ntasks_per_node", "ntasks-per-node"),
    "tasks-per-node": _count("ntasks_per_node", "tasks-per-node"),
    "cpus-per-task": _count("cpus_per_task", "cpus-per-task"),
    "mem": _memory,
    "exclusive": lambda _: {"exclusive": True},
    "requeue": lambda _: {"requeue": True},
    "no-requeue": lambda _: {"requeue": False},
    "hold": lambda _: {"hold": True},
    "no-kill": lambda value: {"kill": value == "off"},
    "open-mode": _open_mode,
    "signal": _signal,
    "parsable": lambda _: {"answers_oddly": "parsable"},
    "wait": lambda _: {"answers_oddly": "wait"},
    "test-only": lambda _: {"answers_oddly": "test-only"},
}

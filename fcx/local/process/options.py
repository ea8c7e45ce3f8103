"""sbatch's options: which there are, and how the value of each is read."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any

from ..programs.getopts import Table
from .spec import WarnSignal

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

Fields = dict[str, Any]  # of the sections of a JobSpec
Reader = Callable[[str | None], Fields]


class BadValue(ValueError):
    """A value that sbatch refuses in words of its own; `status` is its exit status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def read(name: str, value: str | None) -> Fields:
    """What an option says, as fields; nothing for one that changes nothing on this machine."""
    reader = _READERS.get(name)
    try:
        return {} if reader is None else reader(value)
    except BadValue:
        raise
    except ValueError:
        raise BadValue(f"error: Invalid --{name} specification", 255) from None


def _count(key: str, option: str) -> Reader:
    def number(value: str | None) -> Fields:
        if value is None or not value.isdigit() or int(value) < 1:
            raise BadValue(f'error: Invalid numeric value "{value}" for --{option}.')
        return {key: int(value)}

    return number


def _text(key: str) -> Reader:
    return lambda value: {key: value}


def _nodes(value: str | None) -> Fields:
    match = re.fullmatch(r"(\d+)(-\d+)?", value or "")
    if match is None:
        raise BadValue(f'error: "{value}" is not a valid node count', 255)
    return {"nodes": int(match[1])}


def _open_mode(value: str | None) -> Fields:
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


def _time(value: str | None) -> Fields:
    return {"time": minutes(value or "")}


def _memory(value: str | None) -> Fields:
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


def _signal(value: str | None) -> Fields:
    match = re.fullmatch(r"(?:([RB]+):)?(\w+)(?:@(\d+))?", value or "")
    if match is None:
        raise ValueError(value)
    before = int(match[3]) if match[3] else 60
    return {"signal": WarnSignal(signal_number(match[2]), before, "B" in (match[1] or ""))}


def _begin(value: str | None) -> Fields:
    """`now+N[seconds|minutes|hours]`; a date or a time of day is not honoured here."""
    match = re.fullmatch(r"now(?:\+(\d+)(second|minute|hour)?s?)?", value or "")
    if match is None:
        raise ValueError(value)
    unit = {"second": 1, "minute": 60, "hour": 3600}[match[2] or "second"]
    return {"begin": float(int(match[1] or 0) * unit)}


_READERS: dict[str, Reader] = {
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
    "open-mode": _open_mode,
    "signal": _signal,
    "parsable": lambda _: {"answers_oddly": "parsable"},
    "wait": lambda _: {"answers_oddly": "wait"},
    "test-only": lambda _: {"answers_oddly": "test-only"},
}

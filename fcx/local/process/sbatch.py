"""What sbatch makes of a script and its options: a JobSpec, or a refusal in sbatch's own words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from ..errors import SchedulerError
from ..programs.getopts import OptionProblem
from ..scheduler import JobRequest
from . import options
from .spec import Charge, Exported, Files, JobSpec, Size, Timing

MAX_SCRIPT = 4 * 1024 * 1024
MAX_ARGUMENT = 131_072  # one argument of one command, as the kernel has it

Given = tuple[str, str | None]  # an option and its value
Section = TypeVar("Section", Charge, Files, Size, Timing)


def refusal(text: str, status: int = 1) -> SchedulerError:
    """Sbatch ends with this status and prints these lines."""
    lines = "".join(f"sbatch: {line}\n" for line in text.splitlines())
    return SchedulerError.of_command(status, lines)


def refused_by_controller(text: str) -> SchedulerError:
    """What slurmctld says no to."""
    return refusal(f"error: Batch job submission failed: {text}")


def script_of(request: JobRequest) -> str:
    """The script, wherever it lies; empty if there is none."""
    if not request.script_path:
        return request.script or ""
    try:
        with open(request.script_path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        raise refusal(f"error: Unable to open file {request.script_path}") from None


def read_request(request: JobRequest, script: str) -> JobSpec:
    """The JobSpec of a request: options of the request win over `#SBATCH` lines."""
    export = ",".join(["ALL", *(f"{key}={value}" for key, value in request.environment.items())])
    if len(f"--export={export}") >= MAX_ARGUMENT:
        raise SchedulerError.of_command(1, "/bin/bash: Argument list too long\n")
    _check_script(script)
    said = _read((*_directives(script), *_request_options(request)))
    name = request.script_path.rpartition("/")[2] if request.script_path else "sbatch"
    return JobSpec(
        script=script,
        chdir=request.working_directory,
        name=said.get("name", name),
        comment=said.get("comment"),
        array=said.get("array"),
        answers_oddly=said.get("answers_oddly"),
        charge=_section(Charge, said),
        files=_section(Files, said),
        size=_section(Size, said),
        timing=_section(Timing, said),
        exported=Exported(export, _variables(export)),
    )


def without_script(spec: JobSpec) -> JobSpec:
    """The same, once the script is on disk: a thousand jobs need not hold theirs in memory."""
    return replace(spec, script="")


def _read(given: Iterable[Given]) -> options.Fields:
    """The fields that the options set, the last of each."""
    said: options.Fields = {}
    for name, value in given:
        try:
            said.update(options.read(name, value))
        except options.BadValue as problem:
            raise refusal(str(problem), problem.status) from None
    return said


def _section(kind: type[Section], said: Mapping[str, Any]) -> Section:
    return kind(**{one.name: said[one.name] for one in fields(kind) if one.name in said})


def _request_options(request: JobRequest) -> list[Given]:
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


def _variables(export: str) -> dict[str, str]:
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


def _directives(script: str) -> list[Given]:
    found: list[Given] = []
    for line in script.split("\n"):
        if line and not line.isspace() and not line.startswith("#"):
            break
        if re.match(r"#SBATCH\s", line):
            found.extend(_directive(line[len("#SBATCH") :]))
    return found


def _directive(text: str) -> list[Given]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        raise refusal("error: Unmatched quote in batch script directive") from None
    try:
        found, rest = options.OPTIONS.parse(words)
    except OptionProblem as problem:
        lines = f'sbatch: {problem}\nTry "sbatch --help" for more information\n'
        raise SchedulerError.of_command(255, lines) from None
    if rest:
        raise refusal(f"error: Invalid directive found in batch script: {rest[0]}", 255)
    return found

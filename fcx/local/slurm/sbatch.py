"""The server's sbatch command line, and what sbatch's answer says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from ..scheduler import JobRequest

_SUBMITTED = re.compile(r"^Submitted batch job (\d+)", re.MULTILINE)


def submitted_id(output: str) -> str | None:
    """The id of the job that was queued; None where sbatch does not say so."""
    match = _SUBMITTED.search(output)
    return match[1] if match else None


def options(request: JobRequest, delay: float) -> Iterator[str]:
    """What the server puts on sbatch's command line; it goes before the script's #SBATCH lines."""
    exported = ["ALL", *(f"{name}={value}" for name, value in request.environment.items())]
    yield f"--export={','.join(exported)}"
    yield f"--chdir={request.working_directory}"
    named = {
        "job-name": request.name,
        "account": request.account,
        "partition": request.partition,
        "reservation": request.reservation,
        "constraint": request.constraints,
        "input": request.standard_input,
        "output": request.standard_output,
        "error": request.standard_error,
    }
    if delay:
        yield f"--begin=now+{math.ceil(delay)}"
    for option, value in named.items():
        if value:
            yield f"--{option}={value}"

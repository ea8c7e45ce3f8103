"""What was measured on a real machine: seconds of requests, of starts, and of work for each task."""

from __future__ import annotations

import msgspec

from fcx.executor.core import actions as act

SLURM = (act.SubmitPilot, act.CancelJob, act.ListJobs, act.AskJob)  # what asks it
MADE_OF = {
    act.Prepare: 0,
    act.MakeDirectory: 2,
    act.RemoveDirectory: 2,
}  # requests, where fcx knows the place


class Constants(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds; `fit.py` finds them in the JSON of the bench."""

    request: float = 0.012  # of what only touches files
    slurm: float = 0.04  # of what asks Slurm
    start: float = 0.5  # from a job's begin to its agents'
    seen: float = 0.0  # from an upload's end until an agent has looked at the file
    worker: float = 0.1  # processor time until a worker is there
    cores: int = 2  # of a node, for its workers to start on
    pickle: float = 60e-6  # client: a task, from submit to its bundle
    handling: float = 0.002  # client: a request
    read: float = 20e-6  # client: a record, from the bytes of a log to the core
    settle: float = 20e-6  # client: an outcome, from the core to the caller
    task: float = 150e-6  # agent and worker: a task, beside what it does itself

    def seconds(self, request: act.Request) -> float:
        """What one of HTTP takes where nothing is slow."""
        return self.slurm if isinstance(request, SLURM) else self.request


def made_of(request: act.Request) -> int:
    """How many of HTTP an action is; others are one."""
    return MADE_OF.get(type(request), 1)

"""What an executor was asked for, as far as decisions need it, and the constants of decisions."""

from __future__ import annotations

import msgspec


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What names and messages of one run are made of."""

    run: str = "run"  # its id
    pilots: str = "fcx"  # what the names of its pilots begin with
    directory: str = ""  # where that is known before the run begins
    policy: str = "minor"
    python: str = "python3"  # the interpreter that is started
    tag: str = ""  # of its image, where the EDF names it as this machine's own engine does
    shape: str = ""  # what its pilots are called by, as " with --partition=gpu"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one run. Times are in seconds."""

    max_workers: int
    nodes: int = 1  # of one pilot
    workers_per_node: int = 1
    sleep_interval: float = 30.0
    gate_timeout: float = 300.0  # for which a pilot waits for the go, while we live
    task_retries: int = 3
    inline: bool = True  # payload may ride in job scripts
    requeue: bool = False  # Slurm may start a pilot's job again
    initializer: bool = False  # workers run one first
    words: Words = Words()
    patience: float = 900.0  # without any usable answer of the server
    external: int = 500_000_000  # bytes from which the site's staging area is worth its jobs
    durable: bool = False  # the run has a name: what it leaves is there for the next process

    def workers(self) -> tuple[int, ...]:
        """How many workers the agent of each node of a pilot drives: never too many in all."""
        most = min(self.max_workers, self.nodes * self.workers_per_node)
        each, more = divmod(most, self.nodes)
        return tuple(each + (node < more) for node in range(self.nodes))

"""What a job asks for, as sbatch understood it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class WarnSignal:
    """`--signal=[B:]SIG@seconds`: which signal, how long before the limit, who gets it."""

    number: int
    before: int
    shell_only: bool


@dataclass(frozen=True)
class Charge:
    """Where it runs, and who pays for it."""

    account: str | None = None
    partition: str | None = None
    reservation: str | None = None
    constraint: str | None = None
    qos: str | None = None


@dataclass(frozen=True)
class Files:
    """Patterns of its files' names; `append` keeps what they hold."""

    output: str | None = None
    error: str | None = None
    input: str | None = None
    append: bool = False


@dataclass(frozen=True)
class Size:
    """How much of the machine it takes; memory in MiB on each node."""

    nodes: int | None = None
    ntasks: int | None = None
    ntasks_per_node: int | None = None
    cpus_per_task: int | None = None
    mem: int | None = None
    exclusive: bool = False

    @property
    def shares(self) -> bool:
        """Whether tasks or CPUs were named, so that the job shares its nodes."""
        named = (self.ntasks, self.ntasks_per_node, self.cpus_per_task)
        return not self.exclusive and any(one is not None for one in named)


@dataclass(frozen=True)
class Timing:
    """When it may start and must end.

    `time` is in minutes (None: the partition's default, 0: no limit), `begin` in seconds from now.
    """

    time: int | None = None
    begin: float = 0.0
    hold: bool = False
    requeue: bool = True
    dependency: str | None = None
    signal: WarnSignal | None = None


@dataclass(frozen=True)
class Exported:
    """`--export`, and the variables that sbatch made of it."""

    text: str = "ALL"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobSpec:
    """All that was asked for. `answers_oddly` is "parsable", "wait", "test-only" or None."""

    script: str
    chdir: str
    name: str = "sbatch"
    comment: str | None = None
    array: str | None = None
    answers_oddly: str | None = None
    charge: Charge = Charge()
    files: Files = Files()
    size: Size = Size()
    timing: Timing = Timing()
    exported: Exported = Exported()

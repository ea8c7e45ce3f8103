"""What a cluster is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Options:
    """What to serve. `port` 0 takes a free one; `root` None makes a temporary directory.

    `max_part_size` 0: there is no stage for large files.
    """

    scheduler: str = "process"
    nodes: int = 1
    cpus_per_node: int = 8
    port: int = 0
    python: str | None = None
    root: str | None = None
    filesystems: list[str] = field(default_factory=list)
    engine: list[str] | None = None
    minute: float = 60.0
    kill_wait: float = 2.0
    max_part_size: int = 64 * 1024 * 1024
    faults: dict[str, Any] = field(default_factory=dict)

"""What a run knows: its settings, its calls, its pilots, how far their logs are read."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ..config import Credentials
from ..errors import RunLost
from ..firecrest.client import Client
from ..jobscript import render as script
from ..parity.gate import Gate
from ..parity.verdict import Verdict
from ..protocol.rundir import Incarnation, LogCursor
from ..state.journal import Journal
from .pace import Pace
from .pilots import Pilot, workers_by_node
from .tasks import Ledger, Task

WINDOW = 0.003  # seconds without a new call after which a bundle leaves
LEAST_PAUSE = 2.0  # seconds between job listings: they are the dearest requests


_RECORDED = (
    *("working_dir", "max_workers", "workers_per_node", "max_tasks_per_child", "idle_timeout"),
    *("gate_timeout", "sleep_interval", "task_retries", "parity", "python", "inline", "edf_option"),
)
"""Settings that another process needs to carry a run on."""


@dataclass(frozen=True)
class RunSettings:
    """What an executor was asked for, checked."""

    credentials: Credentials
    working_dir: str
    options: script.Options
    max_workers: int
    workers_per_node: int
    max_tasks_per_child: int | None
    idle_timeout: float
    gate_timeout: float
    sleep_interval: float
    task_retries: int
    parity: str
    python: str
    inline: bool
    logger: logging.Logger
    initializer: bytes = b""
    edf: tuple[str, bytes] | None = None  # file name and text of the run's own EDF
    edf_option: str = "--environment"

    def to_record(self) -> dict[str, Any]:
        """What another process needs to carry the run on; no secrets."""
        record: dict[str, Any] = {name: getattr(self, name) for name in _RECORDED}
        record["sbatch"], record["srun"] = self.options.sbatch, self.options.srun
        record["edf"] = [self.edf[0], self.edf[1].decode("ascii")] if self.edf else None
        record["account"] = self.credentials.account
        return record


@dataclass
class _Poll:
    """When was what looked at."""

    looked: float = 0.0
    states: float = 0.0
    progress: dict[Incarnation, float] = field(default_factory=dict)


class RunState:
    """State of a run, and what every part of it asks of that state."""

    def __init__(self, settings: RunSettings, gate: Gate, journal: Journal) -> None:
        self.settings = settings
        self.gate = gate
        self.journal = journal
        self.log = settings.logger
        if gate.policy == "off":
            self.log.warning("parity off: whatever Python and packages are over there will be used")
        self.id = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(4)
        self.key = secrets.token_bytes(32)
        self.client = Client(settings.credentials, logger=settings.logger)
        self.directory = ""  # known once we know who we are over there
        self.ledger = Ledger(settings.task_retries)
        self.pilots: list[Pilot] = []
        self.cursors: dict[Incarnation, LogCursor] = {}
        self.broken: BaseException | None = None
        self.finished = threading.Event()
        self.keep = False  # the run directory holds something that was not fetched
        self.linger = False  # a job may start late, and must find the word that the run is closed
        self._arrived: deque[Task] = deque()
        self._arrival = 0.0
        self._first_arrival = 0.0
        self._window = WINDOW * 8
        self._lock = threading.Lock()
        self._closing = False
        self._aborting = False
        self._wake = asyncio.Event()
        self._poll_times = _Poll()
        self._states_pause = LEAST_PAUSE
        self._pace = Pace(settings.sleep_interval)
        self._sending: asyncio.Task[None] | None = None
        self._submitting: asyncio.Task[None] | None = None
        self._orders = 0
        self._bundles = 0
        self._cancels: list[str] = []
        self._uploaded: set[str] = set()
        self._landed = False  # an agent has come up: the run directory is there
        self._made = False  # we made the run directory ourselves
        self._barren = 0  # pilots in a row that ended before an agent came up
        self._barren_until = 0.0
        self._started = False
        self.verdict: Verdict | None = None
        self.resumed = False
        self._directory_fact = ""
        self._probing = False  # a preflight: one pilot, no calls

    def _waiting(self) -> bool:
        """Whether something is expected of the cluster."""
        return bool(self.ledger.unfinished) or (self._probing and self.verdict is None)

    def _run_lost(self) -> RunLost:
        return RunLost(
            f"The run directory {self.directory} is gone: somebody or a clean-up removed it. "
            "Calls that had not ended are lost; submit them again."
        )

    def _settle(
        self,
        task: Task,
        value: Any,
        error: BaseException | None,
        output: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        if self.ledger.drop(task.id) is not None:
            task.future.report_end(value, error, output)

    def _pilot_of(self, incarnation: Incarnation) -> Pilot | None:
        for pilot in self.pilots:
            if incarnation in pilot.agents or incarnation.job == pilot.job:
                return pilot
        return None

    def _per_pilot(self) -> int:
        counts = workers_by_node(
            self.settings.workers_per_node, self.settings.options.nodes, self.settings.max_workers
        )
        return sum(counts)

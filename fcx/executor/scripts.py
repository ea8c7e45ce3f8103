"""A pilot's job script and configuration, of what a run is made with (pure)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from ..jobscript.look import Look
from ..jobscript.render import File, Shape, pilot_name, render
from ..protocol import keys
from ..protocol.config import Config
from .settings import RunSettings

SIGNS = 60.0  # seconds for which a pilot that waits for the go does without a sign of its client
LOOKS = 2.0  # looks at the least, before the client can know that it waits


class Scripts:
    """Scripts of the pilots of one run that are of one shape."""

    def __init__(
        self, settings: RunSettings, run: str, key: bytes, mark: str | None = None
    ) -> None:
        self.settings = settings
        self.run = run
        self.key = key
        self.mark = mark  # of the bundles that they take; None: of no shape of their own

    def shape(self, directory: str) -> Shape:
        """What the run's pilots have in common."""
        environment = self.settings.environment
        return Shape(
            self.settings.options,
            directory,
            self.run,
            self.settings.python,
            f"edf/{environment.name}" if environment.name else "",
            environment.option,
            self.settings.table.workers_per_node,
            self.settings.table.setup,
        )

    def prefix(self) -> str:
        """What the names of the run's pilots begin with."""
        return pilot_name(self.shape(""), 1).removesuffix("-001")

    def config(
        self,
        directory: str,
        pilot: str,
        workers: tuple[int, ...],
        guard: Mapping[str, Any] | None,
        *,
        look: Look | None = None,
        gate_timeout: float | None = None,
    ) -> Config:
        """What the pilot's agents are told; without a guard they probe and wait for one.

        ``look``: how closely they look at the image.
        """
        table = self.settings.table
        patience = min(table.gate_timeout, max(SIGNS, LOOKS * table.sleep_interval))
        name = self.settings.environment.name
        return Config(
            pilot=pilot,
            workers=workers,
            idle_timeout=table.idle_timeout,
            gate_timeout=patience if gate_timeout is None else gate_timeout,
            pilot_key=keys.pilot_key(self.key, pilot),
            inbox_key=keys.inbox_key(self.key),
            max_tasks_per_child=table.max_tasks_per_child,
            guard=dict(guard) if guard is not None else None,
            probe=table.parity == "off",
            look=look.program() if look else None,
            edf=posixpath.join(directory, "edf", name) if name else None,
            shape=self.mark,
        )

    def text(
        self,
        directory: str,
        config: Config,
        files: Iterable[File],
        *,
        opened: bool,
        inline: bool | None = None,
    ) -> str:
        """The script, with what it brings along; one without payload may be ``inline`` anyhow."""
        carried = list(files)
        environment = self.settings.environment
        if environment.name:
            carried.insert(0, File(f"edf/{environment.name}", environment.text))
        if self.settings.table.inline if inline is None else inline:
            if opened and self.settings.initializer:
                carried.append(File("initializer", self.settings.initializer))
            carried.append(File(f"pilots/{config.pilot}.json", config.encode()))
        return render(self.shape(directory), config.pilot, carried)

"""A call becomes a task: pickled in the caller's thread, what it needs found out, and judged.

``interface.py`` loads this when an executor is made, so that importing the class costs little.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..parity.gate import Gate
from ..parity.verdict import Verdict
from ..payload import dump as payload
from ..payload.needs import Needs, RequirementsCache
from ..state.memory import Memory
from .core.events import TaskInfo
from .effects.context import Identity
from .future import FirecrestFuture
from .mailbox import NewTask
from .preflight import preflight
from .run import Run, make_context
from .settings import settle


class Intake:
    """What stands between an executor's interface and its run."""

    def __init__(
        self,
        given: Mapping[str, object],
        env: Mapping[str, str | None] | None,
        logger: logging.Logger,
        initializer: tuple[Callable[..., Any], tuple[Any, ...]] | None,
        include: Sequence[Any],
    ) -> None:
        first = payload.dump_initializer(*initializer) if initializer else b""
        self.settings, self.question = settle(given, env, logger, first)
        memory = Memory(logger)
        self._gate = Gate(self.question, memory)
        self._needs = RequirementsCache(tuple(include))
        self.run = Run(make_context(self.settings, self._gate, Identity.new(), memory))
        self._numbers = itertools.count(1)

    def prepare(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[bytes, Needs]:
        """The pickle of a call and what that needs.

        Raises PayloadError for what cannot be pickled.
        """
        data = payload.dump(fn, args, kwargs)
        return data, self._needs.needs(fn, data)

    def judge(self, needs: Needs) -> None:
        """Begin the run, which recalls what is known of the remote side, and judge by that.

        Raises ParityError for what the remote side is known to lack.
        """
        self.run.begin()
        self._gate.refuse_task(needs.requirements)

    def submit(self, fn: Callable[..., Any], data: bytes, needs: Needs) -> FirecrestFuture[Any]:
        """Hand a task to the run."""
        suffix = ".x.zip" if needs.extract else ".zip"
        archive = needs.archive_name.removesuffix(".zip") + suffix if needs.archive else ""
        walltime = getattr(fn, "walltime", None)
        info = TaskInfo(
            f"t{next(self._numbers):07d}",
            payload.name_of(fn),
            len(data),
            payload.function_key(fn),
            float(walltime) if isinstance(walltime, (int, float)) else None,
            ((archive, len(needs.archive)),) if archive else (),
            self.run.context.requirements.number(needs.requirements),
        )
        future: FirecrestFuture[Any] = FirecrestFuture(info.id, self.run)
        archives = ((archive, needs.archive),) if archive else ()
        self.run.submit(NewTask(info, data, future, archives))
        return future

    def preflight(self, *, fresh: bool) -> Verdict:
        """The verdict on the remote side."""
        return preflight(self.settings, self.question, fresh=fresh).verdict

"""The step that proves the remote side: as `fcx preflight`, unless that is remembered."""

from __future__ import annotations

import json
import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..config import Credentials, Settings
from ..errors import ConfigError, ParityError
from ..files import EDF_FOLDER, edf_path, manifest_path
from ..jobscript.options import Options
from . import shipment
from .project import Project, proposed
from .step import Done, Look

if TYPE_CHECKING:
    from ..executor.settings import RunSettings
    from ..parity.gate import Question
    from ..parity.verdict import Verdict

DEFAULTS = {"--nodes": "--nodes=1", "--time": "--time=00:15:00"}
"""sbatch options of the job, each where the user's own say nothing of the kind."""


def given_by(
    own: Settings,
    working_dir: str,
    environment: str | None,
    sbatch: Sequence[str] | None,
    policy: str,
) -> dict[str, object]:
    """What an executor would be given, for a short job."""
    return {
        "working_dir": working_dir,
        "sbatch_options": shipment.words(own, sbatch, DEFAULTS),
        "environment": environment,
        "parity": policy or None,
        "sleep_interval": 5,
    }


def edf_for(own: Settings, srun: Sequence[str] | None = None) -> str | None:
    """The EDF of the project's image, where nothing names another; None where it has no image.

    Raises ConfigError where the image's manifest is there and the EDF is not: what a login shell
    finds is no answer for who asks about an image.
    """
    options = srun if srun is not None else own.executor.srun_options
    if own.executor.environment is not None or Options.check((), options).environment:
        return None
    folder, logger = own.root / EDF_FOLDER, logging.getLogger("fcx")
    path, manifest = edf_path(own.image.name, folder), manifest_path(own.image.name, folder)
    if path.is_file():
        logger.info(f"Judging {path}; --edf names another, --edf '' none")
        return str(path)
    if manifest.is_file():
        raise ConfigError(
            f"There is no EDF {path}, though the manifest of its image is there. Make it: `fcx up` "
            "(the EDF of an adopted image is yours to put there); --edf names another, and --edf "
            "'' judges the system outside any container."
        )
    logger.info(f"There is no EDF {path}: judging the system outside any container")
    return None


def place_for(*, known: bool = False) -> str:
    """A working directory for whoever has named none, and how to keep it."""
    place = proposed(Credentials.from_env(None), known=known)
    logging.getLogger("fcx").info(
        f"No working directory is set: taking {place}. To keep it: working_dir = "
        f"{json.dumps(place)} under [executor] in fcx.toml, or --working-dir {shlex.quote(place)}"
    )
    return place


class Preflight:
    """Judges the EDF of the project's image."""

    name = "preflight"

    def __init__(
        self,
        project: Project,
        working_dir: str,
        sbatch: Sequence[str] | None,
        policy: str,
        *,
        fresh: bool,
    ) -> None:
        self._project = project
        self._working_dir = working_dir
        self._sbatch = sbatch
        self._policy = policy
        self._fresh = fresh

    @cached_property
    def _asked(self) -> tuple[RunSettings, Question]:
        """As an executor in this EDF would be made; once the EDF is written."""
        from ..executor.settings import settle

        project = self._project
        own = project.settings.executor.working_dir
        place = self._working_dir or own or place_for(known=True)
        edf = str(project.edf_path)
        return settle(given_by(project.settings, place, edf, self._sbatch, self._policy))

    def look(self) -> Look:
        """Without a request: whether a verdict is remembered that is about all this and passes."""
        from ..parity.gate import Gate
        from ..spoken import ago
        from ..state.memory import Memory

        settings, question = self._asked
        if self._fresh:
            return Look(True, "--fresh asks again")
        gate = Gate(question, Memory(settings.logger))
        try:
            known = gate.recall()
        except ParityError:
            return Look(True, "the image's manifest differs from the client")
        if known is None:
            return Look(True, "no verdict on this image, EDF and client is remembered")
        when = ago(known.known.age(time.time()))
        noted = _notes(known.verdict)
        why = f"passed {when}, and nothing that this rests on has changed{noted}"
        return Look(False, why, {"verdict": _plain(known.verdict)})

    def do(self) -> Done:
        """Ask; a refusal is an answer."""
        from ..executor.preflight import preflight

        settings, question = self._asked
        verdict = preflight(settings, question, fresh=self._fresh).verdict
        said = f"passed{_notes(verdict)}" if verdict.passed else "refused"
        text = "" if verdict.passed else verdict.text()
        return Done(said, (), text, verdict.passed, {"verdict": _plain(verdict)})


def _notes(verdict: Verdict) -> str:
    """How much it has to say all the same."""
    return f", with {verdict.notes} to note: `fcx preflight` shows it" if verdict.notes else ""


def _plain(verdict: Verdict) -> Mapping[str, object]:
    """As `fcx preflight --json` has it."""
    found: dict[str, object] = json.loads(verdict.to_json())
    return found

"""The gate: a far side proves what it is before any payload leaves; the proof is remembered.

::

    known and fresh ──> compare ──> guard ──> payload rides in the first script
    unknown ──> one pilot without payload ──> its probe ──> admit: compare ──> guard, remembered
                                                               └──> ParityError, nothing was sent

The guard is what every agent compares with its own place before its workers unpickle anything.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from ..config import ParitySettings, check_policy
from ..errors import ParityError
from ..payload.requirements import Requirements
from ..state.facts import Facts
from ..state.journal import Journal
from .cache import Known, verdict_key
from .compare import before_queue, compare
from .manifest import Manifest
from .snapshot import Snapshot
from .verdict import Verdict

MANIFEST_SUFFIX = ".manifest.json"


def here() -> Snapshot:
    """The environment of this process, found by the same probe that runs over there."""
    return _here(tuple((entry, _changed(entry)) for entry in (*sys.path, ".")))


@lru_cache(maxsize=1)
def _here(_places: tuple[tuple[str, int], ...]) -> Snapshot:
    """Probed once for as long as nothing is installed into or removed from these places."""
    from ..protocol import probe

    return Snapshot.from_probe(probe.snapshot())


def _changed(place: str) -> int:
    try:
        return os.stat(place or ".").st_mtime_ns  # noqa: PTH116 - of a zip as well as of a folder
    except OSError:
        return 0


def manifest_beside(edf: str) -> Manifest | None:
    """The manifest that `fcx image build` or `--adopt` wrote beside an EDF, if there is one."""
    path = Path(edf)
    beside = path.with_name(path.name.removesuffix(".toml") + MANIFEST_SUFFIX)
    if not beside.is_file():
        return None
    return Manifest.from_json(beside.read_bytes(), str(beside))


@dataclass
class Gate:
    """Holds payloads back until a verdict has passed. For one executor."""

    policy: str
    journal: Journal
    system: str  # server and system
    facts: Facts = field(default_factory=Facts)
    rules: ParitySettings = field(default_factory=ParitySettings)
    manifest: Manifest | None = None
    python: str = ""  # the interpreter that the user chose over there, if any
    edf: str = ""  # what verdicts of it are remembered under: a hash of the content, or a name
    edf_digest: str | None = None  # SHA-256 of the file that travels with the run
    fresh: bool = False  # ask again, whatever is remembered
    guard: dict[str, Any] | None = None
    known: Known | None = None
    verdict: Verdict | None = None
    far: Snapshot | None = None  # as last seen, whether it passed or not
    _calls: dict[tuple[int, bool], tuple[Requirements, Verdict]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_policy(self.policy)

    @cached_property
    def caller(self) -> Snapshot:
        """The environment that calls submit."""
        return here()

    @cached_property
    def key(self) -> str:
        """What a verdict is remembered under: neither partition nor placement is part of it."""
        return "verdict " + verdict_key(
            system=self.system,
            edf=self.edf,
            interpreter=self.interpreter,
            manifest=self.manifest,
            caller=self.caller,
        )

    @property
    def interpreter(self) -> str:
        """The Python that is started over there."""
        return self.python or (self.manifest.python.executable if self.manifest else "python3")

    def recall(self) -> None:
        """Open the gate by what is remembered, if that is fresh and still passes.

        Raises ParityError for what the image's manifest alone tells: that needs no job.
        """
        if self.guard is not None:
            return
        if self.manifest is not None:
            verdict = self._compare(self.manifest)
            if not verdict.passed:
                self.verdict = verdict
                raise self._error(verdict)
        if self.fresh:
            return
        remembered = self.facts.get(self.key, self.rules.max_age_days * 86400)
        if remembered is None:
            if self.policy == "off":
                self.guard = {}
            return
        known = Known.from_json(remembered)
        if known.is_fresh(time.time(), self.rules.max_age_days):
            verdict = self._compare(known.remote)
            if verdict.passed:
                self._open(known, verdict)

    def admit(self, probe: Mapping[str, Any], hashes: Mapping[str, str | None]) -> Verdict:
        """Judge what a pilot found. Raises ParityError; else the gate is open and this remembered.

        ``hashes``: digest of the EDF as the agent found it.
        """
        far = self.far = Snapshot.from_probe(dict(probe))
        wanted = {"the EDF": self.edf_digest} if self.edf_digest else {}
        files = {name: (digest, hashes.get(name)) for name, digest in wanted.items()}
        self.verdict = self._compare(far, files)
        if not self.verdict.passed:
            raise self._error(self.verdict)
        known = Known(self.key, time.time(), far)
        self.facts.store(self.key, known.to_json())
        self._open(known, self.verdict)
        return self.verdict

    def _compare(
        self, far: Snapshot | Manifest, hashes: Mapping[str, tuple[str, str | None]] | None = None
    ) -> Verdict:
        return compare(
            self.policy,
            remote=far,
            manifest=self.manifest,
            caller=self.caller,
            rules=self.rules,
            python=self.python,
            hashes=hashes,
        )

    def _open(self, known: Known, verdict: Verdict) -> None:
        self.known, self.verdict, self.far = known, verdict, known.remote
        self.guard = {} if self.policy == "off" else self._guard(known.remote)

    def _guard(self, far: Snapshot) -> dict[str, Any]:
        """What each agent must find in its own place: quick to see, and enough to notice drift."""
        strict = self.policy == "strict"
        version = far.python.version if strict else f"{far.python.minor}."
        guard: dict[str, Any] = {
            "python": f"{far.python.implementation} {version}",
            "dill": far.dill,
            "architecture": far.arch.machine,
        }
        if self.manifest is not None:
            guard["executable"] = far.python.executable
            guard["build_id"] = self.manifest.build_id or far.build_id
        if self.edf_digest:
            guard["edf"] = self.edf_digest
        if strict:
            listed = sorted(f"{name}=={version}" for name, version in far.distributions.items())
            guard["distributions"] = hashlib.sha256("\n".join(listed).encode()).hexdigest()
        return guard

    def check_call(self, requirements: Requirements) -> Verdict:
        """Judge what one call refers to, against the far side as far as it is known."""
        known = self.known  # the image's manifest knows less than the live place: judge again
        key = id(requirements), known is not None
        found = self._calls.get(key)
        if found is not None:
            return found[1]
        far = known.remote if known else self.manifest
        verdict = before_queue(
            requirements, far, self.policy, self.rules, caller=self.caller, manifest=self.manifest
        )
        if far is not None:
            self._calls[key] = requirements, verdict
        return verdict

    def refuse_call(self, requirements: Requirements) -> None:
        """Raise ParityError for a call that cannot run in the known far side."""
        verdict = self.check_call(requirements)
        if not verdict.passed:
            raise self._error(verdict)

    def refused(self, findings: list[list[Any]]) -> ParityError:
        """The error for what an agent's guard found: its place is not the one that passed."""
        self.forget()
        lines = [f"  {what}: wanted {wanted}, found {found}" for what, wanted, found in findings]
        return ParityError(
            "A node is not the environment that passed the check, so nothing was unpickled "
            "there:\n" + "\n".join(lines) + "\nRun `fcx preflight --fresh` to judge it anew."
        )

    def not_started(self, job: str, told: str) -> ParityError:
        """The error for a far side that could not even start the probe."""
        self.forget()
        if "not found" in told and self.interpreter in told:
            fix = (
                f"There is no {self.interpreter} over there: name one with python=..., load a "
                "module in your login shell, or use an image (environment=...)."
            )
        else:
            fix = "Fix what it complains of, then run `fcx preflight --fresh`."
        return ParityError(
            f"Job {job} could not start {self.interpreter} in the environment that was asked for, "
            f"so nothing was sent. Its output ends with:\n{told.rstrip()}\n{fix}"
        )

    def forget(self) -> None:
        """What is remembered of this far side no longer counts."""
        self.facts.forget(self.key)

    def _error(self, verdict: Verdict) -> ParityError:
        error = ParityError(
            "The far side is not the environment that you have here; no payload was sent.\n"
            + verdict.text()
        )
        error.verdict = verdict
        return error

"""The gate: a remote side proves what it is before any payload leaves; the proof is remembered.

::

    remembered and fresh ──> compare ──> open: payload rides in the first script
    unknown ──> one pilot without payload ──> its probe ──> admit: compare ──> open, remembered
                                                               └──> ParityError, nothing was sent

What was judged is published and never changes; any thread may read it. Where agents find that other
versions were installed since, or a fresh preflight what there is now, another judgement takes its
place as a whole. The guard is what every agent compares with its own place before its workers
unpickle anything.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Protocol

from ..config import ParitySettings, check_policy
from ..errors import ManifestError, ParityError
from ..files import project_root
from ..jobscript.look import Look
from ..payload.requirements import Relied, Requirements
from ..protocol.content import summary
from ..records import replace as altered
from .cache import Known, last_seen, verdict_key
from .compare import before_queue, compare, relied
from .image import OUTDATED
from .manifest import Manifest
from .snapshot import Snapshot
from .verdict import Verdict

Passed = Mapping[str, tuple[str | None, ...]]
"""Distribution -> the versions with which what a task refers to has passed; None: its absence."""

BUILD_AGE = 365 * 86400.0  # seconds for which it counts that each byte of a build was seen


def client_snapshot() -> Snapshot:
    """The environment of this process, found by the same probe that runs on the cluster."""
    return _client_snapshot(tuple((entry, _changed(entry)) for entry in (*sys.path, ".")))


@lru_cache(maxsize=1)
def _client_snapshot(_places: tuple[tuple[str, int], ...]) -> Snapshot:
    """Probed once for as long as nothing is installed into or removed from these places."""
    from ..protocol import probe

    return Snapshot.from_probe(probe.snapshot())


def _changed(place: str) -> int:
    try:
        return os.stat(place or ".").st_mtime_ns  # noqa: PTH116 - of a zip as well as of a folder
    except OSError:
        return 0


@dataclass(frozen=True)
class Question:
    """What a verdict is about: policy and rules, the image, the interpreter, the EDF."""

    policy: str
    system: str  # server and system
    rules: ParitySettings = field(default_factory=ParitySettings)
    manifest: Manifest | None = None
    python: str = ""  # the remote interpreter that the user chose, if any
    edf: str = ""  # what verdicts of it are remembered under: a hash of the content, or a name
    edf_digest: str | None = None  # SHA-256 of the file that travels with the run
    stale: str = ""  # what has changed since the image was built, if anything
    edf_build: str = ""  # the build that the EDF was written for, where it says so
    said: tuple[str, ...] = ()  # which step on the way to the image is missing, with its command
    surroundings: tuple[str, ...] = ()  # what else the remote side is made by: srun options, setup

    def __post_init__(self) -> None:
        check_policy(self.policy)

    @property
    def interpreter(self) -> str:
        """The Python that is started on the cluster."""
        return self.python or (self.manifest.python.executable if self.manifest else "python3")

    @cached_property
    def caller(self) -> Snapshot:
        """The environment that calls submit."""
        return client_snapshot()

    @cached_property
    def key(self) -> str:
        """What a verdict is remembered under: neither partition nor placement is part of it."""
        return "verdict " + verdict_key(
            system=self.system,
            edf=self.edf,
            surroundings=self.surroundings,
            interpreter=self.interpreter,
            manifest=self.manifest,
            caller=self.caller,
        )

    @property
    def outdated(self) -> tuple[str, ...]:
        """What of EDF and image is missing, or older than what it is made of, and what to do."""
        if self.manifest is None or not (self.stale or self.edf_build):
            return self.said
        if not self.stale and self.edf_build == self.manifest.build_id:
            return self.said
        found = self.judge(self.manifest).differences
        return self.said + tuple(
            f"{one.what}: wanted {one.wanted}, found {one.found}. Fix: `{one.fix}`"
            for one in found
            if one.code in OUTDATED
        )

    @property
    def build(self) -> str:
        """What it is remembered under that a build has been looked at to the last byte."""
        build_id = self.manifest.build_id if self.manifest else ""
        return f"contents {self.system} {build_id} {self.interpreter}"

    def look(self, *, known: bool) -> Look | None:
        """How closely pilots look at the image; ``known``: each byte of this build was seen."""
        content = self.manifest.content if self.manifest else None
        if content is None or self.policy == "off":
            return None
        return Look(tuple(content.files), self.policy == "strict" and not known)

    def judge(
        self, place: Snapshot | Manifest, edf: tuple[str, str | None] | None = None
    ) -> Verdict:
        """The verdict on a place; ``edf``: the digests that were sent and found."""
        return compare(
            self.policy,
            remote=place,
            manifest=self.manifest,
            caller=self.caller,
            rules=self.rules,
            python=self.python,
            hashes={"the EDF": edf} if edf else None,
            stale=self.stale,
            edf_build=self.edf_build,
        )

    def relied(self, requirements: Requirements | Relied, remote: Snapshot) -> Passed:
        """What the verdict on a task rests on at the remote side."""
        found = relied(requirements, remote, self.policy, self.rules)
        return {name: (version,) for name, version in found.items()}

    def judge_task(
        self, requirements: Requirements | Relied, place: Snapshot | Manifest | None
    ) -> Verdict:
        """The verdict on what one task refers to; of a place that is not known, nothing."""
        return before_queue(
            requirements,
            place,
            self.policy,
            self.rules,
            caller=self.caller,
            manifest=self.manifest,
        )

    def guard(self, remote: Snapshot) -> dict[str, Any]:
        """What each agent must find in its own place: quick to see, and enough to notice drift."""
        if self.policy == "off":
            return {}
        strict = self.policy == "strict"
        version = remote.python.version if strict else f"{remote.python.minor}."
        guard: dict[str, Any] = {
            "python": f"{remote.python.implementation} {version}",
            "dill": remote.dill,
            "architecture": remote.arch.machine,
        }
        if self.manifest is not None:
            guard["executable"] = remote.python.executable
            guard["build_id"] = self.manifest.build_id or remote.build_id
        if remote.content is not None:
            guard["content"] = summary(dict(remote.content.files))
        if self.edf_digest:
            guard["edf"] = self.edf_digest
        if strict:
            listed = sorted(f"{name}=={version}" for name, version in remote.distributions.items())
            guard["distributions"] = hashlib.sha256("\n".join(listed).encode()).hexdigest()
        return guard


@dataclass(frozen=True)
class Judgement:
    """A place that has passed: its verdict, what was found there, what its agents must find."""

    verdict: Verdict
    known: Known  # what was found there, and when
    guard: Mapping[str, Any]

    @property
    def remote(self) -> Snapshot:
        """What was found there."""
        return self.known.remote


@dataclass(frozen=True)
class _Asked:
    """What a task refers to, and what was said of that by which judgement."""

    requirements: Requirements | Relied
    judged: Judgement | None
    verdict: Verdict
    passed: Passed


class Facts(Protocol):
    """What is remembered of remote sides."""

    def get(self, key: str, max_age: float) -> Any:
        """A value that is at most that many seconds old, or None."""

    def store(self, key: str, value: Any) -> None:
        """Remember it."""

    def forget(self, key: str) -> None:
        """Remember it no longer."""


class Gate:
    """Holds payloads back until a verdict has passed. For one executor; any thread."""

    def __init__(self, question: Question, facts: Facts) -> None:
        self.question = question
        self.facts = facts
        self._lock = threading.Lock()
        self._judgement: Judgement | None = None
        self._tasks: dict[int, _Asked] = {}  # by identity: those that are known are kept
        self._seen_whole = False

    @property
    def judgement(self) -> Judgement | None:
        """What was published."""
        return self._judgement

    @property
    def open(self) -> bool:
        """Whether payload may leave: a verdict has passed, or none is asked for."""
        return passed(self._judgement) or self.question.policy == "off"

    @property
    def guard(self) -> Mapping[str, Any]:
        """What agents must find."""
        return self._judgement.guard if self._judgement else {}

    @property
    def look(self) -> Look | None:
        """How closely a pilot looks at the image that it is in, where nothing is known of it."""
        return self.question.look(known=self._seen_whole or self._judgement is not None)

    def recall(self) -> Judgement | None:
        """Publish what is remembered, if that is fresh and still passes.

        Raises ParityError for what the image's manifest alone tells: that needs no job.
        """
        self.refuse_image()
        if self._judgement is not None:
            return self._judgement
        question = self.question
        self._seen_whole = bool(self.facts.get(question.build, BUILD_AGE))
        known = self.remembered()
        if known is None:
            return None
        verdict = question.judge(known.remote)
        return self._publish(verdict, known) if verdict.passed else None

    def remembered(self) -> Known | None:
        """What a preflight or a pilot has found, whoever sent it."""
        days = self.question.rules.max_age_days
        remembered = self.facts.get(self.question.key, days * 86400)
        if remembered is None:
            return None
        try:
            known = Known.from_json(remembered)
        except ManifestError:
            return None  # damaged, or a newer fcx's: as good as none
        return known if known.is_fresh(time.time(), days) else None

    def refuse_image(self) -> None:
        """Raise ParityError where the manifest is not the environment that calls submit."""
        if self.question.manifest is not None:
            verdict = self.question.judge(self.question.manifest)
            if not verdict.passed:
                raise refusal(verdict)

    def admit(self, probe: Mapping[str, Any], edf: str | None) -> Judgement:
        """Judge what a pilot found; publish and remember it. Raises ParityError.

        ``edf``: digest of the EDF as the agent found it.
        """
        question = self.question
        remote = Snapshot.from_probe(dict(probe))
        self._note(remote)
        digests = (question.edf_digest, edf) if question.edf_digest else None
        verdict = question.judge(remote, digests)
        if not verdict.passed:
            self.forget()
            raise refusal(verdict)
        known = Known(question.key, time.time(), remote)
        self.facts.store(question.key, known.to_json())
        if remote.content is not None and remote.content.contents:
            self.facts.store(question.build, True)
        return self._publish(verdict, known)

    def _publish(self, verdict: Verdict, known: Known) -> Judgement:
        with self._lock:
            judged = self._judgement
            if judged is None or not judged.verdict.passed:
                self._judgement = judged = self._judged(verdict, known)
            return judged

    def _judged(self, verdict: Verdict, known: Known) -> Judgement:
        return Judgement(verdict, known, self.question.guard(known.remote))

    def renew(self, known: Known | None = None) -> bool:
        """Take what was found anew in place of what was published, be that passed or refused.

        By default what is remembered, where somebody has found it since; whether it was taken.
        """
        since = self._judgement.known.taken if known is None and self._judgement else 0.0
        known = known or self.remembered()
        if known is None or known.taken <= since:
            return False
        judged = self._judged(self.question.judge(known.remote), known)
        with self._lock:
            self._judgement = judged
        return True

    def learn(self, found: Mapping[str, str | None]) -> None:
        """Agents have found these versions now: what comes is judged by them.

        What was remembered counts no longer. ``found``: distribution -> version, None: absent.
        """
        with self._lock:
            judged = self._judgement
            if judged is not None:
                remote = judged.remote.with_releases(found, self.question.caller)
                known = altered(judged.known, remote=remote, taken=time.time())
                self._judgement = replace(judged, known=known)
        self.forget()

    def check_task(self, requirements: Requirements | Relied) -> Verdict:
        """Judge what one task refers to, against the remote side as far as it is known."""
        judged = self._judgement  # the manifest knows less than the live place: judge again
        before = self._tasks.get(id(requirements))
        if before is not None and before.judged is judged:
            return before.verdict
        if judged is not None and not judged.verdict.passed:
            return judged.verdict  # of a fresh preflight
        place = judged.remote if judged else self.question.manifest
        verdict = self.question.judge_task(requirements, place)
        if judged and not verdict.passed:
            self._note(judged.remote)
        if place is not None:
            passed = dict(before.passed) if before else {}
            if judged is not None and verdict.passed and self.question.policy != "off":
                for name, versions in self.question.relied(requirements, judged.remote).items():
                    passed[name] = tuple(dict.fromkeys((*passed.get(name, ()), *versions)))
            self._tasks[id(requirements)] = _Asked(requirements, judged, verdict, passed)
        return verdict

    def _note(self, remote: Snapshot) -> None:
        """So that the client can follow what it was held against, be it passed or refused."""
        self.facts.store(last_seen(project_root()), remote.to_json())

    def relied(self, requirements: Requirements | Relied) -> Passed:
        """What agents must find for such a task: all with which it has passed so far."""
        self.check_task(requirements)
        known = self._tasks.get(id(requirements))
        return known.passed if known else {}

    def refuse_task(self, requirements: Requirements | Relied) -> None:
        """Raise ParityError for a task that cannot run in the known remote side."""
        verdict = self.check_task(requirements)
        if not verdict.passed and self.renew():
            verdict = self.check_task(requirements)
        if not verdict.passed:
            raise refusal(verdict)

    def forget(self) -> None:
        """What is remembered of this remote side no longer counts."""
        self.facts.forget(self.question.key)


def passed(judged: Judgement | None) -> bool:
    """Whether there is a verdict that lets payload leave."""
    return judged is not None and judged.verdict.passed


def refusal(verdict: Verdict) -> ParityError:
    """The error for a verdict that did not pass."""
    error = ParityError(
        "The remote side is not the environment that the client has; no payload was sent.\n"
        + verdict.text()
    )
    error.verdict = verdict
    return error


def guard_refusal(findings: list[tuple[str, Any, Any]]) -> ParityError:
    """The error for what an agent's guard found: its place is not the one that passed."""
    lines = [f"  {what}: wanted {wanted}, found {found}" for what, wanted, found in findings]
    return ParityError(
        "A node is not the environment that passed the check, so nothing was unpickled "
        "there:\n" + "\n".join(lines) + "\nRun `fcx preflight --fresh` to judge it anew."
    )
